//! Jobs that run while the program goes on: status, cancel, result, metrics.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, where a failure is a failed test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use riverrun_local::{LocalHost, SimulatedHost};
use riverrun_stream::functions::MapFunction;
use riverrun_stream::metrics::{Counter, MetricValue, names};
use riverrun_stream::source::{Boundedness, FixedSplits, ReaderStatus, Source, SourceOutput, SourceReader};
use riverrun_stream::stream::AsyncDataStream;
use riverrun_stream::{Error, FunctionError, JobStatus, Result, RuntimeContext, StreamExecutionEnvironment};
use riverrun_testing::{CollectingSink, CommittingSink, Random, SlowSink};

fn local() -> StreamExecutionEnvironment {
    StreamExecutionEnvironment::new(Arc::new(LocalHost::new()))
}

/// Emits a few numbers, then nothing for ever: it waits as `wait` says. Or it emits without end.
#[derive(Clone)]
struct Endless {
    wait: ReaderStatus,
}

struct EndlessReader {
    wait: ReaderStatus,
    next: u64,
}

impl Source for Endless {
    type Out = u64;
    type Split = u64;
    type Enumerator = FixedSplits<u64>;
    type Reader = EndlessReader;

    fn name(&self) -> String {
        "Endless".into()
    }

    fn boundedness(&self) -> Boundedness {
        Boundedness::ContinuousUnbounded
    }

    fn create_enumerator(&self) -> Result<FixedSplits<u64>> {
        Ok(FixedSplits::new(0..16))
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<FixedSplits<u64>> {
        FixedSplits::restore(state)
    }

    fn create_reader(&self, _: &RuntimeContext) -> Result<EndlessReader> {
        Ok(EndlessReader { wait: self.wait, next: 0 })
    }
}

impl SourceReader for EndlessReader {
    type Out = u64;
    type Split = u64;

    fn add_split(&mut self, _: u64) -> Result {
        self.next = 1;
        Ok(())
    }

    fn poll(&mut self, budget: usize, out: &mut SourceOutput<'_, '_, u64>) -> Result<ReaderStatus> {
        if self.next == 0 {
            return Ok(ReaderStatus::NeedsSplit);
        }
        if self.wait == ReaderStatus::More || self.next < 10 {
            let count = (budget as u64).min(100);
            out.extend(self.next..self.next + count);
            self.next += count;
            return Ok(ReaderStatus::More);
        }
        Ok(self.wait)
    }

    fn snapshot(&mut self) -> Result<Vec<u64>> {
        Ok(vec![self.next])
    }
}

/// Counts its calls of `close`, also by a metric.
#[derive(Clone, Default)]
struct Closes {
    opened: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
    fail_close: bool,
    seen: Option<Counter>,
}

impl MapFunction<u64> for Closes {
    type Out = u64;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.opened.fetch_add(1, Ordering::AcqRel);
        self.seen = Some(context.metrics.counter("seen"));
        context.metrics.gauge("limit").set(7);
        context.metrics.histogram("size").record(3);
        Ok(())
    }

    fn map(&mut self, value: u64) -> Result<u64> {
        self.seen.iter().for_each(|seen| seen.add(1));
        Ok(value)
    }

    fn close(&mut self) -> Result {
        self.closed.fetch_add(1, Ordering::AcqRel);
        if self.fail_close { Err(FunctionError::new("the lock file is gone")) } else { Ok(()) }
    }
}

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_job_runs_while_the_program_goes_on_and_keeps_its_result() {
    let env = local();
    let numbers = CollectingSink::new();
    env.set_job_name("numbers");
    env.from_sequence(1, 1000).map(|n| n + 1).sink_to(numbers.clone());

    let job = env.execute_async().unwrap();
    let result = job.wait().unwrap();

    assert_eq!((result.job_name.as_str(), result.job_id), ("numbers", job.job_id()));
    assert_eq!(job.status(), JobStatus::Finished);
    assert_eq!(numbers.take().len(), 1000);
    assert_eq!(job.wait().unwrap(), result);
    job.cancel();
    assert_eq!((job.status(), job.wait().unwrap()), (JobStatus::Finished, result));
}

#[test]
fn the_end_of_a_job_can_be_awaited() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let env = local();
    let numbers = CollectingSink::new();
    env.from_sequence(1, 200_000).rebalance().sink_to(numbers.clone());
    let job = env.execute_async().unwrap();

    let result = runtime.block_on(async {
        let both = [job.get_job_execution_result(), job.get_job_execution_result()].map(|end| tokio::spawn(end));
        let mut results = Vec::new();
        for end in both {
            results.push(end.await.unwrap().unwrap());
        }
        assert_eq!(results[0], results[1]);
        job.get_job_execution_result().await.unwrap()
    });

    assert_eq!((result.job_id, numbers.take().len()), (job.job_id(), 200_000));
}

#[test]
fn a_failed_job_gives_its_error_each_time_it_is_asked() {
    let env = local();
    env.from_sequence(1, 1000)
        .try_map(|n| if n == 500 { Err(FunctionError::new("500 is bad")) } else { Ok(n) })
        .sink_to(CollectingSink::new());

    let job = env.execute_async().unwrap();

    let first = job.wait().unwrap_err().to_string();
    assert!(first.ends_with("500 is bad"), "{first}");
    assert_eq!(job.wait().unwrap_err().to_string(), first);
    assert_eq!(job.status(), JobStatus::Failed);
}

#[test]
fn cancel_stops_a_job_whatever_its_tasks_wait_for() {
    for wait in [ReaderStatus::More, ReaderStatus::WaitForCompletion, ReaderStatus::WaitUntil(i64::MAX)] {
        let env = local();
        env.set_parallelism(2).set_job_name("endless");
        let (function, sink) = (Closes::default(), CommittingSink::new());
        env.from_source(Endless { wait }).rebalance().map_function(function.clone()).rebalance().sink_to(sink.clone());

        let job = env.execute_async().unwrap();
        until(|| job.metrics().operator("Map").unwrap().counter("seen") > 100);
        until(|| function.opened.load(Ordering::Acquire) == 2);
        assert_eq!(job.status(), JobStatus::Running);
        assert!(job.wait_at_most(Duration::from_millis(1)).is_none());
        job.cancel();
        let error = job.wait().unwrap_err();

        assert!(matches!(error, Error::Cancelled { failure: None, .. }), "{error}");
        assert_eq!(error.to_string(), "job `endless` was cancelled");
        assert_eq!(job.status(), JobStatus::Canceled);
        assert_eq!((function.opened.load(Ordering::Acquire), function.closed.load(Ordering::Acquire)), (2, 2));
        assert!(sink.take().is_empty());
    }
}

#[test]
fn cancel_stops_a_job_whose_sink_has_no_room() {
    let env = local();
    env.set_parallelism(1);
    let release = Arc::new(AtomicBool::new(false));
    let stuck = release.clone();
    env.from_source(Endless { wait: ReaderStatus::More })
        .rebalance()
        .map(move |n| {
            while !stuck.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            n
        })
        .name("Stuck")
        .rebalance()
        .sink_to(SlowSink::new(3));

    let job = env.execute_async().unwrap();
    let source = || job.metrics().operator("Source: Endless").unwrap().gauge(names::BACK_PRESSURED_TIME)[0];
    until(|| source() > 0);
    job.cancel();
    release.store(true, Ordering::Release);

    assert!(matches!(job.wait(), Err(Error::Cancelled { .. })));
}

/// A call that is never answered; it counts as gone when it is dropped.
struct Unanswered(Arc<AtomicUsize>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

#[test]
fn cancel_stops_a_job_whose_calls_are_never_answered_and_gives_them_up() {
    let env = local();
    env.set_parallelism(1);
    let (called, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, dropped) = (called.clone(), gone.clone());
    let calls = move |_: u64| {
        counted.fetch_add(1, Ordering::AcqRel);
        let call = Unanswered(dropped.clone());
        async move {
            std::future::pending::<()>().await;
            drop(call);
            Ok::<_, FunctionError>(vec![1_u64])
        }
    };
    let numbers = env.from_source(Endless { wait: ReaderStatus::More });
    AsyncDataStream::ordered_wait(&numbers, calls, Duration::from_secs(3600))
        .capacity(20)
        .sink_to(CollectingSink::new());

    let job = env.execute_async().unwrap();
    until(|| called.load(Ordering::Acquire) == 20);
    job.cancel();

    assert!(matches!(job.wait(), Err(Error::Cancelled { failure: None, .. })));
    until(|| gone.load(Ordering::Acquire) == 20);
}

#[test]
fn what_fails_while_a_job_is_cancelled_is_told_with_the_cancellation() {
    let env = local();
    env.set_parallelism(1);
    let function = Closes { fail_close: true, ..Closes::default() };
    env.from_source(Endless { wait: ReaderStatus::WaitForCompletion })
        .map_function(function.clone())
        .sink_to(CollectingSink::new());

    let job = env.execute_async().unwrap();
    until(|| function.opened.load(Ordering::Acquire) == 1);
    job.cancel();
    let error = job.wait().unwrap_err().to_string();

    assert!(
        error.contains("was cancelled; while it stopped, job") && error.ends_with("the lock file is gone"),
        "{error}"
    );
    assert_eq!(job.status(), JobStatus::Canceled);
}

#[test]
fn a_job_goes_on_when_its_client_is_dropped() {
    let env = local();
    let numbers = CollectingSink::new();
    env.from_sequence(1, 100_000).map(|n| n).sink_to(numbers.clone());

    drop(env.execute_async().unwrap());

    let mut seen = 0;
    while seen < 100_000 {
        seen += numbers.take().len();
        std::thread::yield_now();
    }
    assert_eq!(seen, 100_000);
}

#[test]
fn a_job_cancelled_at_any_step_closes_everything_once_and_commits_all_or_nothing() {
    let mut cancelled = 0;
    for seed in 0..300 {
        let host = SimulatedHost::new(seed).cancelling_after(seed as usize);
        let env = StreamExecutionEnvironment::new(Arc::new(host));
        env.set_parallelism(2);
        let (function, sink) = (Closes::default(), CommittingSink::new());
        env.from_sequence(1, 200).map_function(function.clone()).rebalance().sink_to(sink.clone());

        let job = env.execute_async().unwrap();

        let committed = sink.take().len();
        match job.wait() {
            Ok(_) => assert_eq!((committed, job.status()), (200, JobStatus::Finished), "seed {seed}"),
            Err(error) => {
                cancelled += 1;
                assert!(matches!(error, Error::Cancelled { .. }), "seed {seed}: {error}");
                assert_eq!((committed, job.status()), (0, JobStatus::Canceled), "seed {seed}");
            }
        }
        let counts = [&function.opened, &function.closed].map(|count| count.load(Ordering::Acquire));
        assert_eq!(counts[0], counts[1], "seed {seed}");
    }
    assert!((20..300).contains(&cancelled), "{cancelled} of the jobs were cancelled in time");
}

#[test]
fn a_job_on_threads_cancelled_at_any_time_comes_to_its_end_and_commits_all_or_nothing() {
    let mut random = Random::new(7);
    let mut cancelled = 0;
    for round in 0..150 {
        let env = local();
        env.set_parallelism(3);
        let (function, sink) = (Closes::default(), CommittingSink::new());
        let sums =
            env.from_sequence(1, 20_000).map_function(function.clone()).key_by(|n| n % 100).reduce(|sum, n| sum + n);
        sums.rebalance().sink_to(sink.clone());

        let job = env.execute_async().unwrap();
        std::thread::sleep(Duration::from_micros(random.below(20_000) as u64));
        job.cancel();

        let committed = match job.wait() {
            Ok(_) => 20_000,
            Err(Error::Cancelled { failure: None, .. }) => {
                cancelled += 1;
                0
            }
            Err(error) => panic!("round {round}: {error}"),
        };
        assert_eq!(sink.take().len(), committed, "round {round}");
        let counts = [&function.opened, &function.closed].map(|count| count.load(Ordering::Acquire));
        assert_eq!(counts[0], counts[1], "round {round}");
    }
    assert!(cancelled > 0, "no job was cancelled in time");
}

#[test]
fn metrics_count_what_goes_through_each_operator_and_subtask() {
    let env = local();
    env.set_parallelism(2);
    env.from_sequence(1, 1000)
        .filter(|n| n % 2 == 0)
        .rebalance()
        .map_function(Closes::default())
        .name("Looks")
        .uid("looks")
        .sink_to(CollectingSink::new());

    let job = env.execute_async().unwrap();
    job.wait().unwrap();
    let metrics = job.metrics();

    let source = metrics.operator("Source: Sequence Source").unwrap();
    assert_eq!((source.counter(names::NUM_RECORDS_IN), source.counter(names::NUM_RECORDS_OUT)), (0, 1000));
    let filter = metrics.operator("Filter").unwrap();
    assert_eq!((filter.counter(names::NUM_RECORDS_IN), filter.counter(names::NUM_RECORDS_OUT)), (1000, 500));
    let looks = metrics.operator("looks").unwrap();
    assert_eq!((looks.counter(names::NUM_RECORDS_IN), looks.counter("seen")), (500, 500));
    assert_eq!((looks.subtasks.len(), looks.gauge("limit"), looks.histogram("size").count()), (2, vec![7, 7], 2));
    assert_eq!(looks.gauge(names::CURRENT_INPUT_WATERMARK), [i64::MAX; 2]);
    assert_eq!(looks.gauge(names::CURRENT_OUTPUT_WATERMARK), [i64::MAX; 2]);
    assert!(matches!(looks.subtasks[1]["seen"], MetricValue::Counter(250)));
    for time in [names::BUSY_TIME, names::IDLE_TIME, names::BACK_PRESSURED_TIME] {
        assert!(looks.gauge(time).iter().all(|time| (0..=1000).contains(time)), "{time}");
    }
    assert!(metrics.to_string().contains("Looks"), "{metrics}");
}
