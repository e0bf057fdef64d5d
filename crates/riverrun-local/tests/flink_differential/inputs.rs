//! What the programs read: the events of `tests/flink/inputs`, with a watermark after every one.

use std::path::PathBuf;

use riverrun_stream::stream::KeyedStream;
use riverrun_stream::{
    DataStream, StreamExecutionEnvironment, Timestamp, WatermarkGenerator, WatermarkOutput, WatermarkStrategy,
};
use serde::{Deserialize, Serialize};

/// A key, a value, and the event time in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) key: String,
    pub(crate) value: i64,
    pub(crate) time: Timestamp,
}

impl Event {
    pub(crate) fn line(&self) -> String {
        format!("{} {}@{}", self.key, self.value, self.time)
    }
}

pub(crate) fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/flink")
}

pub(crate) struct Inputs<'e>(pub(crate) &'e StreamExecutionEnvironment);

impl Inputs<'_> {
    /// The events of a file; the watermark stays `bound` ms behind the greatest time so far.
    pub(crate) fn events(&self, name: &str, bound: i64) -> DataStream<Event> {
        let strategy =
            WatermarkStrategy::for_generator(move |_| AfterEveryRecord { bound, greatest: i64::MIN + bound + 1 })
                .with_timestamp_assigner(|event: &Event, _| event.time);
        let events = self.0.from_collection(read(name)).set_parallelism(1);
        (*events.assign_timestamps_and_watermarks(strategy).set_parallelism(1)).clone()
    }

    pub(crate) fn keyed(&self, name: &str, bound: i64) -> KeyedStream<Event, String> {
        self.events(name, bound).key_by(|event| event.key.clone())
    }
}

fn read(name: &str) -> Vec<Event> {
    let lines = std::fs::read_to_string(directory().join(format!("inputs/{name}.csv"))).unwrap();
    lines.lines().map(parse).collect()
}

fn parse(line: &str) -> Event {
    let mut fields = line.split(',');
    let key = fields.next().unwrap().to_string();
    let mut number = || fields.next().unwrap().parse().unwrap();
    Event { key, value: number(), time: number() }
}

struct AfterEveryRecord {
    bound: i64,
    greatest: Timestamp,
}

impl WatermarkGenerator<Event> for AfterEveryRecord {
    fn on_event(&mut self, _: &Event, timestamp: Timestamp, output: &mut WatermarkOutput) {
        self.greatest = self.greatest.max(timestamp);
        output.emit_watermark(self.greatest - self.bound - 1);
    }

    fn on_periodic_emit(&mut self, _: &mut WatermarkOutput) {}
}
