//! Runners on an async runtime.
#![allow(clippy::unwrap_used)]

use riverrun_runner::{Compute, ItemError, Prepared, Runnable, Runner, RunnerError};

struct Lengths;

impl Runnable for Lengths {
    type Input = String;
    type Prepared = String;
    type Output = usize;

    fn prepare(&self, value: String) -> Result<Prepared<String>, ItemError> {
        Ok(Prepared { value, cost: 1 })
    }

    fn run(&self, batch: Vec<String>, _: &Compute) -> Result<Vec<Result<usize, ItemError>>, ItemError> {
        Ok(batch.iter().map(|text| Ok(text.len())).collect())
    }
}

fn runner() -> Runner<Lengths> {
    let runner = Runner::new("lengths", Lengths);
    runner.init_local().unwrap();
    runner
}

fn is_blocking_error<T>(result: &Result<T, RunnerError>) -> bool {
    matches!(result, Err(RunnerError::BlockingInAsync { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocking_run_in_a_task_is_an_error_that_says_what_to_use() {
    let runner = runner();

    let here = runner.run("four");
    let task = tokio::spawn({
        let runner = runner.clone();
        async move { runner.run_batch(vec!["four"]) }
    });

    assert!(is_blocking_error(&task.await.unwrap()));
    assert!(here.unwrap_err().to_string().contains("use `async_run`, or `spawn_blocking`"));
}

#[tokio::test]
async fn a_blocking_run_is_an_error_on_a_single_threaded_runtime_too() {
    assert!(is_blocking_error(&runner().run("four")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_of_the_runtime_that_may_block_may_run() {
    let runner = runner();
    let clone = runner.clone();

    let blocking = tokio::task::spawn_blocking(move || clone.run("four")).await.unwrap();
    let in_place = tokio::spawn(async move { tokio::task::block_in_place(|| runner.run("fives")) });

    assert_eq!(blocking, Ok(4));
    assert_eq!(in_place.await.unwrap(), Ok(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_async_runs_are_all_answered() {
    let runner = runner();

    let tasks: Vec<_> = (0..500).map(|length| tokio::spawn(runner.async_run("x".repeat(length)))).collect();

    for (length, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), Ok(length));
    }
}
