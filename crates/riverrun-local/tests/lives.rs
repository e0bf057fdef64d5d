//! An operator's life on both drivers: opened and closed once, whatever fails.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, where a failure is a failed test")]

mod all_hosts;

use std::sync::{Arc, Mutex};

use riverrun_stream::functions::MapFunction;
use riverrun_stream::{Error, FunctionError, Result, RuntimeContext, StreamExecutionEnvironment};
use riverrun_testing::{CheckingSink, CommittingSink, FailingSource};

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
