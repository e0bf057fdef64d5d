//! Random programs on the simulated driver, against a reference that runs them in sequence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, where a failure is a failed test"
)]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use riverrun_local::{LocalHost, SimulatedHost};
use riverrun_stream::batch::DataType;
use riverrun_stream::functions::{
    Collector, KeyedCoProcessFunction, KeyedProcessContext, KeyedProcessFunction, OutputTag, ProcessContext,
    ProcessFunction,
};
use riverrun_stream::state::{ValueState, ValueStateDescriptor};
use riverrun_stream::time::{WatermarkGenerator, WatermarkOutput, WatermarkStrategy};
use riverrun_stream::window::{EventTimeSessionWindows, SlidingEventTimeWindows, TimeWindow, TumblingEventTimeWindows};
use riverrun_stream::{
    DataStream, Error, FunctionError, Host, Result, RuntimeContext, RuntimeExecutionMode, StreamExecutionEnvironment,
    Timestamp,
};
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

/// A timestamp later than all before it, in whatever subtask: no record has a reason to be late.
static NEXT_TIME: AtomicI64 = AtomicI64::new(0);

/// Puts out each record's timestamp as a watermark, right behind the record.
struct EachTime;

impl WatermarkGenerator<u64> for EachTime {
    fn on_event(&mut self, _: &u64, timestamp: Timestamp, output: &mut WatermarkOutput) {
        output.emit_watermark(timestamp);
    }

    fn on_periodic_emit(&mut self, _: &mut WatermarkOutput) {}
}

/// The timer of [`CountPerKey`]: event time comes to it at the end alone.
const AT_THE_END: Timestamp = i64::MAX - 1;

/// What [`CountPerKey`] puts out at the end for a key.
fn total(key: u64, count: u64) -> u64 {
    1_000_000_000_000 + key * 1_000_000_000 + count
}

/// Puts every value out again, and how many there were of each key at the end. Finds watermarks that overtake records.
#[derive(Clone)]
struct CountPerKey {
    count: ValueState<u64>,
    may_be_late: bool,
}

impl KeyedProcessFunction<u64, u64> for CountPerKey {
    type Out = u64;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.count = context.get_state(&ValueStateDescriptor::new("count"))?;
        Ok(())
    }

    fn process_element(
        &mut self, n: u64, context: &mut KeyedProcessContext<'_, '_, u64>, out: &mut Collector<'_, u64>,
    ) -> Result {
        let (timestamp, watermark) = (context.timestamp(), context.current_watermark());
        if !self.may_be_late && timestamp.is_some_and(|timestamp| timestamp <= watermark) {
            return Err(FunctionError::new(format!(
                "the watermark {watermark} has overtaken the record at {timestamp:?}"
            )));
        }
        *self.count.value_mut(context, || 0)? += 1;
        context.register_event_time_timer(AT_THE_END);
        out.collect(n);
        Ok(())
    }

    fn on_timer(
        &mut self, _: Timestamp, context: &mut KeyedProcessContext<'_, '_, u64>, out: &mut Collector<'_, u64>,
    ) -> Result {
        let count = *self.count.value_mut(context, || 0)?;
        out.collect(total(*context.current_key(), count));
        Ok(())
    }
}

/// As [`CountPerKey`], over two streams.
#[derive(Clone)]
struct CountPerKeyOfTwo(CountPerKey);

impl KeyedCoProcessFunction<u64, u64, u64> for CountPerKeyOfTwo {
    type Out = u64;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn process_element1(
        &mut self, n: u64, context: &mut KeyedProcessContext<'_, '_, u64>, out: &mut Collector<'_, u64>,
    ) -> Result {
        self.0.process_element(n, context, out)
    }

    fn process_element2(
        &mut self, n: u64, context: &mut KeyedProcessContext<'_, '_, u64>, out: &mut Collector<'_, u64>,
    ) -> Result {
        self.0.process_element(n, context, out)
    }

    fn on_timer(
        &mut self, time: Timestamp, context: &mut KeyedProcessContext<'_, '_, u64>, out: &mut Collector<'_, u64>,
    ) -> Result {
        self.0.on_timer(time, context, out)
    }
}

/// The values, and the count of each key.
fn with_counts(values: Vec<u64>, keys: u64) -> Vec<u64> {
    let mut counts = BTreeMap::new();
    values.iter().for_each(|n| *counts.entry(n % keys).or_insert(0) += 1);
    values.into_iter().chain(counts.into_iter().map(|(key, count)| total(key, count))).collect()
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
    /// Whether some watermarks leave out channels that are idle, whose records may be late then.
    idles: bool,
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
        let mode = match random.below(3) {
            0 => RuntimeExecutionMode::Batch,
            1 => RuntimeExecutionMode::Automatic,
            _ => RuntimeExecutionMode::Streaming,
        };
        env.set_runtime_mode(mode);
        let idles = random.once_in(3);
        Self { env, random, streams: Vec::new(), idles, sinks: Vec::new() }
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
        match self.random.below(8) {
            0 => (stream.rebalance(), values),
            1 => (stream.rescale(), values),
            2 => (stream.shuffle(), values),
            3 if values.len() < 5000 => {
                let copies = values.iter().flat_map(|&n| vec![n; parallelism]).collect();
                (stream.broadcast(), copies)
            }
            4 => (stream.partition_custom(|key, parallelism| *key as usize % parallelism, |n| n / 3), values),
            _ => (stream, values),
        }
    }

    /// An operator that knows keys or time.
    fn add_keyed(&mut self) {
        let (stream, values) = self.pick();
        self.draw_parallelism();
        let keys = [1, 3, 50][self.random.below(3)];
        let count = CountPerKey { count: ValueState::default(), may_be_late: self.idles };
        let made = match self.random.below(5) {
            0 => (self.timed(&stream), values),
            2 if !self.idles => self.windowed(&stream, values, keys),
            1 if !self.streams.is_empty() => {
                let (other, others) = self.pick();
                let counted = stream.connect(&other).key_by(move |n| n % keys, move |n| n % keys);
                let values = values.into_iter().chain(others).collect();
                (counted.process(CountPerKeyOfTwo(count)).clone(), with_counts(values, keys))
            }
            _ => (stream.key_by(move |n| n % keys).process(count).clone(), with_counts(values, keys)),
        };
        self.streams.push(made);
    }

    /// The stream with timestamps and watermarks.
    fn timed(&self, stream: &DataStream<u64>) -> DataStream<u64> {
        let strategy = WatermarkStrategy::for_generator(|_| EachTime)
            .with_timestamp_assigner(|_, _| NEXT_TIME.fetch_add(1, Ordering::AcqRel));
        let strategy = if self.idles { strategy.with_idleness(Duration::from_millis(2)) } else { strategy };
        stream.assign_timestamps_and_watermarks(strategy).clone()
    }

    /// The values of each window of a stream without late records.
    fn windowed(&mut self, stream: &DataStream<u64>, values: Vec<u64>, keys: u64) -> Stream {
        let millis = Duration::from_millis;
        let all = |_: &u64, _: &TimeWindow, values: &[u64], out: &mut Collector<'_, u64>| {
            values.iter().for_each(|&n| out.collect(n));
        };
        let keyed = self.timed(stream).key_by(move |n| n % keys);
        match self.random.below(3) {
            0 => (keyed.window(EventTimeSessionWindows::with_gap(millis(20))).apply(all).clone(), values),
            1 if values.len() < 5000 => {
                let sliding = keyed.window(SlidingEventTimeWindows::of(millis(60), millis(20))).apply(all).clone();
                (sliding, values.into_iter().flat_map(|n| [n; 3]).collect())
            }
            _ => (keyed.window(TumblingEventTimeWindows::of(millis(50))).apply(all).clone(), values),
        }
    }

    fn add_operator(&mut self) {
        if self.random.once_in(3) {
            return self.add_keyed();
        }
        let stream = self.pick();
        let (stream, values) = self.partition(stream);
        let made = match self.random.below(8) {
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
            5 if !self.streams.is_empty() => {
                let (other, others) = self.pick();
                let values = values.iter().map(|n| n + 1).chain(others.iter().map(|n| n * 3)).collect();
                (stream.connect(&other).map(|n| n + 1, |n| n * 3).clone(), values)
            }
            6 => (stream.map(|n| n).disable_chaining().clone(), values),
            _ => (stream.map(|n| n ^ 1).start_new_chain().clone(), values.iter().map(|n| n ^ 1).collect()),
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
    let arrived: usize = (0..800).map(|seed| assert_all_arrive(Program::new(seed), seed)).sum();

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
fn a_random_program_that_is_cancelled_at_any_step_comes_to_its_end() {
    let mut cancelled = 0;
    for seed in 0..400 {
        let host = SimulatedHost::new(seed).cancelling_after(Random::new(seed).below(300));
        let mut program = Program::on(Arc::new(host), seed);
        program.build();
        program.end_in_sinks();

        match program.env.execute() {
            Ok(_) => {}
            Err(Error::Cancelled { failure: None, .. }) => cancelled += 1,
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    assert!(cancelled > 100, "{cancelled} programs were cancelled in time");
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
