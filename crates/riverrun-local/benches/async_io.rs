//! Async calls: how close 1,000 in flight come to what a service of 50 ms allows, and what a call costs that has its result at
//! once, or after a hop to the executor.
#![allow(missing_docs, clippy::expect_used, reason = "a job that fails ends the benchmark")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use riverrun_local::LocalHost;
use riverrun_stream::stream::{AsyncDataStream, AsyncStream};
use riverrun_stream::{DataStream, Result, StreamExecutionEnvironment};
use riverrun_testing::CheckingSink;

const CAPACITY: usize = 1000;
const LATENCY: Duration = Duration::from_millis(50);
const TIMEOUT: Duration = Duration::from_secs(60);

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    // Against the bound: the calls that the capacity allows for, and nothing on top.
    let bound = CAPACITY as f64 / LATENCY.as_secs_f64();
    for (name, wait) in forms(slow) {
        let per_second = run(100_000, wait);
        println!(
            "{name}, {CAPACITY} in flight, 50 ms each: {per_second:.0} calls/s, {:.1} % of the bound",
            100.0 * per_second / bound
        );
    }
    for (name, wait) in forms(immediate) {
        println!("{name}, results at once: {:.2} million calls/s", run(5_000_000, wait) / 1e6);
    }
    for (name, wait) in forms(elsewhere) {
        println!("{name}, results from the executor: {:.2} million calls/s", run(1_000_000, wait) / 1e6);
    }
}

async fn slow(value: u64) -> Result<Vec<u64>> {
    tokio::time::sleep(LATENCY).await;
    Ok(vec![value])
}

async fn immediate(value: u64) -> Result<Vec<u64>> {
    Ok(vec![value])
}

async fn elsewhere(value: u64) -> Result<Vec<u64>> {
    tokio::task::yield_now().await;
    Ok(vec![value])
}

type Wait = Box<dyn Fn(&DataStream<u64>) -> AsyncStream<u64>>;

fn forms<Fut>(call: impl Fn(u64) -> Fut + Copy + Send + 'static) -> [(&'static str, Wait); 2]
where
    Fut: Future<Output = Result<Vec<u64>>> + Send + 'static,
{
    [
        ("ordered", Box::new(move |stream| AsyncDataStream::ordered_wait(stream, call, TIMEOUT))),
        ("unordered", Box::new(move |stream| AsyncDataStream::unordered_wait(stream, call, TIMEOUT))),
    ]
}

/// Records per second of a program at parallelism 1, its start and end included.
fn run(records: u64, wait: Wait) -> f64 {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(1);
    let sink = CheckingSink::new(|value: &u64| *value);
    wait(&env.from_sequence(1, records)).capacity(CAPACITY).sink_to(sink.clone());

    let start = Instant::now();
    env.execute().expect("the job runs to its end");
    let seconds = start.elapsed().as_secs_f64();

    assert_eq!((sink.count(), sink.sum()), (records, records * (records + 1) / 2), "every result arrived once");
    records as f64 / seconds
}
