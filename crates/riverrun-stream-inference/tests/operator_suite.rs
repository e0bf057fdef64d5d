//! `infer` in the operator suite: batches cut anywhere, snapshots with records inside the model, other parallelisms.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a failure is a failed test")]

use std::time::Duration;

use riverrun_runner::{Batching, Compute, ItemError, Prepared, Runnable, Runner};
use riverrun_stream::StreamRecord;
use riverrun_stream::operator::Readiness;
use riverrun_stream::operator::async_wait::OutputMode;
use riverrun_stream_inference::{FailedRecord, InferOperator, InferOptions};
use riverrun_testing::{Feed, OperatorHarness, OperatorSuite};

/// Doubles numbers, but for multiples of 50.
struct Double;

impl Runnable for Double {
    type Input = u64;
    type Prepared = u64;
    type Output = u64;

    fn prepare(&self, input: u64) -> Result<Prepared<u64>, ItemError> {
        Ok(Prepared { value: input, cost: 1 })
    }

    fn run(&self, batch: Vec<u64>, _: &Compute) -> Result<Vec<Result<u64, ItemError>>, ItemError> {
        let double = |number: u64| {
            if number.is_multiple_of(50) { Err(ItemError::new("a multiple of 50")) } else { Ok(number * 2) }
        };
        Ok(batch.into_iter().map(double).collect())
    }
}

fn suite(options: InferOptions) -> riverrun_testing::SuiteReport {
    // A small queue and a small capacity, so that the operator is often busy.
    let runner = Runner::new("double", Double).batching(Batching::default().max_queue(16).max_batch_size(4));
    let suite = OperatorSuite::new(
        move || Box::new(InferOperator::<u64, _, _>::new(runner.clone(), |&n| n, options)),
        || {
            let records = |range: std::ops::Range<u64>| range.map(|n| StreamRecord::at(n, n as i64));
            vec![
                Feed::records(0, records(1..120)),
                Feed::watermark(0, 119),
                Feed::advance_to(1000),
                Feed::idle(0, true),
                Feed::idle(0, false),
                Feed::records(0, records(120..250)),
            ]
        },
    )
    .seeds(60);
    let suite = if options.mode == OutputMode::Ordered { suite } else { suite.unordered() };
    suite.run().unwrap()
}

#[test]
fn infer_loses_and_repeats_nothing_whatever_is_done_to_it() {
    for mode in [OutputMode::Ordered, OutputMode::Unordered] {
        for max_delay in [Duration::ZERO, Duration::from_millis(100)] {
            let report = suite(InferOptions { capacity: 24, route_errors: true, mode, max_delay });

            assert_eq!(report.values::<(u64, u64)>(0).unwrap().len(), 245);
            assert_eq!(report.values::<FailedRecord<u64>>(1).unwrap().len(), 4);
            assert!(report.busy_snapshots > 0);
        }
    }
}

#[test]
fn records_wait_for_a_batch_of_the_runners_but_not_for_longer_than_they_may() {
    let runner = Runner::new("double", Double).batching(Batching::default().max_batch_size(4));
    let options = InferOptions { max_delay: Duration::from_millis(50), ..InferOptions::default() };
    let mut harness = OperatorHarness::new(InferOperator::<u64, _, _>::new(runner.clone(), |&n| n, options));
    harness.open().unwrap();

    harness.process(0, [1_u64, 2, 3]).unwrap();
    assert_eq!((harness.alarm(), runner.stats().items), (Some(50), 0));
    harness.process(0, [4_u64]).unwrap();
    until(|| runner.stats().items == 4);
    harness.process(0, [5_u64]).unwrap();
    harness.advance_to(49).unwrap();
    assert_eq!(runner.stats().items, 4);
    harness.advance_to(50).unwrap();
    until(|| runner.stats().items == 5);
    harness.finish().unwrap();

    assert_eq!(harness.take_values::<(u64, u64)>(0).unwrap(), (1..=5).map(|n| (n, 2 * n)).collect::<Vec<_>>());
}

#[test]
fn the_runner_never_has_more_records_than_the_capacity() {
    let runner = Runner::new("double", Double).batching(Batching::default().max_batch_size(4));
    let options = InferOptions { capacity: 3, max_delay: Duration::from_secs(60), ..InferOptions::default() };
    let mut harness = OperatorHarness::new(InferOperator::<u64, _, _>::new(runner.clone(), |&n| n, options));
    harness.open().unwrap();

    assert_eq!(harness.process(0, 1..=10_u64).unwrap(), Readiness::Busy);
    until(|| runner.stats().items == 3);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(runner.stats().items, 3, "the next come when these have been emitted");
    harness.finish().unwrap();

    assert_eq!(harness.take_values::<(u64, u64)>(0).unwrap(), (1..=10).map(|n| (n, 2 * n)).collect::<Vec<_>>());
}

fn until(condition: impl Fn() -> bool) {
    for _ in 0..5_000 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("it did not come to pass");
}
