//! The programs of `bench/flink/java/Benchmarks.java`, here. `flink_programs PROGRAM PARALLELISM WARM_UP_RECORDS RECORDS` prints
//! one line of JSON for the warm-up and one for the measured run; without arguments every program runs once, briefly, to see
//! that it does. `bench/flink/run.py` runs both sides.
#![allow(clippy::expect_used, reason = "a job that fails ends the benchmark")]

mod ticks;
mod totals;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use riverrun_local::LocalHost;
use riverrun_stream::functions::Count;
use riverrun_stream::stream::{AsyncDataStream, KeyedStream};
use riverrun_stream::window::{EventTimeSessionWindows, SlidingEventTimeWindows, TumblingEventTimeWindows};
use riverrun_stream::{
    DataStream, FunctionError, SingleOutputStreamOperator, StreamExecutionEnvironment, WatermarkStrategy,
};

use ticks::Ticks;
use totals::Totals;

/// A key and a value.
type Pair = (u64, u64);
type Program = fn(&Job) -> SingleOutputStreamOperator<Pair>;

const CAPACITY: usize = 1000;

struct Job {
    env: StreamExecutionEnvironment,
    parallelism: u64,
    records: u64,
    totals: Arc<Totals>,
}

impl Job {
    /// The numbers from 0 as pairs of a key, `n % keys`, and `n`, stamped with `n` divided by the records of a millisecond.
    fn stream(&self, keys: u64, per_millisecond: u64) -> DataStream<Pair> {
        self.part(self.records, keys, move |n| n / per_millisecond)
    }

    fn part(
        &self, records: u64, keys: u64, time: impl Fn(u64) -> u64 + Clone + Send + Sync + 'static,
    ) -> DataStream<Pair> {
        let ascending = WatermarkStrategy::for_monotonous_timestamps()
            .with_timestamp_assigner(move |n: &u64, _| i64::try_from(time(*n)).unwrap_or(i64::MAX));
        let totals = self.totals.clone();
        let ticks = Ticks { records, subtasks: self.parallelism };
        let ticks = self.env.from_source_with_watermarks(ticks, ascending).map(move |n| {
            if n == 0 {
                totals.begin();
            }
            (n % keys, n)
        });
        ticks.as_ref().clone()
    }

    fn keyed(&self, keys: u64, per_millisecond: u64) -> KeyedStream<Pair, u64> {
        self.stream(keys, per_millisecond).key_by(|(key, _)| *key)
    }

    /// Calls a service that answers after this long, without computing anything.
    fn calls(&self, ordered: bool, latency: u64) -> SingleOutputStreamOperator<Pair> {
        let service = move |tick: Pair| async move {
            if latency > 0 {
                tokio::time::sleep(Duration::from_millis(latency)).await;
            }
            Ok::<_, FunctionError>(vec![tick])
        };
        let (stream, timeout) = (self.stream(1000, 100), Duration::from_secs(60));
        let answers = if ordered {
            AsyncDataStream::ordered_wait(&stream, service, timeout)
        } else {
            AsyncDataStream::unordered_wait(&stream, service, timeout)
        };
        answers.capacity(CAPACITY).into_stream()
    }
}

fn programs() -> BTreeMap<&'static str, Program> {
    BTreeMap::from([
        ("keyed_sum", (|job| job.keyed(1000, 100).sum(|(_, value)| value)) as Program),
        ("tumbling_sum", |job| {
            let windows = TumblingEventTimeWindows::of(Duration::from_secs(1));
            job.keyed(1000, 100).window(windows).sum(|(_, value)| value)
        }),
        ("tumbling_count", |job| {
            let windows = TumblingEventTimeWindows::of(Duration::from_secs(1));
            job.keyed(1000, 100).window(windows).aggregate(Count).map(|count| (0, count))
        }),
        ("sliding_sum", |job| {
            let windows = SlidingEventTimeWindows::of(Duration::from_millis(6000), Duration::from_millis(100));
            job.keyed(100, 10).window(windows).sum(|(_, value)| value)
        }),
        ("session_sum", |job| {
            let bursts = job.part(job.records, 1000, |n| n / 100 + n / 50_000 * 1000);
            let windows = EventTimeSessionWindows::with_gap(Duration::from_millis(500));
            bursts.key_by(|(key, _)| *key).window(windows).sum(|(_, value)| value)
        }),
        ("interval_join", |job| {
            let half = || job.part(job.records / 2, 1000, |n| n / 100).key_by(|(key, _): &Pair| *key);
            half().interval_join(&half()).between(-10, 10).apply(|(key, left), (_, right)| (*key, left + right))
        }),
        ("async_ordered_50ms", |job| job.calls(true, 50)),
        ("async_unordered_50ms", |job| job.calls(false, 50)),
        ("async_ordered_at_once", |job| job.calls(true, 0)),
        ("async_unordered_at_once", |job| job.calls(false, 0)),
    ])
}

fn run(program: Program, parallelism: u64, records: u64) {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(usize::try_from(parallelism).expect("a number of threads"));
    let totals = Arc::new(Totals::default());
    let job = Job { env, parallelism, records: records / parallelism * parallelism, totals: totals.clone() };
    program(&job).sink_to(totals::TotalsSink(totals.clone()));
    job.env.execute().expect("the job");
    println!("{}", totals.json(records));
}

fn main() {
    // Cargo says `--bench` to every benchmark.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let programs = programs();
    let number = |text: &String| text.parse::<u64>().ok();
    match arguments.as_slice() {
        [] => programs.iter().for_each(|(name, program)| {
            print!("{name} ");
            run(*program, 1, 20_000);
        }),
        [name, numbers @ ..] => {
            let numbers: Option<Vec<u64>> = numbers.iter().map(number).collect();
            let (Some(program), Some(&[parallelism, warm_up, records])) =
                (programs.get(name.as_str()), numbers.as_deref())
            else {
                eprintln!("flink_programs [PROGRAM PARALLELISM WARM_UP_RECORDS RECORDS]");
                eprintln!("programs: {}", programs.into_keys().collect::<Vec<_>>().join(", "));
                std::process::exit(2);
            };
            run(*program, parallelism, warm_up);
            run(*program, parallelism, records);
        }
    }
}
