//! Async operators: order, time, retries, snapshots, and the bugs that Flink's had.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a failure is a failed test")]

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use riverrun_stream::element::StreamElement;
use riverrun_stream::functions::{AsyncFunction, AsyncRetryStrategy};
use riverrun_stream::operator::async_wait::{AsyncSettings, OutputMode};
use riverrun_stream::operator::{AsyncWaitOperator, Operator, Readiness, SnapshotKind};
use riverrun_stream::{FunctionError, Result, StreamRecord};
use riverrun_testing::{Feed, HarnessError, OperatorHarness, OperatorSuite};

const MODES: [OutputMode; 2] = [OutputMode::Ordered, OutputMode::Unordered];

/// A service that answers when the test says so.
#[derive(Clone, Default)]
struct Service {
    state: Arc<Mutex<Requests>>,
    /// What `timeout` makes of a value, if it makes something.
    on_timeout: Option<u64>,
}

#[derive(Default)]
struct Requests {
    calls: Vec<u64>,
    answers: HashMap<u64, VecDeque<Result<Vec<u64>, String>>>,
    wakers: Vec<Waker>,
}

impl Service {
    fn answer(&self, value: u64, answer: Result<Vec<u64>, &str>) {
        let wakers = {
            let mut state = self.state.lock().unwrap();
            state.answers.entry(value).or_default().push_back(answer.map_err(String::from));
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn calls(&self) -> Vec<u64> {
        self.state.lock().unwrap().calls.clone()
    }

    fn poll(&self, value: u64, context: &Context<'_>) -> Poll<Result<Vec<u64>>> {
        let mut state = self.state.lock().unwrap();
        match state.answers.get_mut(&value).and_then(VecDeque::pop_front) {
            Some(answer) => Poll::Ready(answer.map_err(FunctionError::external)),
            None => {
                state.wakers.push(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncFunction<u64> for Service {
    type Out = u64;

    fn async_invoke(&mut self, value: u64) -> impl Future<Output = Result<Vec<u64>>> + Send + 'static {
        self.state.lock().unwrap().calls.push(value);
        let service = self.clone();
        std::future::poll_fn(move |context| service.poll(value, context))
    }

    fn timeout(&mut self, value: u64) -> Result<Vec<u64>> {
        match self.on_timeout {
            Some(offset) => Ok(vec![value + offset]),
            None => Err(FunctionError::external("too slow")),
        }
    }
}

fn settings(mode: OutputMode) -> AsyncSettings<Vec<u64>> {
    AsyncSettings::new(mode, Duration::from_millis(1000))
}

fn fixed(attempts: usize, millis: u64) -> Option<AsyncRetryStrategy<Vec<u64>>> {
    Some(AsyncRetryStrategy::fixed_delay(attempts, Duration::from_millis(millis)).if_error(|_| true))
}

fn harness(service: &Service, settings: AsyncSettings<Vec<u64>>) -> OperatorHarness {
    let mut harness = OperatorHarness::new(AsyncWaitOperator::<u64, _>::new(service.clone(), settings));
    harness.open().unwrap();
    harness
}

/// Makes the calls that are due until as many values have come out.
fn values(harness: &mut OperatorHarness, count: usize) -> Vec<u64> {
    let mut values = Vec::new();
    for _ in 0..5_000 {
        harness.run().unwrap();
        values.extend(harness.take_values::<u64>(0).unwrap());
        if values.len() >= count {
            return values;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("{count} values did not come, but {values:?}");
}

/// Makes the calls that are due until the condition holds.
fn until(harness: &mut OperatorHarness, condition: impl Fn(&mut OperatorHarness) -> bool) {
    for _ in 0..5_000 {
        harness.run().unwrap();
        if condition(harness) {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("it did not come to pass");
}

/// Lets what was set off elsewhere arrive, where nothing should come of it.
fn settle(harness: &mut OperatorHarness) {
    thread::sleep(Duration::from_millis(30));
    harness.run().unwrap();
}

#[test]
fn ordered_wait_keeps_the_order_of_the_input() {
    let service = Service::default();
    let mut harness = harness(&service, settings(OutputMode::Ordered));
    harness.process(0, [1_u64, 2, 3]).unwrap();

    service.answer(3, Ok(vec![30]));
    service.answer(2, Ok(vec![20, 21]));
    settle(&mut harness);
    assert!(harness.take_values::<u64>(0).unwrap().is_empty());
    service.answer(1, Ok(vec![]));

    assert_eq!(values(&mut harness, 3), [20, 21, 30]);
}

#[test]
fn results_overtake_each_other_but_never_a_watermark() {
    let service = Service::default();
    let mut harness = harness(&service, settings(OutputMode::Unordered));
    harness.process_records(0, [StreamRecord::at(1_u64, 1), StreamRecord::at(2, 2)]).unwrap();
    harness.watermark(0, 2).unwrap();
    harness.process_records(0, [StreamRecord::at(3_u64, 3)]).unwrap();

    service.answer(3, Ok(vec![30]));
    service.answer(2, Ok(vec![20]));
    assert_eq!(values(&mut harness, 1), [20]);
    service.answer(1, Ok(vec![10]));
    until(&mut harness, |harness| harness.futures() == 0);

    let order: Vec<String> = harness.take_elements(0).iter().map(|element| format!("{element:?}")).collect();
    assert_eq!(order, ["Records(1 records of u64)", "Watermark(2)", "Records(1 records of u64)"]);
}

#[test]
fn no_more_than_the_capacity_is_in_flight() {
    for mode in MODES {
        let service = Service::default();
        let mut harness = harness(&service, AsyncSettings { capacity: 3, ..settings(mode) });

        assert_eq!(harness.process(0, 0..10_u64).unwrap(), Readiness::Busy);
        assert_eq!((service.calls().len(), harness.futures()), (3, 3));
        for value in 0..10 {
            service.answer(value, Ok(vec![value]));
        }

        let mut values = values(&mut harness, 10);
        values.sort_unstable();
        assert_eq!(values, (0..10).collect::<Vec<_>>());
        assert_eq!(harness.readiness(), Readiness::Ready);
    }
}

#[test]
fn a_call_that_has_its_result_at_once_needs_no_executor() {
    for mode in MODES {
        let service = Service::default();
        for value in 0..100 {
            service.answer(value, Ok(vec![value]));
        }
        let mut harness = harness(&service, AsyncSettings { capacity: 1, ..settings(mode) });

        assert_eq!(harness.process(0, 0..100_u64).unwrap(), Readiness::Ready);

        assert_eq!(harness.take_values::<u64>(0).unwrap(), (0..100).collect::<Vec<_>>());
    }
}

#[test]
fn an_error_fails_the_task() {
    let service = Service::default();
    let mut harness = harness(&service, settings(OutputMode::Ordered));
    harness.process(0, [1_u64]).unwrap();
    service.answer(1, Err("no such page"));

    let error = harness.finish().unwrap_err();

    assert_eq!(error.to_string(), "no such page");
}

#[derive(Clone)]
struct Panics;

impl AsyncFunction<u64> for Panics {
    type Out = u64;

    fn async_invoke(&mut self, value: u64) -> impl Future<Output = Result<Vec<u64>>> + Send + 'static {
        assert!(value != 1, "one at once");
        async move {
            tokio::task::yield_now().await;
            assert!(value != 2, "two later");
            Ok(vec![value])
        }
    }
}

#[test]
fn a_panic_in_a_call_is_the_error_of_its_element() {
    for (value, message) in [(1_u64, "one at once"), (2, "two later")] {
        let mut harness =
            OperatorHarness::new(AsyncWaitOperator::<u64, _>::new(Panics, settings(OutputMode::Unordered)));
        harness.open().unwrap();

        let outcome = harness.process(0, [value]).and_then(|_| harness.finish());

        assert_eq!(outcome.unwrap_err().to_string(), format!("panicked: {message}"));
    }
}

#[test]
fn an_element_whose_time_is_over_fails_the_task_and_its_call_is_dropped() {
    let service = Service::default();
    let mut harness = harness(&service, settings(OutputMode::Ordered));
    harness.process(0, [1_u64]).unwrap();

    harness.advance_to(999).unwrap();
    let error = harness.advance_to(1000).unwrap_err();

    assert_eq!(error.to_string(), "no result within 1s: too slow");
    for _ in 0..5_000 {
        if harness.futures() == 0 {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("the call is still there");
}

#[test]
fn timeout_may_give_a_value_in_its_place() {
    for mode in MODES {
        let service = Service { on_timeout: Some(900), ..Service::default() };
        let mut harness = harness(&service, settings(mode));
        harness.process(0, [1_u64]).unwrap();
        harness.advance_to(10).unwrap();
        harness.process(0, [2_u64]).unwrap();

        harness.advance_to(1000).unwrap();
        assert_eq!(harness.take_values::<u64>(0).unwrap(), [901]);
        service.answer(1, Ok(vec![11]));
        service.answer(2, Ok(vec![22]));

        assert_eq!(values(&mut harness, 1), [22]);
        settle(&mut harness);
        assert!(harness.take_values::<u64>(0).unwrap().is_empty(), "the first had its result");
    }
}

/// FLINK-22573.
#[test]
fn a_result_that_came_before_the_timeout_was_noticed_counts() {
    let service = Service::default();
    let mut harness = harness(&service, settings(OutputMode::Ordered));
    harness.process(0, [1_u64]).unwrap();

    service.answer(1, Ok(vec![10]));
    while harness.futures() > 0 {
        thread::yield_now();
    }
    harness.advance_to(5000).unwrap();

    assert_eq!(harness.take_values::<u64>(0).unwrap(), [10]);
}

#[test]
fn a_failed_call_is_made_again_after_its_delay_and_only_so_often() {
    for mode in MODES {
        let service = Service::default();
        let mut harness = harness(&service, AsyncSettings { retry: fixed(2, 10), ..settings(mode) });
        for answer in [Err("first"), Err("second"), Ok(vec![10])] {
            service.answer(1, answer);
        }

        harness.process(0, [1_u64]).unwrap();
        harness.advance_to(9).unwrap();
        assert_eq!(service.calls().len(), 1);
        harness.advance_to(20).unwrap();
        assert_eq!(harness.take_values::<u64>(0).unwrap(), [10]);

        for answer in [Err("first"), Err("second"), Err("third")] {
            service.answer(2, answer);
        }
        harness.process(0, [2_u64]).unwrap();
        let error = harness.advance_to(40).unwrap_err();
        assert_eq!(error.to_string(), "after 3 calls: third");
    }
}

#[test]
fn a_result_that_the_strategy_does_not_like_is_asked_for_again() {
    let service = Service::default();
    let retry = AsyncRetryStrategy::fixed_delay(1, Duration::ZERO).if_result(|found: &Vec<u64>| found.is_empty());
    let mut harness = harness(&service, AsyncSettings { retry: Some(retry), ..settings(OutputMode::Ordered) });
    service.answer(1, Ok(vec![]));
    service.answer(1, Ok(vec![10]));
    service.answer(2, Ok(vec![]));
    service.answer(2, Ok(vec![]));

    harness.process(0, [1_u64, 2]).unwrap();
    harness.run().unwrap();

    assert_eq!(harness.take_values::<u64>(0).unwrap(), [10], "the second was asked for twice and found nothing");
    assert_eq!(service.calls().len(), 4);
}

/// FLINK-30477.
#[test]
fn a_timeout_during_the_delay_before_a_retry_ends_the_retries() {
    let service = Service { on_timeout: Some(900), ..Service::default() };
    let mut harness = harness(&service, AsyncSettings { retry: fixed(5, 2_000), ..settings(OutputMode::Ordered) });
    service.answer(1, Err("busy"));
    harness.process(0, [1_u64]).unwrap();

    harness.advance_to(1000).unwrap();
    assert_eq!(harness.take_values::<u64>(0).unwrap(), [901]);
    harness.advance_to(60_000).unwrap();

    assert_eq!(service.calls().len(), 1);
    assert!(harness.take_values::<u64>(0).unwrap().is_empty());
}

/// FLINK-40456.
#[test]
fn an_element_whose_timeout_and_retry_fall_on_one_moment_is_not_lost() {
    for mode in MODES {
        for delay in [999, 1000, 1001] {
            let service = Service { on_timeout: Some(900), ..Service::default() };
            let mut harness = harness(&service, AsyncSettings { retry: fixed(5, delay), ..settings(mode) });
            service.answer(1, Err("busy"));
            harness.process(0, [1_u64]).unwrap();

            // One jump: both are due in the same turn.
            harness.advance_to(998).unwrap();
            harness.advance_to(2000).unwrap();

            assert_eq!(harness.take_values::<u64>(0).unwrap(), [901], "{delay}");
            harness.finish().unwrap();
            assert!(harness.take_values::<u64>(0).unwrap().is_empty());
        }
    }
}

/// FLINK-29038: with futures a call comes back once, but a call that was given up may come back too.
#[test]
fn what_comes_of_a_call_that_was_given_up_is_ignored() {
    let service = Service { on_timeout: Some(900), ..Service::default() };
    let mut harness = harness(&service, settings(OutputMode::Unordered));
    harness.process(0, [1_u64]).unwrap();
    service.answer(1, Ok(vec![10]));
    // The result is on its way, and the operator hears of the time first.
    thread::sleep(Duration::from_millis(30));
    harness.advance_to(1000).unwrap();
    harness.process(0, [2_u64]).unwrap();
    service.answer(2, Ok(vec![20]));
    service.answer(2, Ok(vec![21]));

    harness.finish().unwrap();

    let mut values = harness.take_values::<u64>(0).unwrap();
    values.sort_unstable();
    assert_eq!(values, [10, 20]);
}

/// FLINK-7949.
#[test]
fn more_records_than_the_capacity_are_restored() {
    for mode in MODES {
        let service = Service::default();
        let mut first = harness(&service, AsyncSettings { capacity: 4, ..settings(mode) });
        first.process(0, 0..9_u64).unwrap();
        let (_, state) = first.snapshot(SnapshotKind::Checkpoint).unwrap();
        first.close().unwrap();

        let operator =
            AsyncWaitOperator::<u64, _>::new(service.clone(), AsyncSettings { capacity: 2, ..settings(mode) });
        let mut restored = OperatorHarness::new(operator);
        restored.restore(state).unwrap();
        restored.open().unwrap();
        for value in 0..9 {
            service.answer(value, Ok(vec![value]));
        }

        let mut values = values(&mut restored, 9);
        values.sort_unstable();
        assert_eq!(values, (0..9).collect::<Vec<_>>());
    }
}

/// FLINK-39835.
#[test]
fn a_full_queue_does_not_hold_up_a_checkpoint() {
    for mode in MODES {
        let service = Service::default();
        let mut harness = harness(&service, AsyncSettings { capacity: 2, ..settings(mode) });
        harness.process_records(0, (0..5_u64).map(|n| StreamRecord::at(n, n as i64))).unwrap();
        assert_eq!(harness.readiness(), Readiness::Busy);

        let (_, state) = harness.snapshot(SnapshotKind::Checkpoint).unwrap();

        assert_eq!(state.list["in-flight"].len(), 5);
        assert!(harness.take_elements(0).is_empty(), "a checkpoint neither flushes nor waits");
    }
}

#[test]
fn a_result_that_was_not_emitted_is_asked_for_again_after_a_restore() {
    let service = Service::default();
    let mut first = harness(&service, settings(OutputMode::Ordered));
    first.process(0, [1_u64, 2]).unwrap();
    service.answer(2, Ok(vec![20]));
    settle(&mut first);
    let (_, state) = first.snapshot(SnapshotKind::Checkpoint).unwrap();
    first.close().unwrap();

    let mut restored =
        OperatorHarness::new(AsyncWaitOperator::<u64, _>::new(service.clone(), settings(OutputMode::Ordered)));
    restored.restore(state).unwrap();
    restored.open().unwrap();
    service.answer(1, Ok(vec![10]));
    service.answer(2, Ok(vec![22]));

    assert_eq!(values(&mut restored, 2), [10, 22]);
}

#[test]
fn closing_drops_the_calls_and_what_comes_of_them() {
    let service = Service::default();
    let mut harness = harness(&service, settings(OutputMode::Ordered));
    harness.process(0, 0..50_u64).unwrap();
    assert_eq!(harness.futures(), 50);

    harness.close().unwrap();
    service.answer(1, Ok(vec![10]));

    until(&mut harness, |harness| harness.futures() == 0);
    assert!(harness.take_elements(0).is_empty());
}

#[test]
fn a_stop_that_is_given_up_goes_on_with_what_came_meanwhile() {
    let service = Service::default();
    let mut harness = harness(&service, settings(OutputMode::Ordered));
    harness.process(0, [1_u64]).unwrap();
    let (id, _) = harness.snapshot(SnapshotKind::Stop).unwrap();
    service.answer(1, Ok(vec![10]));
    settle(&mut harness);
    assert!(harness.take_elements(0).is_empty());

    harness.abort_checkpoint(id).unwrap();

    assert_eq!(values(&mut harness, 1), [10]);
}

#[test]
fn retries_go_on_after_the_end_of_the_input() {
    let service = Service::default();
    let mut harness = harness(&service, AsyncSettings { retry: fixed(3, 100), ..settings(OutputMode::Ordered) });
    for answer in [Err("busy"), Err("busy"), Ok(vec![10])] {
        service.answer(1, answer);
    }
    harness.process(0, [1_u64]).unwrap();

    harness.finish().unwrap();

    assert_eq!(harness.take_values::<u64>(0).unwrap(), [10]);
}

/// Triples numbers, sooner or later, and fails every other time where it is told to.
#[derive(Clone)]
struct Triple {
    flaky: bool,
    attempts: Arc<Mutex<HashMap<u64, u64>>>,
}

impl AsyncFunction<u64> for Triple {
    type Out = u64;

    fn async_invoke(&mut self, value: u64) -> impl Future<Output = Result<Vec<u64>>> + Send + 'static {
        let attempt = {
            let mut attempts = self.attempts.lock().unwrap();
            let attempt = attempts.entry(value).or_default();
            *attempt += 1;
            *attempt
        };
        let fails = self.flaky && attempt % 2 == 1;
        async move {
            for _ in 0..value % 4 {
                tokio::task::yield_now().await;
            }
            if fails { Err(FunctionError::external("busy")) } else { Ok(vec![3 * value]) }
        }
    }
}

#[test]
fn async_wait_passes_the_suite_in_both_orders_with_and_without_retries() {
    for mode in MODES {
        for flaky in [false, true] {
            let operator = move || -> Box<dyn Operator> {
                let retry = flaky.then(|| fixed(3, 0)).flatten();
                let settings = AsyncSettings { capacity: 16, retry, ..settings(mode) };
                Box::new(AsyncWaitOperator::<u64, _>::new(Triple { flaky, attempts: Arc::default() }, settings))
            };
            let script = || {
                let records = |range: std::ops::Range<u64>| range.map(|n| StreamRecord::at(n, n as i64));
                vec![
                    Feed::records(0, records(0..150)),
                    Feed::watermark(0, 149),
                    Feed::idle(0, true),
                    Feed::idle(0, false),
                    Feed::records(0, records(150..300)),
                    Feed::watermark(0, 299),
                ]
            };
            let suite = OperatorSuite::new(operator, script).seeds(40);
            let suite = if mode == OutputMode::Ordered { suite } else { suite.unordered() };

            let report = suite.run().unwrap();

            assert_eq!(report.values::<u64>(0).unwrap().len(), 300);
            assert!(report.busy_snapshots > 0, "{report:?}");
        }
    }
}

#[test]
fn a_host_without_an_executor_says_so() {
    let mut operator = AsyncWaitOperator::<u64, _>::new(Service::default(), settings(OutputMode::Ordered));
    let mut outputs = riverrun_stream::operator::Outputs::of(&operator);
    let mut alarm = None;
    let mut turn = riverrun_stream::operator::Turn::new(&mut outputs, 0, &mut alarm);

    let error = operator.open(&riverrun_stream::RuntimeContext::detached("async"), &mut turn).unwrap_err();

    assert!(error.to_string().contains("Spawner"), "{error}");
}

#[test]
fn a_watermark_behind_slow_elements_waits_for_all_of_them() {
    for mode in MODES {
        let service = Service::default();
        let mut harness = harness(&service, settings(mode));
        harness.process_records(0, [StreamRecord::at(1_u64, 1), StreamRecord::at(2, 2)]).unwrap();
        harness.watermark(0, 2).unwrap();
        harness.watermark(0, 5).unwrap();
        service.answer(1, Ok(vec![10]));
        assert_eq!(values(&mut harness, 1), [10]);

        service.answer(2, Ok(vec![20]));
        until(&mut harness, |harness| harness.futures() == 0);

        let last = harness.take_elements(0).pop();
        assert!(matches!(last, Some(StreamElement::Watermark(5))), "{last:?}");
    }
}

#[test]
fn the_harness_says_when_the_clock_has_to_move() {
    let service = Service::default();
    let settings = AsyncSettings { capacity: 1, retry: fixed(5, 100), ..settings(OutputMode::Ordered) };
    let mut harness = harness(&service, settings);
    service.answer(1, Err("busy"));
    harness.process(0, [1_u64]).unwrap();

    let error = harness.process(0, [2_u64]).unwrap_err();

    assert!(matches!(error, HarnessError::BusyUntil { alarm: 100, .. }), "{error}");
}
