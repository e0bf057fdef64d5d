//! The batched async operator: when batches are called, and what becomes of each record.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use riverrun_stream::functions::{AsyncBatchFunction, AsyncRetryStrategy, FailedRecord};
use riverrun_stream::operator::async_wait::{AsyncSettings, BatchLimits, OutputMode};
use riverrun_stream::operator::{AsyncBatchOperator, Operator, SnapshotKind};
use riverrun_stream::{FunctionError, Result, StreamRecord};
use riverrun_testing::{Feed, OperatorHarness, OperatorSuite};

const MODES: [OutputMode; 2] = [OutputMode::Ordered, OutputMode::Unordered];

type Answer = Arc<dyn Fn(u64, u64) -> Result<u64> + Send + Sync>;

/// Answers each value of a batch by a rule, at once or after some polls, and keeps what it was called with.
#[derive(Clone)]
struct Service {
    calls: Arc<Mutex<Vec<Vec<u64>>>>,
    attempts: Arc<Mutex<HashMap<u64, u64>>>,
    /// Given the value, and how often it was asked for.
    answer: Answer,
    at_once: bool,
    on_timeout: Option<u64>,
}

fn service(answer: impl Fn(u64, u64) -> Result<u64> + Send + Sync + 'static) -> Service {
    let answer = Arc::new(answer);
    Service { calls: Arc::default(), attempts: Arc::default(), answer, at_once: true, on_timeout: None }
}

impl Service {
    fn calls(&self) -> Vec<Vec<u64>> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

impl AsyncBatchFunction<u64> for Service {
    type Out = u64;

    fn cost(&self, value: &u64) -> usize {
        *value as usize
    }

    fn async_invoke(&mut self, batch: Vec<u64>) -> impl Future<Output = Result<Vec<Result<u64>>>> + Send + 'static {
        self.calls.lock().unwrap().push(batch.clone());
        let (service, at_once) = (self.clone(), self.at_once);
        async move {
            if !at_once {
                for _ in 0..batch[0] % 4 {
                    tokio::task::yield_now().await;
                }
            }
            let answer = |value: u64| {
                let mut attempts = service.attempts.lock().unwrap();
                let attempt = attempts.entry(value).or_default();
                *attempt += 1;
                (service.answer)(value, *attempt)
            };
            Ok(batch.into_iter().map(answer).collect())
        }
    }

    fn timeout(&mut self, batch: Vec<u64>) -> Result<Vec<Result<u64>>> {
        match self.on_timeout {
            Some(offset) => Ok(batch.into_iter().map(|value| Ok(value + offset)).collect()),
            None => Err(FunctionError::external("too slow")),
        }
    }
}

fn settings(mode: OutputMode) -> AsyncSettings<u64> {
    AsyncSettings { capacity: 100, ..AsyncSettings::new(mode, Duration::from_millis(1000)) }
}

fn limits(size: usize, cost: usize, delay: u64) -> BatchLimits {
    let max_delay = Duration::from_millis(delay);
    BatchLimits { max_batch_size: size, max_batch_cost: cost, max_delay, route_errors: true }
}

fn harness(service: &Service, settings: AsyncSettings<u64>, limits: BatchLimits) -> OperatorHarness {
    let mut harness = OperatorHarness::new(AsyncBatchOperator::<u64, _>::new(service.clone(), settings, limits));
    harness.open().unwrap();
    harness
}

#[test]
fn a_batch_is_called_when_it_is_full_and_the_rest_when_its_time_is_over() {
    let service = service(|value, _| Ok(10 * value));
    let mut harness = harness(&service, settings(OutputMode::Ordered), limits(4, usize::MAX, 20));

    harness.process(0, 1..=6_u64).unwrap();
    assert_eq!(service.calls(), [[1, 2, 3, 4]]);
    harness.advance_to(19).unwrap();
    assert!(service.calls().is_empty());
    harness.advance_to(20).unwrap();
    assert_eq!(service.calls(), [[5, 6]]);

    assert_eq!(harness.take_values::<u64>(0).unwrap(), [10, 20, 30, 40, 50, 60]);
}

#[test]
fn a_batch_ends_before_it_costs_too_much_and_what_costs_more_alone_is_called_alone() {
    let service = service(|value, _| Ok(value));
    let mut harness = harness(&service, settings(OutputMode::Ordered), limits(100, 10, 20));

    harness.process(0, [4_u64, 5, 2, 3, 50, 1]).unwrap();
    harness.finish().unwrap();

    assert_eq!(service.calls(), [vec![4, 5], vec![2, 3], vec![50], vec![1]]);
}

#[test]
fn without_delay_a_batch_is_what_has_arrived() {
    let service = service(|value, _| Ok(value));
    let mut harness = harness(&service, settings(OutputMode::Ordered), limits(100, usize::MAX, 0));

    harness.process(0, [1_u64, 2, 3]).unwrap();

    assert_eq!(service.calls(), [[1, 2, 3]]);
}

#[test]
fn a_capacity_below_the_batch_size_does_not_wait_for_what_can_not_come() {
    let service = service(|value, _| Ok(value));
    let settings = AsyncSettings { capacity: 3, ..settings(OutputMode::Ordered) };
    let mut harness = harness(&service, settings, limits(64, usize::MAX, 60_000));

    harness.process(0, 1..=9_u64).unwrap();

    assert_eq!(service.calls(), [[1, 2, 3], [4, 5, 6], [7, 8, 9]]);
}

#[test]
fn a_checkpoint_neither_calls_a_forming_batch_nor_waits_for_it() {
    for mode in MODES {
        let service = service(|value, _| Ok(value));
        let mut harness = harness(&service, settings(mode), limits(4, usize::MAX, 20));
        harness.process(0, [1_u64, 2]).unwrap();

        let (_, state) = harness.snapshot(SnapshotKind::Checkpoint).unwrap();

        assert!(service.calls().is_empty());
        assert_eq!(state.list["in-flight"].len(), 2);
    }
}

#[test]
fn one_bad_record_of_a_batch_fails_alone() {
    let service = service(|value, _| if value == 2 { Err(FunctionError::new("odd one out")) } else { Ok(value) });
    let mut harness = harness(&service, settings(OutputMode::Ordered), limits(4, usize::MAX, 0));

    harness.process_records(0, (1..=4_u64).map(|n| StreamRecord::at(n, n as i64))).unwrap();

    assert_eq!(harness.take_values::<u64>(0).unwrap(), [1, 3, 4]);
    let failed = harness.take_records::<FailedRecord<u64>>(1).unwrap();
    assert_eq!(failed, [StreamRecord::at(FailedRecord { record: 2, error: "odd one out".into() }, 2)]);
}

#[test]
fn a_record_that_fails_fails_the_task_where_nobody_takes_it() {
    let service = service(|value, _| if value == 2 { Err(FunctionError::new("odd one out")) } else { Ok(value) });
    let limits = BatchLimits { route_errors: false, ..limits(4, usize::MAX, 0) };
    let mut harness = harness(&service, settings(OutputMode::Ordered), limits);

    let error = harness.process(0, 1..=4_u64).unwrap_err();

    assert_eq!(error.to_string(), "odd one out");
}

#[test]
fn only_the_records_without_a_result_are_called_again() {
    let service =
        service(
            |value, attempt| {
                if value % 2 == 0 && attempt <= value / 2 { Err(FunctionError::external("busy")) } else { Ok(value) }
            },
        );
    let retry = AsyncRetryStrategy::fixed_delay(2, Duration::from_millis(10)).if_error(|_| true);
    let settings = AsyncSettings { retry: Some(retry), ..settings(OutputMode::Ordered) };
    let mut harness = harness(&service, settings, limits(6, usize::MAX, 0));

    harness.process(0, 1..=6_u64).unwrap();
    harness.advance_to(100).unwrap();

    assert_eq!(service.calls(), [vec![1, 2, 3, 4, 5, 6], vec![2, 4, 6], vec![4, 6]]);
    assert_eq!(harness.take_values::<u64>(0).unwrap(), [1, 2, 3, 4, 5]);
    let failed = harness.take_values::<FailedRecord<u64>>(1).unwrap();
    assert_eq!(failed, [FailedRecord { record: 6, error: "after 3 calls: busy".into() }]);
}

#[test]
fn a_batch_whose_time_is_over_during_the_delay_before_a_retry_is_not_lost() {
    for mode in MODES {
        for delay in [999, 1000, 1001] {
            let mut service =
                service(|value, _| if value == 2 { Err(FunctionError::external("busy")) } else { Ok(value) });
            service.on_timeout = Some(900);
            let retry = AsyncRetryStrategy::fixed_delay(9, Duration::from_millis(delay)).if_error(|_| true);
            let settings = AsyncSettings { retry: Some(retry), ..settings(mode) };
            let mut harness = harness(&service, settings, limits(3, usize::MAX, 0));

            harness.process(0, 1..=3_u64).unwrap();
            harness.advance_to(998).unwrap();
            harness.advance_to(5000).unwrap();

            let mut values = harness.take_values::<u64>(0).unwrap();
            values.sort_unstable();
            assert_eq!(values, [1, 3, 902], "{delay}");
        }
    }
}

#[derive(Clone)]
struct Miscounts;

impl AsyncBatchFunction<u64> for Miscounts {
    type Out = u64;

    #[allow(clippy::manual_async_fn, reason = "an async fn would borrow the function")]
    fn async_invoke(&mut self, batch: Vec<u64>) -> impl Future<Output = Result<Vec<Result<u64>>>> + Send + 'static {
        async move { Ok(batch.into_iter().skip(1).map(Ok).collect()) }
    }
}

#[test]
fn a_wrong_number_of_results_is_the_error_of_each_record() {
    let operator = AsyncBatchOperator::<u64, _>::new(Miscounts, settings(OutputMode::Ordered), limits(3, 99, 0));
    let mut harness = OperatorHarness::new(operator);
    harness.open().unwrap();

    harness.process(0, 1..=3_u64).unwrap();

    let failed = harness.take_values::<FailedRecord<u64>>(1).unwrap();
    assert_eq!(failed.len(), 3);
    assert!(failed[0].error.contains("2 results for 3 values"), "{failed:?}");
}

#[test]
fn async_batch_wait_passes_the_suite_in_both_orders_with_and_without_retries() {
    for mode in MODES {
        for flaky in [false, true] {
            let operator = move || -> Box<dyn Operator> {
                let mut service = service(move |value, attempt| match value {
                    _ if value % 50 == 7 => Err(FunctionError::new("never")),
                    _ if flaky && attempt % 2 == 1 => Err(FunctionError::external("busy")),
                    _ => Ok(3 * value),
                });
                service.at_once = false;
                let retry = AsyncRetryStrategy::fixed_delay(3, Duration::ZERO).if_error(FunctionError::is_retryable);
                let retry = Some(retry).filter(|_| flaky);
                let settings = AsyncSettings { capacity: 16, retry, ..settings(mode) };
                Box::new(AsyncBatchOperator::<u64, _>::new(service, settings, limits(5, 1000, 3)))
            };
            let script = || {
                let records = |range: std::ops::Range<u64>| range.map(|n| StreamRecord::at(n, n as i64));
                vec![
                    Feed::records(0, records(0..150)),
                    Feed::watermark(0, 149),
                    Feed::advance_to(10),
                    Feed::records(0, records(150..300)),
                    Feed::idle(0, true),
                    Feed::idle(0, false),
                    Feed::watermark(0, 299),
                ]
            };
            let suite = OperatorSuite::new(operator, script).seeds(40);
            let suite = if mode == OutputMode::Ordered { suite } else { suite.unordered() };

            let report = suite.run().unwrap();

            assert_eq!(report.values::<u64>(0).unwrap().len(), 294);
            assert_eq!(report.values::<FailedRecord<u64>>(1).unwrap().len(), 6);
            assert!(report.busy_snapshots > 0, "{report:?}");
        }
    }
}
