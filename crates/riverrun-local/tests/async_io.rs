//! Async calls in whole programs, on threads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a failure is a failed test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use riverrun_local::{LocalHost, SimulatedHost};
use riverrun_stream::functions::AsyncRetryStrategy;
use riverrun_stream::stream::{AsyncBatchStream, AsyncDataStream};
use riverrun_stream::{FunctionError, Result, StreamExecutionEnvironment};

const LONG: Duration = Duration::from_secs(60);

fn environment(parallelism: usize) -> StreamExecutionEnvironment {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(parallelism);
    env
}

/// Takes a little longer for some than for others.
async fn double(value: u64) -> Result<Vec<u64>> {
    if value.is_multiple_of(3) {
        tokio::time::sleep(Duration::from_millis(value % 5)).await;
    }
    Ok(vec![2 * value])
}

#[test]
fn ordered_wait_gives_every_result_in_the_order_of_the_input() {
    let env = environment(1);

    let doubled = AsyncDataStream::ordered_wait(&env.from_sequence(1, 5000), double, LONG);

    assert_eq!(doubled.execute_and_collect().unwrap(), (1..=5000).map(|n| 2 * n).collect::<Vec<_>>());
}

#[test]
fn unordered_wait_gives_every_result_once_on_every_parallelism() {
    for parallelism in [1, 3] {
        let env = environment(parallelism);

        let doubled = AsyncDataStream::unordered_wait(&env.from_sequence(1, 5000), double, LONG).capacity(7);
        let mut doubled = doubled.execute_and_collect().unwrap();

        doubled.sort_unstable();
        assert_eq!(doubled, (1..=5000).map(|n| 2 * n).collect::<Vec<_>>());
    }
}

#[test]
fn calls_in_flight_never_exceed_the_capacity() {
    let env = environment(1);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (in_flight, highest) = (now.clone(), most.clone());

    let slow = move |value: u64| {
        let (in_flight, highest) = (in_flight.clone(), highest.clone());
        async move {
            highest.fetch_max(in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(1)).await;
            in_flight.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, FunctionError>(vec![value])
        }
    };
    let stream = AsyncDataStream::unordered_wait(&env.from_sequence(1, 2000), slow, LONG).capacity(20);

    assert_eq!(stream.execute_and_collect().unwrap().len(), 2000);
    assert!(most.load(Ordering::SeqCst) <= 20, "{most:?}");
}

#[test]
fn a_flapping_service_is_asked_again() {
    let env = environment(2);
    let attempts = Arc::new(Mutex::new(std::collections::HashMap::<u64, u64>::new()));
    let flapping = move |value: u64| {
        let attempt = {
            let mut attempts = attempts.lock().unwrap();
            let attempt = attempts.entry(value).or_default();
            *attempt += 1;
            *attempt
        };
        async move { if attempt < 3 { Err(FunctionError::external("busy")) } else { Ok(vec![value]) } }
    };
    let retry = AsyncRetryStrategy::exponential_backoff(4, Duration::from_millis(1), Duration::from_millis(4), 2.0)
        .if_error(FunctionError::is_retryable);

    let stream = AsyncDataStream::unordered_wait_with_retry(&env.from_sequence(1, 500), flapping, LONG, retry);
    let mut values = stream.execute_and_collect().unwrap();

    values.sort_unstable();
    assert_eq!(values, (1..=500).collect::<Vec<_>>());
}

/// FLINK-5638.
#[test]
fn two_async_operators_in_one_chain_end_and_fail_together() {
    let program = |fails: bool| {
        let env = environment(1);
        let first = AsyncDataStream::ordered_wait(&env.from_sequence(1, 3000), double, LONG);
        let second = move |value: u64| async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if fails && value == 2000 { Err(FunctionError::new("no more")) } else { Ok(vec![value / 2]) }
        };
        AsyncDataStream::ordered_wait(&first, second, LONG).execute_and_collect()
    };

    assert_eq!(program(false).unwrap(), (1..=3000).collect::<Vec<_>>());
    let error = program(true).unwrap_err().to_string();
    assert!(error.contains("Async Wait") && error.contains("no more"), "{error}");
}

#[test]
fn a_failed_job_drops_the_calls_of_all_its_subtasks() {
    let env = environment(2);
    let alive = Arc::new(());
    let held = alive.clone();
    let call = move |value: u64| {
        let held = held.clone();
        async move {
            let _held = held;
            if value == 30 {
                tokio::time::sleep(Duration::from_millis(5)).await;
                return Err(FunctionError::new("no more"));
            }
            std::future::pending::<Result<Vec<u64>>>().await
        }
    };

    let stream = AsyncDataStream::unordered_wait(&env.from_sequence(1, 60), call, Duration::MAX);
    let error = stream.execute_and_collect().unwrap_err();

    assert!(error.to_string().contains("no more"), "{error}");
    drop((stream, env));
    until(|| Arc::strong_count(&alive) == 1);
}

#[test]
fn a_cancelled_job_drops_the_calls_it_waits_for() {
    let env = environment(1);
    let alive = Arc::new(());
    let held = alive.clone();
    let call = move |_: u64| {
        let held = held.clone();
        async move {
            let _held = held;
            std::future::pending::<Result<Vec<u64>>>().await
        }
    };
    AsyncDataStream::ordered_wait(&env.from_sequence(1, 60), call, Duration::MAX).filter(|_| false).print();
    let job = env.execute_async().unwrap();
    until(|| Arc::strong_count(&alive) > 60);

    job.cancel();

    assert!(job.wait().unwrap_err().to_string().contains("cancelled"));
    drop((job, env));
    until(|| Arc::strong_count(&alive) == 1);
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

#[test]
fn options_of_batches_that_can_not_be_are_found_before_the_program_runs() {
    let mistake = |set: fn(AsyncBatchStream<u64, u64>) -> AsyncBatchStream<u64, u64>| {
        let env = environment(1);
        let echo = |batch: Vec<u64>| async move { Ok::<_, FunctionError>(batch.into_iter().map(Ok).collect()) };
        let stream = AsyncDataStream::ordered_batch_wait(&env.from_sequence(1, 3), echo, LONG);
        set(stream).execute_and_collect()
    };

    assert_eq!(mistake(|stream| stream).unwrap(), [1, 2, 3]);
    for (option, outcome) in [
        ("capacity", mistake(|stream| stream.capacity(0))),
        ("max_batch_size", mistake(|stream| stream.max_batch_size(0))),
        ("max_batch_cost", mistake(|stream| stream.max_batch_cost(0))),
        ("retry strategy", mistake(|stream| stream.retry(AsyncRetryStrategy::fixed_delay(1, LONG)))),
    ] {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains(&format!("the {option} of `Async Batch Wait` is")), "{error}");
    }
}

#[test]
fn a_call_that_never_comes_back_fails_the_job_when_its_time_is_over() {
    let env = environment(1);

    let call = |_: u64| std::future::pending::<Result<Vec<u64>>>();
    let stream = AsyncDataStream::ordered_wait(&env.from_sequence(1, 3), call, Duration::from_millis(20));
    let error = stream.execute_and_collect().unwrap_err().to_string();

    assert!(error.contains("Async Wait") && error.contains("no result within 20ms"), "{error}");
}

#[test]
fn what_can_not_be_is_found_before_the_program_runs() {
    let retry = || AsyncRetryStrategy::fixed_delay(1, Duration::ZERO);
    let mistake = |timeout, capacity, retry| {
        let env = environment(1);
        let stream = AsyncDataStream::ordered_wait_with_retry(&env.from_sequence(1, 3), double, timeout, retry);
        stream.capacity(capacity).execute_and_collect().unwrap_err().to_string()
    };

    let of_timeout = mistake(Duration::ZERO, 1, retry().if_error(|_| true));
    let of_capacity = mistake(LONG, 0, retry().if_error(|_| true));
    let of_retry = mistake(LONG, 1, retry());

    assert!(of_timeout.contains("timeout of `Async Wait` is 0"), "{of_timeout}");
    assert!(of_capacity.contains("capacity of `Async Wait` is 0"), "{of_capacity}");
    assert!(of_retry.contains("retry strategy") && of_retry.contains("if_error"), "{of_retry}");
}

/// Comes back after it was polled some times more, and fails every other time where it is told to.
fn hesitating(flaky: bool) -> impl FnMut(u64) -> Hesitating + Clone + Send + 'static {
    let attempts = Arc::new(Mutex::new(std::collections::HashMap::<u64, u64>::new()));
    move |value| {
        let mut attempts = attempts.lock().unwrap();
        let attempt = attempts.entry(value).or_default();
        *attempt += 1;
        Hesitating { value, polls: value % 5, fails: flaky && *attempt % 2 == 1 }
    }
}

struct Hesitating {
    value: u64,
    polls: u64,
    fails: bool,
}

impl Future for Hesitating {
    type Output = Result<Vec<u64>>;

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        if self.polls > 0 {
            self.polls -= 1;
            context.waker().wake_by_ref();
            return std::task::Poll::Pending;
        }
        let result = if self.fails { Err(FunctionError::external("busy")) } else { Ok(vec![2 * self.value]) };
        std::task::Poll::Ready(result)
    }
}

#[test]
fn simulated_programs_lose_nothing_and_the_same_seed_gives_the_same_run() {
    let run = |seed: u64, flaky: bool, ordered: bool| {
        let env = StreamExecutionEnvironment::new(Arc::new(SimulatedHost::new(seed)));
        env.set_parallelism(if ordered { 1 } else { 2 });
        let (numbers, call) = (env.from_sequence(1, 400), hesitating(flaky));
        let retry = AsyncRetryStrategy::fixed_delay(1, Duration::from_millis(seed % 3)).if_error(|_| true);
        let stream = if ordered {
            AsyncDataStream::ordered_wait_with_retry(&numbers, call, Duration::MAX, retry)
        } else {
            AsyncDataStream::unordered_wait_with_retry(&numbers, call, Duration::MAX, retry)
        };
        stream.capacity(1 + seed as usize % 20).execute_and_collect().unwrap()
    };
    let expected: Vec<u64> = (1..=400).map(|n| 2 * n).collect();

    for seed in 0..40 {
        let flaky = seed % 2 == 1;
        assert_eq!(run(seed, flaky, true), expected, "ordered, seed {seed}");

        let unordered = run(seed, flaky, false);
        assert_eq!(unordered, run(seed, flaky, false), "seed {seed} gives another run");
        let mut sorted = unordered;
        sorted.sort_unstable();
        assert_eq!(sorted, expected, "unordered, seed {seed}");
    }
}

#[test]
fn a_job_counts_the_calls_that_were_made_again() {
    let env = environment(1);
    let retry = AsyncRetryStrategy::fixed_delay(1, Duration::ZERO).if_error(|_| true);

    let stream = AsyncDataStream::ordered_wait_with_retry(&env.from_sequence(1, 50), hesitating(true), LONG, retry);
    stream.filter(|_| false).print();
    let job = env.execute_async().unwrap();
    job.wait().unwrap();

    let metrics = job.metrics();
    let wait = metrics.operator("Async Wait").unwrap();
    assert_eq!((wait.counter("numRetries"), wait.counter("numTimeouts")), (50, 0));
    assert_eq!(wait.gauge("inFlight"), [0]);
}
