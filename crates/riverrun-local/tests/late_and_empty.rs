//! Streams with nothing in them, streams of which nothing is in time, and aggregates that fail: nothing hangs, what is dropped is
//! counted, and the failure names its operator.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use riverrun_local::{LocalHost, SimulatedHost};
use riverrun_stream::functions::{AggregateFunction, Count};
use riverrun_stream::stream::AsyncDataStream;
use riverrun_stream::time::{WatermarkGenerator, WatermarkOutput, WatermarkStrategy};
use riverrun_stream::window::{EventTimeSessionWindows, TumblingEventTimeWindows};
use riverrun_stream::{Error, FunctionError, Host, Result, StreamExecutionEnvironment, Timestamp};
use riverrun_testing::CollectingSink;

type Event = (u64, i64);

const SECOND: Duration = Duration::from_secs(1);

fn hosts() -> Vec<Arc<dyn Host>> {
    let mut hosts: Vec<Arc<dyn Host>> = vec![Arc::new(LocalHost::new())];
    hosts.extend((0..10).map(|seed| Arc::new(SimulatedHost::new(seed)) as Arc<dyn Host>));
    hosts
}

fn strategy() -> WatermarkStrategy<Event> {
    WatermarkStrategy::for_monotonous_timestamps().with_timestamp_assigner(|event: &Event, _| event.1)
}

#[test]
fn an_empty_stream_goes_through_every_kind_of_operator() {
    for host in hosts() {
        let env = StreamExecutionEnvironment::new(host);
        env.set_parallelism(2);
        let nothing = env.from_collection(Vec::<Event>::new()).assign_timestamps_and_watermarks(strategy());
        let keyed = nothing.key_by(|event| event.0);
        let sink = CollectingSink::new();
        keyed.sum(|event| &mut event.1).sink_to(sink.clone());
        keyed.window(TumblingEventTimeWindows::of(SECOND)).sum(|event| &mut event.1).sink_to(sink.clone());
        keyed.window(EventTimeSessionWindows::with_gap(SECOND)).sum(|event| &mut event.1).sink_to(sink.clone());
        keyed.interval_join(&keyed).between(-5, 5).apply(|left, _| *left).sink_to(sink.clone());
        nothing.window_all(TumblingEventTimeWindows::of(SECOND)).sum(|event| &mut event.1).sink_to(sink.clone());
        AsyncDataStream::ordered_wait(&nothing, |event| async move { Ok::<_, FunctionError>(vec![event]) }, SECOND)
            .sink_to(sink.clone());

        env.execute().unwrap();

        assert_eq!(sink.take(), []);
    }
}

/// Says with the first record that event time has come to its end.
struct Ahead;

impl WatermarkGenerator<Event> for Ahead {
    fn on_event(&mut self, _: &Event, _: Timestamp, output: &mut WatermarkOutput) {
        output.emit_watermark(1_000_000);
    }

    fn on_periodic_emit(&mut self, _: &mut WatermarkOutput) {}
}

#[test]
fn records_that_are_too_late_are_counted() {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(1);
    let ahead = WatermarkStrategy::for_generator(|_| Ahead).with_timestamp_assigner(|event: &Event, _| event.1);
    let sink = CollectingSink::new();
    env.from_collection((0..500).map(|n| (1_u64, n)))
        .assign_timestamps_and_watermarks(ahead)
        .key_by(|event| event.0)
        .window(TumblingEventTimeWindows::of(SECOND))
        .aggregate(Count)
        .name("Counts")
        .sink_to(sink.clone());

    let job = env.execute_async().unwrap();
    job.wait().unwrap();

    // The first record comes before the watermark that it makes.
    let late = job.metrics().operator("Counts").unwrap().counter("numLateRecordsDropped");
    assert_eq!((late, sink.take()), (499, vec![1]));
}

#[derive(Clone)]
struct Fails {
    panics: bool,
}

impl AggregateFunction<Event> for Fails {
    type Accumulator = u64;
    type Out = u64;

    fn create_accumulator(&mut self) -> u64 {
        0
    }

    fn add(&mut self, event: &Event, _: &mut u64) -> Result {
        assert!(!self.panics || event.1 < 7, "seven is too much");
        if event.1 < 7 { Ok(()) } else { Err(FunctionError::new("seven is too much")) }
    }

    fn get_result(&mut self, count: &u64) -> Result<u64> {
        Ok(*count)
    }

    fn merge(&mut self, _: &mut u64, _: u64) -> Result {
        Ok(())
    }
}

#[test]
fn an_aggregate_that_fails_or_panics_fails_the_job_with_its_operator() {
    for host in hosts() {
        for panics in [false, true] {
            let env = StreamExecutionEnvironment::new(host.clone());
            env.set_parallelism(2);
            env.from_collection((0..50).map(|n| (1_u64, n)))
                .assign_timestamps_and_watermarks(strategy())
                .key_by(|event| event.0)
                .window(TumblingEventTimeWindows::of(SECOND))
                .aggregate(Fails { panics })
                .name("Fragile")
                .sink_to(CollectingSink::new());

            let error = env.execute().unwrap_err();

            assert!(
                matches!(&error, Error::Job { operator, cause, .. }
                    if operator.contains("Fragile") && cause.to_string().contains("seven is too much")),
                "{error}"
            );
        }
    }
}
