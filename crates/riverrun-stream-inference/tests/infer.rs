//! Streams that meet a runner, on the local host.

use std::sync::Arc;

use riverrun_local::LocalHost;
use riverrun_runner::{Compute, ItemError, Prepared, Runnable, Runner};
use riverrun_stream::StreamExecutionEnvironment;
use riverrun_stream_inference::{FailedRecord, InferExt};

/// Squares numbers; 13 can't be prepared, and a batch with 17 in it fails as a whole.
struct Square;

impl Runnable for Square {
    type Input = u64;
    type Prepared = u64;
    type Output = u64;

    fn prepare(&self, input: u64) -> Result<Prepared<u64>, ItemError> {
        if input == 13 { Err(ItemError::new("13 is unlucky")) } else { Ok(Prepared { value: input, cost: 1 }) }
    }

    fn run(&self, batch: Vec<u64>, _: &Compute) -> Result<Vec<Result<u64, ItemError>>, ItemError> {
        if batch.contains(&17) {
            return Err(ItemError::new("17 spoils its batch"));
        }
        Ok(batch.into_iter().map(|number| Ok(number * number)).collect())
    }
}

fn environment() -> StreamExecutionEnvironment {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(1);
    env
}

#[test]
fn every_record_comes_out_with_its_result_in_order() {
    let env = environment();
    let runner = Runner::new("square", Square);

    let numbers = (100..20_100).collect::<Vec<u64>>();
    let squared = env.from_collection(numbers.clone()).infer(&runner, |&n| n).execute_and_collect().unwrap();

    assert_eq!(squared, numbers.into_iter().map(|n| (n, n * n)).collect::<Vec<_>>());
}

#[test]
fn a_small_capacity_holds_the_stream_back_and_loses_nothing() {
    let env = environment();
    let runner = Runner::new("square", Square);

    let numbers = (100..5_100).collect::<Vec<u64>>();
    let squared =
        env.from_collection(numbers.clone()).infer(&runner, |&n| n).capacity(3).execute_and_collect().unwrap();

    assert_eq!(squared.len(), numbers.len());
}

#[test]
fn failures_that_are_routed_leave_the_rest_alone() {
    let env = environment();
    let runner = Runner::new("square", Square);

    let inferred = env.from_collection(1..=40_u64).infer(&runner, |&n| n);
    let bad = inferred.failures().map(|FailedRecord { record, error }| format!("{record}: {error}"));
    let good = inferred.map(|(n, square)| format!("{n}²={square}"));
    let lines = good.union([&bad]).execute_and_collect().unwrap();

    let (good, bad): (Vec<String>, Vec<String>) = lines.into_iter().partition(|line| line.contains('²'));
    let expected = (1..=40).filter(|n| ![13, 17].contains(n)).map(|n| format!("{n}²={}", n * n));
    assert_eq!(good, expected.collect::<Vec<_>>());
    assert_eq!(bad.len(), 2, "{bad:?}");
    assert!(bad[0].starts_with("13: ") && bad[0].contains("unlucky"), "{bad:?}");
    assert!(bad[1].starts_with("17: ") && bad[1].contains("spoils"), "{bad:?}");
}

#[test]
fn a_failure_that_nobody_routes_fails_the_job_and_says_why() {
    let env = environment();
    let runner = Runner::new("square", Square);

    let error = env.from_sequence(1, 40).infer(&runner, |&n| n).execute_and_collect().unwrap_err().to_string();

    assert!(error.contains("Infer square") && error.contains("unlucky"), "{error}");
}

#[test]
fn subtasks_share_one_runner() {
    let env = environment();
    env.set_parallelism(3);
    let runner = Runner::new("square", Square);

    let mut squared = env.from_sequence(20, 9_999).infer(&runner, |&n| n).execute_and_collect().unwrap();

    squared.sort_unstable();
    assert_eq!(squared, (20..=9_999).map(|n| (n, n * n)).collect::<Vec<_>>());
}

#[test]
fn unordered_results_are_all_there() {
    let env = environment();
    let runner = Runner::new("square", Square);

    let stream = env.from_sequence(20, 5_000).infer(&runner, |&n| n).unordered().capacity(100);
    let mut squared = stream.execute_and_collect().unwrap();

    squared.sort_unstable();
    assert_eq!(squared, (20..=5_000).map(|n| (n, n * n)).collect::<Vec<_>>());
}

#[test]
fn a_capacity_of_zero_is_found_before_the_program_runs() {
    let env = environment();
    let runner = Runner::new("square", Square);

    let stream = env.from_sequence(1, 3).infer(&runner, |&n| n).capacity(0);
    let error = stream.execute_and_collect().unwrap_err().to_string();

    assert!(error.contains("the capacity of `Infer` is 0"), "{error}");
}

#[test]
fn a_job_shows_what_its_batches_were_like_and_counts_what_failed() {
    let env = environment();
    env.set_parallelism(2);
    let runner = Runner::new("square", Square);

    let inferred = env.from_sequence(1, 1000).infer(&runner, |&n| n);
    inferred.failures().filter(|_| false).print();
    inferred.filter(|_| false).print();
    let job = env.execute_async().unwrap();
    job.wait().unwrap();

    let metrics = job.metrics();
    let infer = metrics.operator("Infer square").unwrap();
    // 13 can't be prepared, and so is in no batch.
    assert_eq!((infer.counter("numFailures"), infer.counter("numTokens")), (2, 999));
    assert_eq!(infer.gauge("inFlight"), [0, 0]);
    let sizes = infer.histogram("batchSize");
    assert!((sizes.mean() * sizes.count() as f64 - 999.0).abs() < 1e-6, "{sizes:?}");
    for name in ["batchCost", "batchLatencyUs", "queueTimeUs"] {
        assert_eq!(infer.histogram(name).count(), sizes.count(), "{name}");
    }
}
