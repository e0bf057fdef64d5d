//! Random programs on the simulated driver, against a reference that runs them in sequence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, where a failure is a failed test"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use riverrun_local::{LocalHost, SimulatedHost};
use riverrun_stream::batch::DataType;
use riverrun_stream::functions::{Collector, OutputTag, ProcessContext, ProcessFunction};
use riverrun_stream::{DataStream, Error, FunctionError, Host, Result, StreamExecutionEnvironment};
use riverrun_testing::{CollectingSink, Random, SlowSink};

/// A stream of the program and, beside it, the values that it has to carry, in any order.
type Stream = (DataStream<u64>, Vec<u64>);

fn odd_tag() -> OutputTag<u64> {
    OutputTag::new("odd")
}

/// Even values go on, odd ones to the side.
#[derive(Clone)]
struct Part;

impl ProcessFunction<u64> for Part {
    type Out = u64;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        vec![odd_tag().port()]
    }

    fn process_element(
        &mut self, n: u64, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, u64>,
    ) -> Result {
        if n.is_multiple_of(2) {
            out.collect(n);
            return Ok(());
        }
        context.output(&odd_tag(), n)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Failure {
    Error,
    Panic,
}

struct Program {
    env: StreamExecutionEnvironment,
    random: Random,
    streams: Vec<Stream>,
    /// Where the values of a sink arrive, and what has to.
    sinks: Vec<(Collected, Vec<u64>)>,
}

enum Collected {
    Fast(CollectingSink<u64>),
    Slow(SlowSink<u64>),
}

impl Program {
    fn new(seed: u64) -> Self {
        Self::on(Arc::new(SimulatedHost::new(seed)), seed)
    }

    fn on(host: Arc<dyn Host>, seed: u64) -> Self {
        let env = StreamExecutionEnvironment::new(host);
        env.set_job_name("random");
        let mut random = Random::new(seed);
        env.set_buffer_timeout(Duration::from_millis([0, 1, 100, 100_000][random.below(4)]));
        Self { env, random, streams: Vec::new(), sinks: Vec::new() }
    }

    fn draw_parallelism(&mut self) -> usize {
        let parallelism = 1 + self.random.below(4);
        self.env.set_parallelism(parallelism);
        parallelism
    }

    fn add_source(&mut self) {
        self.draw_parallelism();
        let count = [0, 1, 10, 300, 2500][self.random.below(5)];
        let stream = match self.random.below(2) {
            0 => self.env.from_sequence(1, count).clone(),
            _ => self.env.from_collection(1..=count).clone(),
        };
        self.streams.push((stream, (1..=count).collect()));
    }

    /// One of the streams: taken, or left to be read again.
    fn pick(&mut self) -> Stream {
        let index = self.random.below(self.streams.len());
        if self.random.once_in(4) { self.streams[index].clone() } else { self.streams.swap_remove(index) }
    }

    fn partition(&mut self, (stream, values): Stream) -> Stream {
        let parallelism = self.draw_parallelism();
        match self.random.below(7) {
            0 => (stream.rebalance(), values),
            1 => (stream.rescale(), values),
            2 => (stream.shuffle(), values),
            3 if values.len() < 5000 => {
                let copies = values.iter().flat_map(|&n| vec![n; parallelism]).collect();
                (stream.broadcast(), copies)
            }
            _ => (stream, values),
        }
    }

    fn add_operator(&mut self) {
        let stream = self.pick();
        let (stream, values) = self.partition(stream);
        let made = match self.random.below(6) {
            0 => (stream.map(|n| n * 7 + 1).clone(), values.iter().map(|n| n * 7 + 1).collect()),
            1 => (stream.filter(|n| n % 3 != 0).clone(), values.into_iter().filter(|n| n % 3 != 0).collect()),
            2 if values.len() < 5000 => {
                let fan_out = [0, 1, 3, if values.len() < 20 { 3000 } else { 5 }][self.random.below(4)];
                let fan = move |n: u64| (0..fan_out).map(move |copy| n.wrapping_add(copy));
                (stream.flat_map(fan).clone(), values.into_iter().flat_map(fan).collect())
            }
            3 => {
                let parted = stream.process(Part);
                let (even, odd) = values.into_iter().partition(|n| n % 2 == 0);
                self.streams.push((parted.get_side_output(&odd_tag()), odd));
                (parted.clone(), even)
            }
            4 if !self.streams.is_empty() => {
                let (other, others) = self.pick();
                (stream.union([&other]).map(|n| n).clone(), values.into_iter().chain(others).collect())
            }
            _ => (stream.map(|n| n ^ 1).clone(), values.iter().map(|n| n ^ 1).collect()),
        };
        self.streams.push(made);
    }

    fn add_failure(&mut self, how: Failure) -> bool {
        let (stream, values) = self.pick();
        let (stream, values) = self.partition((stream, values));
        let Some(&bad) = values.get(self.random.below(values.len())) else {
            self.streams.push((stream, values));
            return false;
        };
        let fail = move |n: u64| match how {
            _ if n != bad => Ok(n),
            Failure::Error => Err(FunctionError::new(format!("no value may be {bad}"))),
            Failure::Panic => panic!("no value may be {bad}"),
        };
        self.streams.push((stream.try_map(fail).name("Fails").clone(), values));
        true
    }

    fn build(&mut self) {
        for _ in 0..=self.random.below(2) {
            self.add_source();
        }
        for _ in 0..self.random.below(7) {
            self.add_operator();
        }
    }

    fn end_in_sinks(&mut self) {
        for stream in std::mem::take(&mut self.streams) {
            let (stream, values) = self.partition(stream);
            let sink = match self.random.below(3) {
                0 => {
                    let sink = SlowSink::new(self.random.below(4));
                    stream.sink_to(sink.clone());
                    Collected::Slow(sink)
                }
                _ => {
                    let sink = CollectingSink::new();
                    stream.sink_to(sink.clone());
                    Collected::Fast(sink)
                }
            };
            self.sinks.push((sink, values));
        }
    }
}

/// Runs a program that cannot fail, and says how many values have arrived.
fn assert_all_arrive(mut program: Program, seed: u64) -> usize {
    program.build();
    program.end_in_sinks();

    let result = program.env.execute();

    result.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let mut arrived = 0;
    for (sink, expected) in &program.sinks {
        let found = match sink {
            Collected::Fast(sink) => sink.take(),
            Collected::Slow(sink) => sink.take(),
        };
        assert_eq!(found.len(), expected.len(), "seed {seed}");
        assert!(counts(&found) == counts(expected), "seed {seed}: other values arrived");
        arrived += found.len();
    }
    arrived
}

fn counts(values: &[u64]) -> HashMap<u64, usize> {
    let mut counts = HashMap::new();
    values.iter().for_each(|&value| *counts.entry(value).or_default() += 1);
    counts
}

#[test]
fn random_programs_give_what_a_sequential_run_gives() {
    let arrived: usize = (0..1200).map(|seed| assert_all_arrive(Program::new(seed), seed)).sum();

    assert!(arrived > 100_000, "the programs carry records: {arrived}");
}

#[test]
fn random_programs_on_threads_give_what_a_sequential_run_gives() {
    for seed in 0..150 {
        assert_all_arrive(Program::on(Arc::new(LocalHost::new()), seed), seed);
    }
}

#[test]
fn a_random_program_with_a_failing_function_fails_and_names_it() {
    // These panics are meant, and say nothing on the terminal; any other does.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<String>();
        if !message.is_some_and(|message| message.starts_with("no value may be")) {
            usual(panic);
        }
    }));
    let mut failed = 0;
    for seed in 0..400 {
        let how = if seed % 2 == 0 { Failure::Error } else { Failure::Panic };
        let mut program = Program::new(seed);
        program.build();
        if !program.add_failure(how) {
            continue;
        }
        if program.random.once_in(2) {
            program.add_operator();
        }
        program.end_in_sinks();

        let error = program.env.execute().expect_err("a function fails");

        failed += 1;
        let Error::Job { job, operator, subtask, parallelism, cause } = &error else { panic!("seed {seed}: {error}") };
        assert_eq!((job.as_str(), operator.as_str()), ("random", "Fails"), "seed {seed}");
        assert!((1..=*parallelism).contains(subtask), "seed {seed}: {error}");
        let words = if how == Failure::Panic { "panicked: no value may be" } else { "no value may be" };
        assert!(cause.to_string().starts_with(words), "seed {seed}: {error}");
    }
    assert!(failed > 200, "{failed} programs failed");
}

#[test]
fn the_same_seed_gives_the_same_order() {
    let run = |seed| {
        let env = StreamExecutionEnvironment::new(Arc::new(SimulatedHost::new(seed)));
        env.set_parallelism(3);
        env.from_sequence(1, 500).shuffle().map(|n| n).execute_and_collect().unwrap()
    };

    assert_eq!(run(7), run(7));
    assert!((0..20).any(|seed| run(seed) != run(7)), "the seed decides");
}
