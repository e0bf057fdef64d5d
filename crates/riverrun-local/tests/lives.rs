//! An operator's life on both drivers: opened and closed once, whatever fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, where a failure is a failed test"
)]

mod all_hosts;

use std::sync::{Arc, Mutex};

use riverrun_local::LocalHost;
use riverrun_stream::functions::MapFunction;
use riverrun_stream::{Error, FunctionError, Result, RuntimeContext, StreamExecutionEnvironment};
use riverrun_testing::{CheckingSink, CollectingSink, CommittingSink, FailingSource};
use serde::{Deserialize, Serialize};

use all_hosts::{on_all_hosts, sorted};

/// Counts the calls of its life by subtask, and fails where it is told to.
#[derive(Clone, Default)]
struct Lived {
    opened: Arc<Mutex<Vec<usize>>>,
    closed: Arc<Mutex<Vec<usize>>>,
    subtask: usize,
    fail_at: Option<u64>,
    panic_at: Option<u64>,
    fail_open_in: Option<usize>,
    fail_close: bool,
}

impl MapFunction<u64> for Lived {
    type Out = u64;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.subtask = context.subtask_index;
        self.opened.lock().unwrap().push(self.subtask);
        if self.fail_open_in == Some(self.subtask) {
            return Err(FunctionError::new("the model is not there"));
        }
        Ok(())
    }

    fn map(&mut self, value: u64) -> Result<u64> {
        assert!(self.panic_at != Some(value), "value {value} is impossible");
        if self.fail_at == Some(value) {
            return Err(FunctionError::new(format!("value {value} is bad")));
        }
        Ok(value)
    }

    fn close(&mut self) -> Result {
        self.closed.lock().unwrap().push(self.subtask);
        if self.fail_close { Err(FunctionError::new("the lock file is gone")) } else { Ok(()) }
    }
}

/// Runs a function between two that do nothing, at parallelism 3, and says how it came out.
fn run_between(env: &StreamExecutionEnvironment, function: Lived) -> (Result<(), Error>, [Lived; 2]) {
    env.set_parallelism(3).set_job_name("lives");
    let (before, behind) = (Lived::default(), Lived::default());
    env.from_sequence(1, 100_000)
        .map_function(before.clone())
        .rebalance()
        .map_function(function)
        .name("Scores")
        .rebalance()
        .map_function(behind.clone())
        .sink_to(CheckingSink::new(|n: &u64| *n));
    (env.execute().map(|_| ()), [before, behind])
}

/// Every subtask that was opened is closed, once.
fn assert_closed_once(function: &Lived) {
    let (opened, closed) = (function.opened.lock().unwrap(), function.closed.lock().unwrap());
    assert_eq!(sorted(opened.clone()), sorted(closed.clone()));
    assert!(sorted(closed.clone()).windows(2).all(|pair| pair[0] != pair[1]), "{closed:?}");
}

#[test]
fn every_subtask_is_opened_and_closed_once() {
    on_all_hosts(|env| {
        let function = Lived::default();

        let (outcome, others) = run_between(&env, function.clone());

        outcome.unwrap();
        for function in [&function, &others[0], &others[1]] {
            assert_eq!(sorted(function.opened.lock().unwrap().clone()), [0, 1, 2]);
            assert_closed_once(function);
        }
    });
}

#[test]
fn an_error_of_a_function_fails_the_job_and_closes_everything() {
    on_all_hosts(|env| {
        let function = Lived { fail_at: Some(70_000), ..Lived::default() };

        let (outcome, others) = run_between(&env, function.clone());

        let message = outcome.unwrap_err().to_string();
        assert!(message.starts_with("job `lives` failed in operator `Scores`, subtask "), "{message}");
        assert!(message.ends_with(" of 3: value 70000 is bad"), "{message}");
        [&function, &others[0], &others[1]].into_iter().for_each(assert_closed_once);
    });
}

#[test]
fn a_panic_of_a_function_fails_the_job_with_its_message() {
    on_all_hosts(|env| {
        let function = Lived { panic_at: Some(70_000), ..Lived::default() };

        let (outcome, others) = run_between(&env, function.clone());

        let message = outcome.unwrap_err().to_string();
        assert!(message.contains("`Scores`") && message.ends_with("panicked: value 70000 is impossible"), "{message}");
        [&function, &others[0], &others[1]].into_iter().for_each(assert_closed_once);
    });
}

#[test]
fn an_open_that_fails_fails_the_job_before_a_record_is_lost() {
    on_all_hosts(|env| {
        let function = Lived { fail_open_in: Some(1), ..Lived::default() };

        let (outcome, others) = run_between(&env, function.clone());

        let message = outcome.unwrap_err().to_string();
        assert!(message.ends_with("`Scores`, subtask 2 of 3: the model is not there"), "{message}");
        [&function, &others[0], &others[1]].into_iter().for_each(assert_closed_once);
    });
}

#[test]
fn a_close_that_fails_fails_the_job_and_the_others_are_closed_all_the_same() {
    on_all_hosts(|env| {
        let function = Lived { fail_close: true, ..Lived::default() };

        let (outcome, others) = run_between(&env, function.clone());

        let message = outcome.unwrap_err().to_string();
        assert!(message.ends_with("while it was closed: the lock file is gone"), "{message}");
        [&function, &others[0], &others[1]].into_iter().for_each(assert_closed_once);
    });
}

#[test]
fn a_source_that_fails_fails_the_job() {
    on_all_hosts(|env| {
        env.from_source(FailingSource::after(10_000)).rebalance().sink_to(CheckingSink::new(|n: &u64| *n));

        let message = env.execute().unwrap_err().to_string();

        assert!(message.contains("`Source: Failing Source`, subtask 1 of 1: the source fails on purpose"), "{message}");
    });
}

#[test]
fn a_failed_job_commits_nothing_and_a_finished_one_everything_once() {
    on_all_hosts(|env| {
        env.set_parallelism(2);
        let (failed, finished) = (CommittingSink::new(), CommittingSink::new());

        env.from_source(FailingSource::after(10_000)).sink_to(failed.clone());
        env.execute().unwrap_err();
        env.from_sequence(1, 10_000).sink_to(finished.clone());
        env.execute().unwrap();

        assert!(failed.take().is_empty());
        assert_eq!(sorted(finished.take()), (1..=10_000).collect::<Vec<u64>>());
    });
}

/// A value that panics when it is copied or dropped, if it is told to.
#[derive(Serialize, Deserialize)]
struct Fragile {
    number: u64,
    breaks_when_cloned: bool,
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(!self.breaks_when_cloned, "value {} cannot be copied", self.number);
        Self { ..*self }
    }
}

/// Runs a program that panics somewhere and gives what the job says.
fn failure(env: &StreamExecutionEnvironment) -> String {
    env.execute().unwrap_err().to_string()
}

#[test]
fn a_value_that_panics_when_it_is_copied_fails_the_operator_that_put_it_out() {
    on_all_hosts(|env| {
        env.set_parallelism(2);
        let fragile = |number: u64| Fragile { number, breaks_when_cloned: number == 700 };
        let values = env.from_sequence(1, 1000).map(fragile).name("Makes");
        values.sink_to(CollectingSink::new());
        values.rebalance().sink_to(CollectingSink::new());

        let message = failure(&env);

        assert!(message.contains("`Makes`") && message.ends_with("panicked: value 700 cannot be copied"), "{message}");
    });
}

#[test]
fn a_key_selector_or_partitioner_that_panics_is_told_with_the_operator_it_sends_to() {
    on_all_hosts(|env| {
        env.set_parallelism(3);
        let key = |n: &u64| if *n == 700 { panic!("{n} has no key") } else { *n % 7 };
        env.from_sequence(1, 1000).key_by(key).reduce(|sum, n| sum + n).name("Sums").sink_to(CollectingSink::new());
        let of_key = failure(&env);
        let partition = |n: &u64, _: usize| if *n == 700 { panic!("{n} goes nowhere") } else { 0 };
        let numbers = env.from_sequence(1, 1000).partition_custom(partition, |n| *n);
        numbers.map(|n| n).name("Maps").sink_to(CollectingSink::new());
        let of_partitioner = failure(&env);

        assert!(of_key.contains("`Source: Sequence Source`") && of_key.contains("on the way to `Sums`"), "{of_key}");
        assert!(of_key.ends_with("panicked: 700 has no key"), "{of_key}");
        assert!(of_partitioner.contains("on the way to `Maps`"), "{of_partitioner}");
        assert!(of_partitioner.ends_with("panicked: 700 goes nowhere"), "{of_partitioner}");
    });
}

/// Panics where it is told to: when it is cloned for a subtask, or when it is dropped there.
struct Unstable {
    in_clone: bool,
    in_drop: bool,
    is_original: bool,
}

impl Clone for Unstable {
    fn clone(&self) -> Self {
        assert!(!self.in_clone, "this function cannot be copied");
        Self { is_original: false, ..*self }
    }
}

impl Drop for Unstable {
    fn drop(&mut self) {
        assert!(!self.in_drop || self.is_original, "this function cannot be dropped");
    }
}

impl MapFunction<u64> for Unstable {
    type Out = u64;

    fn map(&mut self, value: u64) -> Result<u64> {
        Ok(value)
    }
}

#[test]
fn a_function_that_panics_when_it_is_copied_is_told_before_the_job_starts() {
    on_all_hosts(|env| {
        let function = Unstable { in_clone: true, in_drop: false, is_original: true };
        env.from_sequence(1, 10).map_function(function).name("Unstable").sink_to(CollectingSink::new());

        let message = failure(&env);

        assert!(message.contains("`Unstable`"), "{message}");
        assert!(message.ends_with("panicked: this function cannot be copied"), "{message}");
    });
}

#[test]
fn a_function_that_panics_when_it_is_dropped_fails_the_job() {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(2);
    let function = Unstable { in_clone: false, in_drop: true, is_original: true };
    env.from_sequence(1, 10).map_function(function).name("Unstable").sink_to(CollectingSink::new());

    let message = failure(&env);

    assert!(message.contains("Unstable") && message.contains("this function cannot be dropped"), "{message}");
}

#[test]
fn a_stream_without_records_comes_to_its_end_through_every_operator() {
    on_all_hosts(|env| {
        env.set_parallelism(3);
        let nothing = env.from_collection(Vec::<u64>::new());

        let sums = nothing.map(|n| n).rebalance().key_by(|n| *n).reduce(|sum, n| sum + n);

        assert_eq!(sums.union([&nothing.shuffle()]).execute_and_collect().unwrap(), [0; 0]);
    });
}
