//! Whole programs on both drivers of the local host.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, where a failure is a failed test")]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use riverrun_local::{LocalHost, SimulatedHost};
use riverrun_stream::batch::DataType;
use riverrun_stream::functions::{Collector, MapFunction, OutputTag, ProcessContext, ProcessFunction};
use riverrun_stream::operator::{CompletionSender, Readiness};
use riverrun_stream::sink::{NoCommit, Sink, SinkWriter};
use riverrun_stream::source::{FixedSplits, ReaderStatus, Source, SourceOutput, SourceReader};
use riverrun_stream::{Error, FunctionError, Host, Result, RuntimeContext, StreamExecutionEnvironment, StreamRecord};
use riverrun_testing::{CheckingSink, CollectingSink, CommittingSink, FailingSource, SlowSink};

fn hosts() -> Vec<Arc<dyn Host>> {
    vec![Arc::new(LocalHost::new()), Arc::new(SimulatedHost::new(1)), Arc::new(SimulatedHost::new(2))]
}

/// Builds and runs a program on each host.
fn on_all_hosts(program: impl Fn(StreamExecutionEnvironment)) {
    for host in hosts() {
        program(StreamExecutionEnvironment::new(host));
    }
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values
}

#[test]
fn a_chain_keeps_the_order_of_its_source() {
    on_all_hosts(|env| {
        env.set_parallelism(1);

        let result = env.from_sequence(1, 5000).map(|n| n * 2).filter(|n| n % 3 == 0).execute_and_collect().unwrap();

        let expected: Vec<u64> = (1..=5000).map(|n| n * 2).filter(|n| n % 3 == 0).collect();
        assert_eq!(result, expected);
    });
}

#[test]
fn a_union_has_all_records_of_all_streams() {
    on_all_hosts(|env| {
        env.set_parallelism(2);
        let (low, high) = (env.from_sequence(1, 1000), env.from_collection(1001..=2000_u64));

        let result = low.union([&high, &low]).map(|n| n).execute_and_collect().unwrap();

        assert_eq!(sorted(result), sorted((1..=2000).chain(1..=1000).collect::<Vec<_>>()));
    });
}

/// Tags each value with the subtask that it came to.
#[derive(Clone)]
struct TagSubtask(usize);

impl MapFunction<u64> for TagSubtask {
    type Out = (usize, u64);

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0 = context.subtask_index;
        Ok(())
    }

    fn map(&mut self, value: u64) -> Result<(usize, u64)> {
        Ok((self.0, value))
    }
}

#[test]
fn rebalance_gives_every_subtask_the_same_number_of_records() {
    on_all_hosts(|env| {
        env.set_parallelism(4);

        let result =
            env.from_collection(0..4000_u64).rebalance().map_function(TagSubtask(9)).execute_and_collect().unwrap();

        let mut counts = BTreeMap::new();
        result.iter().for_each(|(subtask, _)| *counts.entry(*subtask).or_insert(0) += 1);
        assert_eq!(counts, BTreeMap::from([(0, 1000), (1, 1000), (2, 1000), (3, 1000)]));
    });
}

#[test]
fn broadcast_gives_every_subtask_every_record_in_order() {
    on_all_hosts(|env| {
        env.set_parallelism(3);

        let result =
            env.from_collection(0..500_u64).broadcast().map_function(TagSubtask(9)).execute_and_collect().unwrap();

        for wanted in 0..3 {
            let of_subtask = result.iter().filter(|(subtask, _)| *subtask == wanted).map(|(_, value)| *value);
            assert_eq!(of_subtask.collect::<Vec<_>>(), (0..500).collect::<Vec<_>>());
        }
    });
}

#[derive(Clone)]
struct LongWords;

fn long() -> OutputTag<usize> {
    OutputTag::new("long")
}

impl ProcessFunction<String> for LongWords {
    type Out = String;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        vec![long().port()]
    }

    fn process_element(
        &mut self, word: String, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, String>,
    ) -> Result {
        if word.len() > 3 {
            return context.output(&long(), word.len());
        }
        out.collect(word);
        Ok(())
    }
}

#[test]
fn a_side_output_is_a_stream_of_its_own_type() {
    on_all_hosts(|env| {
        env.set_parallelism(1);
        let lengths = CollectingSink::new();
        let words = ["to", "wander", "or", "not", "bent"].map(String::from);

        let short = env.from_collection(words).process(LongWords);
        short.get_side_output(&long()).sink_to(lengths.clone());

        assert_eq!(short.execute_and_collect().unwrap(), ["to", "or", "not"]);
        assert_eq!(lengths.take(), [6, 4]);
    });
}

#[test]
fn a_side_output_that_is_not_declared_is_said_with_those_that_are() {
    let env = StreamExecutionEnvironment::new(Arc::new(SimulatedHost::new(1)));
    let words = env.from_collection(["a".to_string()]).process(LongWords);
    words.get_side_output(&OutputTag::<String>::new("long")).print();

    let error = env.execute().unwrap_err();

    assert!(matches!(error, Error::NoSideOutput { .. }) && error.to_string().contains("`long` of usize"), "{error}");
}

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

#[test]
fn a_slow_sink_holds_back_its_source_and_loses_nothing() {
    on_all_hosts(|env| {
        env.set_parallelism(2);
        let sink = SlowSink::new(3);
        env.from_sequence(1, 50_000).rebalance().sink_to(sink.clone());

        env.execute().unwrap();

        assert_eq!(sorted(sink.take()), (1..=50_000).collect::<Vec<u64>>());
    });
}

fn mistake(build: impl Fn(&StreamExecutionEnvironment)) -> Error {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    build(&env);
    env.execute().expect_err("the program has a mistake")
}

#[test]
fn a_program_without_a_sink_is_a_mistake() {
    let error = mistake(|env| drop(env.from_sequence(1, 2).map(|n| n)));

    assert!(matches!(error, Error::NoSink { .. }), "{error}");
}

#[test]
fn two_operators_of_one_uid_are_a_mistake() {
    let error = mistake(|env| env.from_sequence(1, 2).map(|n| n).uid("score").map(|n| n).uid("score").print());

    assert!(matches!(&error, Error::DuplicateUid { uid, .. } if uid == "score"), "{error}");
}

#[test]
fn a_parallelism_outside_the_range_is_a_mistake() {
    for parallelism in [0, 129] {
        let error = mistake(|env| {
            env.set_parallelism(parallelism);
            env.from_sequence(1, 2).print();
        });

        assert!(matches!(error, Error::Parallelism { given, max: 128, .. } if given == parallelism), "{error}");
    }
    for max_parallelism in [0, 40_000] {
        let error = mistake(|env| {
            env.set_max_parallelism(max_parallelism);
            env.from_sequence(1, 2).print();
        });

        assert!(matches!(error, Error::MaxParallelism { .. }), "{error}");
    }
}

#[test]
fn forward_between_different_parallelisms_is_a_mistake() {
    let error = mistake(|env| {
        env.set_parallelism(2);
        let numbers = env.from_sequence(1, 2);
        env.set_parallelism(3);
        numbers.forward().map(|n| n).print();
    });

    assert!(matches!(error, Error::ForwardParallelism { .. }), "{error}");
}

#[test]
fn a_forward_that_was_said_stays_when_the_parallelism_changes() {
    let error = mistake(|env| {
        env.set_parallelism(2);
        env.from_sequence(1, 2).forward().map(|n| n).set_parallelism(3).print();
    });

    assert!(matches!(error, Error::ForwardParallelism { .. }), "{error}");
}

#[test]
fn a_connection_that_was_not_said_follows_the_parallelism_of_both_ends() {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(2);
    let numbers = env.from_sequence(1, 2);
    let mapped = numbers.map(|n| n).set_parallelism(3);
    let rebalanced = env.get_execution_plan();
    let _numbers = numbers.set_parallelism(3);
    let forwarded = env.get_execution_plan();
    mapped.print();

    assert!(rebalanced.contains("REBALANCE"), "{rebalanced}");
    assert!(forwarded.contains("FORWARD"), "{forwarded}");
}

#[test]
fn a_union_with_a_stream_of_another_environment_is_a_mistake() {
    let error = mistake(|env| {
        let other = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
        env.from_sequence(1, 2).union([&other.from_sequence(3, 4)]).print();
    });

    assert!(matches!(error, Error::ForeignStream { .. }), "{error}");
}

/// Gives one record, and another only when the first has reached the sink.
struct Trickle(Arc<AtomicUsize>);

struct TrickleReader {
    arrived: Arc<AtomicUsize>,
    sent: usize,
    assigned: bool,
}

impl Source for Trickle {
    type Out = u64;
    type Split = u64;
    type Enumerator = FixedSplits<u64>;
    type Reader = TrickleReader;

    fn name(&self) -> String {
        "Trickle".into()
    }

    fn is_parallel(&self) -> bool {
        false
    }

    fn create_enumerator(&self) -> Result<FixedSplits<u64>> {
        Ok(FixedSplits::new([0]))
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<FixedSplits<u64>> {
        FixedSplits::restore(state)
    }

    fn create_reader(&self, _: &RuntimeContext) -> Result<TrickleReader> {
        Ok(TrickleReader { arrived: self.0.clone(), sent: 0, assigned: false })
    }
}

impl SourceReader for TrickleReader {
    type Out = u64;
    type Split = u64;

    fn add_split(&mut self, _: u64) -> Result {
        self.assigned = true;
        Ok(())
    }

    fn poll(&mut self, _: usize, out: &mut SourceOutput<'_, '_, u64>) -> Result<ReaderStatus> {
        if !self.assigned || self.sent == 5 {
            return Ok(ReaderStatus::NeedsSplit);
        }
        if self.arrived.load(Ordering::Acquire) == self.sent {
            out.collect(self.sent as u64);
            self.sent += 1;
        }
        Ok(ReaderStatus::WaitUntil(out.now() + 1))
    }

    fn snapshot(&mut self) -> Result<Vec<u64>> {
        Ok(vec![0])
    }
}

struct Arrivals(Arc<AtomicUsize>);

struct ArrivalsWriter(Arc<AtomicUsize>);

impl Sink for Arrivals {
    type In = u64;
    type Committable = ();
    type Writer = ArrivalsWriter;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Arrivals".into()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<ArrivalsWriter> {
        Ok(ArrivalsWriter(self.0.clone()))
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

impl SinkWriter for ArrivalsWriter {
    type In = u64;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<u64>>) -> Result<Readiness> {
        self.0.fetch_add(records.len(), Ordering::AcqRel);
        Ok(Readiness::Ready)
    }
}

#[test]
fn a_record_goes_on_after_the_buffer_timeout_though_its_batch_is_not_full() {
    on_all_hosts(|env| {
        for timeout in [0, 5] {
            let arrived = Arc::new(AtomicUsize::new(0));
            env.set_parallelism(2).set_buffer_timeout(Duration::from_millis(timeout));
            env.from_source(Trickle(arrived.clone())).rebalance().map(|n| n).sink_to(Arrivals(arrived.clone()));

            // Without the timeout the source would wait for ever for its first record to arrive.
            env.execute().unwrap();

            assert_eq!(arrived.load(Ordering::Acquire), 5);
        }
    });
}

/// A writer that is resumed from a thread of its own.
struct ThreadSink(CheckingSink<u64>);

struct ThreadWriter {
    sink: CheckingSink<u64>,
    completions: CompletionSender,
}

impl Sink for ThreadSink {
    type In = u64;
    type Committable = ();
    type Writer = ThreadWriter;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Thread".into()
    }

    fn create_writer(&self, context: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<ThreadWriter> {
        Ok(ThreadWriter { sink: self.0.clone(), completions: context.completions.clone() })
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

impl SinkWriter for ThreadWriter {
    type In = u64;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<u64>>) -> Result<Readiness> {
        self.sink.write(records)?;
        let completions = self.completions.clone();
        std::thread::spawn(move || completions.send(Box::new(())));
        Ok(Readiness::Busy)
    }
}

#[test]
fn a_completion_from_another_thread_wakes_a_busy_operator() {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(2);
    let sink = CheckingSink::new(|n: &u64| *n);
    env.from_sequence(1, 200_000).sink_to(ThreadSink(sink.clone()));

    env.execute().unwrap();

    assert_eq!((sink.count(), sink.sum()), (200_000, 200_000 * 200_001 / 2));
}

#[test]
fn ten_million_records_arrive_all_and_once() {
    let records = 10_000_000_u64;
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(2);
    let sink = CheckingSink::new(|n: &u64| *n);
    env.from_sequence(1, records).rebalance().map(|n| 3 * n).filter(|n| n % 2 == 0).sink_to(sink.clone());

    env.execute().unwrap();

    let even = records / 2;
    assert_eq!((sink.count(), sink.sum()), (even, 3 * even * (even + 1)));
}

#[test]
fn the_plan_shows_operators_parallelisms_and_tasks() {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(2).set_job_name("planned");
    env.from_sequence(1, 3).map(|n| n).name("Score").uid("score").rebalance().filter(|_| true).print();

    let plan: serde_json::Value = serde_json::from_str(&env.get_execution_plan()).unwrap();

    assert_eq!(plan["job"], "planned");
    let nodes = plan["nodes"].as_array().unwrap();
    let column = |name: &str| nodes.iter().map(|node| node[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("type"), ["Source: Sequence Source", "Score", "Filter", "Sink: Print to Std. Out"]);
    assert_eq!(column("pact"), ["Data Source", "Operator", "Operator", "Data Sink"]);
    assert_eq!(column("parallelism"), [2, 2, 2, 2]);
    assert_eq!(column("task"), [0, 0, 1, 1], "a rebalance is a channel, the rest is chained");
    assert_eq!(nodes[1]["uid"], "score");
    assert_eq!(nodes[2]["predecessors"][0]["ship_strategy"], "REBALANCE");
    env.execute().expect("the plan takes nothing away");
}

/// What the process below runs: it is this test binary, asked for by name.
#[test]
#[ignore = "run by the test that reads its output"]
fn printing_program() {
    let env = StreamExecutionEnvironment::new(Arc::new(SimulatedHost::new(1)));
    env.set_parallelism(2);
    env.from_collection(["a".to_string(), "b".into()]).rebalance().print_with("words");
    env.set_parallelism(1);
    env.from_collection([(1, "one".to_string())]).print();
    env.execute().unwrap();
}

#[test]
fn print_writes_one_line_per_record_with_its_prefix() {
    let program = std::env::current_exe().unwrap();

    let output = Command::new(program)
        .args(["--ignored", "--exact", "--nocapture", "--test-threads=1", "printing_program"])
        .output()
        .unwrap();

    let text = String::from_utf8(output.stdout).unwrap();
    for line in ["words:1> a", "words:2> b", "[1,\"one\"]"] {
        assert!(text.lines().any(|printed| printed.ends_with(line)), "{line} is not in\n{text}");
    }
}
