//! Whole programs with several streams: their watermarks, connected streams, broadcast state.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, where a failure is a failed test")]

mod all_hosts;

use std::sync::Arc;
use std::time::Duration;

use all_hosts::{on_all_hosts, sorted};
use riverrun_local::{LocalHost, SimulatedHost};
use riverrun_stream::functions::{
    BroadcastContext, BroadcastProcessFunction, BroadcastReadContext, Collector, KeyedBroadcastContext,
    KeyedBroadcastProcessFunction, KeyedBroadcastReadContext, KeyedCoProcessFunction, KeyedProcessContext,
    ProcessContext, ProcessFunction,
};
use riverrun_stream::source::{FixedSplits, ReaderStatus, Source, SourceOutput, SourceReader};
use riverrun_stream::state::{
    ListState, ListStateDescriptor, MapStateDescriptor, StateTtlConfig, ValueState, ValueStateDescriptor,
};
use riverrun_stream::window::TumblingEventTimeWindows;
use riverrun_stream::{
    Error, Result, RuntimeContext, RuntimeExecutionMode, StreamExecutionEnvironment, Timestamp, WatermarkGenerator,
    WatermarkOutput, WatermarkStrategy,
};

/// What a scripted source does next.
#[derive(Clone, Copy)]
enum Step {
    /// Emits a record at this time.
    At(Timestamp),
    /// Emits nothing for so many milliseconds.
    Pause(i64),
}

/// Emits the times of its script, as values and as timestamps, and pauses between them.
struct Scripted(Arc<[Step]>);

impl Source for Scripted {
    type Out = Timestamp;
    type Split = usize;
    type Enumerator = FixedSplits<usize>;
    type Reader = ScriptedReader;

    fn name(&self) -> String {
        "Scripted Source".into()
    }

    fn is_parallel(&self) -> bool {
        false
    }

    fn create_enumerator(&self) -> Result<FixedSplits<usize>> {
        Ok(FixedSplits::new([0]))
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<FixedSplits<usize>> {
        FixedSplits::restore(state)
    }

    fn create_reader(&self, _: &RuntimeContext) -> Result<ScriptedReader> {
        Ok(ScriptedReader { script: self.0.clone(), next: None })
    }
}

struct ScriptedReader {
    script: Arc<[Step]>,
    next: Option<usize>,
}

impl SourceReader for ScriptedReader {
    type Out = Timestamp;
    type Split = usize;

    fn add_split(&mut self, split: usize) -> Result {
        self.next = Some(split);
        Ok(())
    }

    fn poll(&mut self, _: usize, out: &mut SourceOutput<'_, '_, Timestamp>) -> Result<ReaderStatus> {
        let step = self.next.and_then(|next| self.script.get(next)).copied();
        self.next = self.next.map(|next| next + 1).filter(|_| step.is_some());
        Ok(match step {
            None => ReaderStatus::NeedsSplit,
            Some(Step::Pause(millis)) => ReaderStatus::WaitUntil(out.now() + millis),
            Some(Step::At(time)) => {
                out.collect_at(time, time);
                ReaderStatus::More
            }
        })
    }

    fn snapshot(&mut self) -> Result<Vec<usize>> {
        Ok(self.next.into_iter().collect())
    }
}

/// Says of each value whether it is late.
#[derive(Clone)]
struct Late;

impl ProcessFunction<Timestamp> for Late {
    type Out = (Timestamp, bool);

    fn process_element(
        &mut self, value: Timestamp, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, Self::Out>,
    ) -> Result {
        out.collect((value, context.timestamp().is_some_and(|time| time <= context.current_watermark())));
        Ok(())
    }
}

/// A busy stream, and one that pauses for 10 s and goes on with a record at 5.
fn after_a_pause(env: &StreamExecutionEnvironment, idleness: Option<Duration>, in_source: bool) -> bool {
    let monotonous = || WatermarkStrategy::for_monotonous_timestamps();
    let busy: Arc<[Step]> = (1..200).flat_map(|n| [Step::At(n), Step::Pause(20)]).collect();
    let quiet: Arc<[Step]> = Arc::new([Step::At(0), Step::Pause(10_000), Step::At(5)]);
    let for_quiet = match idleness {
        Some(timeout) => monotonous().with_idleness(timeout),
        None => monotonous(),
    };
    env.set_parallelism(1);
    let (busy, quiet) = match in_source {
        true => (
            env.from_source_with_watermarks(Scripted(busy), monotonous()),
            env.from_source_with_watermarks(Scripted(quiet), for_quiet),
        ),
        false => (
            env.from_source(Scripted(busy)).assign_timestamps_and_watermarks(monotonous()),
            env.from_source(Scripted(quiet)).assign_timestamps_and_watermarks(for_quiet),
        ),
    };

    let result = busy.union([&quiet]).process(Late).execute_and_collect().unwrap();

    assert_eq!(result.len(), 201);
    let last = result.iter().rev().find(|(time, _)| *time == 5).expect("the record behind the pause");
    last.1
}

#[test]
fn an_idle_stream_does_not_hold_back_the_other_and_a_quiet_one_does() {
    for seed in 0..10 {
        for in_source in [false, true] {
            let env = || StreamExecutionEnvironment::new(Arc::new(SimulatedHost::new(seed)));

            assert!(after_a_pause(&env(), Some(Duration::from_millis(500)), in_source), "with idleness it is late");
            assert!(!after_a_pause(&env(), None, in_source), "without idleness time has waited for it");
        }
    }
}

/// A watermark behind every record.
struct EveryRecord;

impl WatermarkGenerator<u64> for EveryRecord {
    fn on_event(&mut self, _: &u64, timestamp: Timestamp, output: &mut WatermarkOutput) {
        output.emit_watermark(timestamp);
    }

    fn on_periodic_emit(&mut self, _: &mut WatermarkOutput) {}
}

#[derive(Clone)]
struct WatermarkSeen;

impl ProcessFunction<u64> for WatermarkSeen {
    type Out = bool;

    fn process_element(
        &mut self, value: u64, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, bool>,
    ) -> Result {
        out.collect(context.timestamp() == Some(value as i64) && context.current_watermark() < value as i64);
        Ok(())
    }
}

#[test]
fn a_watermark_stays_behind_its_record_through_channels() {
    on_all_hosts(|env| {
        env.set_parallelism(2);
        let every = WatermarkStrategy::for_generator(|_| EveryRecord).with_timestamp_assigner(|value, _| *value as i64);

        let kept = env
            .from_sequence(1, 500)
            .assign_timestamps_and_watermarks(every)
            .rebalance()
            .process(WatermarkSeen)
            .execute_and_collect()
            .unwrap();

        // A subtask reads rising numbers, so no record comes behind the watermark of a higher one on its channel.
        assert_eq!((kept.len(), kept.iter().all(|kept| *kept)), (500, true));
    });
}

#[test]
fn connected_streams_have_all_records_of_both() {
    on_all_hosts(|env| {
        env.set_parallelism(2);
        let numbers = env.from_sequence(1, 500);
        let words = env.from_collection((1..=300).map(|n| format!("word {n}")));

        let both = numbers.connect(&words);
        let mapped = both.map(|n| n.to_string(), |word| word);
        let doubled = both.flat_map(|n| vec![n.to_string(); 2], |word| vec![word; 2]);

        let result = mapped.union([&doubled]).execute_and_collect().unwrap();
        let once = (1..=500).map(|n| n.to_string()).chain((1..=300).map(|n| format!("word {n}")));
        assert_eq!(sorted(result), sorted(once.flat_map(|value| vec![value; 3]).collect::<Vec<_>>()));
    });
}

/// Pairs the values of both streams per key, whichever comes first.
#[derive(Clone, Default)]
struct Pair {
    left: ListState<u64>,
    right: ListState<u64>,
}

impl KeyedCoProcessFunction<u64, u64, u64> for Pair {
    type Out = (u64, u64);

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.left = context.get_list_state(&ListStateDescriptor::new("left"))?;
        self.right = context.get_list_state(&ListStateDescriptor::new("right"))?;
        Ok(())
    }

    fn process_element1(
        &mut self, value: u64, context: &mut KeyedProcessContext<'_, '_, u64>, out: &mut Collector<'_, (u64, u64)>,
    ) -> Result {
        self.left.add(context, value)?;
        self.right.get(context)?.for_each(|right| out.collect((value, *right)));
        Ok(())
    }

    fn process_element2(
        &mut self, value: u64, context: &mut KeyedProcessContext<'_, '_, u64>, out: &mut Collector<'_, (u64, u64)>,
    ) -> Result {
        self.right.add(context, value)?;
        self.left.get(context)?.for_each(|left| out.collect((*left, value)));
        Ok(())
    }
}

#[test]
fn two_streams_with_one_kind_of_key_share_state() {
    let run = |env: StreamExecutionEnvironment, mode| {
        env.set_parallelism(2).set_runtime_mode(mode);
        let (left, right) = (env.from_sequence(1, 200), env.from_sequence(101, 250));

        let first = left.key_by(|n| n % 50).connect(&right.key_by(|n| n % 50)).process(Pair::default());
        let second = left.connect(&right).key_by(|n| n % 50, |n| n % 50).process(Pair::default()).set_parallelism(1);
        let result = first.union([&second]).execute_and_collect().unwrap();

        let pairs = (1..=200_u64).flat_map(|left| (101..=250).map(move |right| (left, right)));
        let pairs = pairs.filter(|(left, right)| left % 50 == right % 50);
        assert_eq!(sorted(result), sorted(pairs.flat_map(|pair| [pair, pair]).collect::<Vec<_>>()));
    };
    for mode in MODES {
        on_all_hosts(|env| run(env, mode));
    }
}

/// Streaming and batch mode.
const MODES: [RuntimeExecutionMode; 2] = [RuntimeExecutionMode::Streaming, RuntimeExecutionMode::Batch];

#[test]
fn records_of_one_key_and_window_are_joined_on_every_host_in_every_mode() {
    for mode in MODES {
        on_all_hosts(|env| {
            env.set_parallelism(2).set_runtime_mode(mode);
            let timed = |from: u64, to: u64| {
                let strategy = WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_millis(300));
                let strategy = strategy.with_timestamp_assigner(|n: &u64, _| *n as i64 - 100);
                env.from_sequence(from, to).assign_timestamps_and_watermarks(strategy)
            };
            let (first, second) = (timed(1, 250), timed(101, 300));
            let windows = TumblingEventTimeWindows::of(Duration::from_millis(40));

            let joined = first.join(&second).where_(|n| n % 7).equal_to(|n| n % 7).window(windows.clone());
            let joined = joined.apply(|one, two| (*one, *two)).execute_and_collect().unwrap();

            let (first, second) = (timed(1, 250), timed(101, 300));
            let grouped = first.co_group(&second).where_(|n| n % 7).equal_to(|n| n % 7).window(windows);
            let grouped = grouped
                .apply(|one, two, out: &mut Collector<'_, (usize, usize)>| out.collect((one.len(), two.len())))
                .execute_and_collect()
                .unwrap();

            let window = |n: u64| (n as i64 - 100).div_euclid(40);
            let pairs = (1..=250_u64).flat_map(|one| (101..=300).map(move |two| (one, two)));
            let pairs = pairs.filter(|(one, two)| one % 7 == two % 7 && window(*one) == window(*two));
            assert_eq!(sorted(joined), sorted(pairs.collect::<Vec<_>>()), "{mode:?}");
            assert_eq!(grouped.iter().map(|(one, two)| one + two).sum::<usize>(), 450, "{mode:?}");
        });
    }
}

fn names() -> MapStateDescriptor<u64, String> {
    MapStateDescriptor::new("names")
}

/// Names numbers by what is broadcast; those that come before their name wait for it.
#[derive(Clone, Default)]
struct Name {
    waiting: ValueState<u64>,
}

impl KeyedBroadcastProcessFunction<u64, u64, (u64, String)> for Name {
    type Out = (u64, String);

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.waiting = context.get_state(&ValueStateDescriptor::new("waiting"))?;
        Ok(())
    }

    fn process_element(
        &mut self, value: u64, context: &mut KeyedBroadcastReadContext<'_, '_, u64>, out: &mut Collector<'_, Self::Out>,
    ) -> Result {
        match context.broadcast_state(&names())?.get(&(value % 5)).cloned() {
            Some(name) => out.collect((value, name)),
            None => self.waiting.update(context, value)?,
        }
        Ok(())
    }

    fn process_broadcast_element(
        &mut self, (digit, name): (u64, String), context: &mut KeyedBroadcastContext<'_, '_, u64>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result {
        context.broadcast_state(&names())?.put(digit, name.clone());
        let waiting = &self.waiting;
        context.apply_to_keyed_state(|key, states| {
            if key % 5 == digit && waiting.value(states)?.is_some() {
                out.collect((*key, name.clone()));
                waiting.clear(states)?;
            }
            Ok(())
        })
    }
}

#[test]
fn what_is_broadcast_reaches_every_subtask_and_every_key() {
    let run = |env: StreamExecutionEnvironment, mode| {
        env.set_parallelism(3).set_runtime_mode(mode);
        let broadcast = env.from_collection((0..5_u64).map(|n| (n, format!("name {n}")))).broadcast_state(&names());

        let result = env
            .from_sequence(1, 1000)
            .key_by(|n| *n)
            .connect(&broadcast)
            .process(Name::default())
            .execute_and_collect()
            .unwrap();

        assert_eq!(sorted(result), (1..=1000).map(|n| (n, format!("name {}", n % 5))).collect::<Vec<_>>());
    };
    for mode in MODES {
        on_all_hosts(|env| run(env, mode));
    }
}

/// Reports what every subtask has at the end: all of what was broadcast.
#[derive(Clone)]
struct Count;

impl BroadcastProcessFunction<u64, (u64, String)> for Count {
    type Out = usize;

    fn process_element(
        &mut self, _: u64, _: &mut BroadcastReadContext<'_, '_>, _: &mut Collector<'_, usize>,
    ) -> Result {
        Ok(())
    }

    fn process_broadcast_element(
        &mut self, (digit, name): (u64, String), context: &mut BroadcastContext<'_, '_>, out: &mut Collector<'_, usize>,
    ) -> Result {
        let names = context.broadcast_state(&names())?;
        names.put(digit, name);
        out.collect(names.len());
        Ok(())
    }
}

#[test]
fn broadcast_state_grows_alike_on_every_subtask() {
    on_all_hosts(|env| {
        env.set_parallelism(3);
        let broadcast = env.from_collection((0..4_u64).map(|n| (n, format!("name {n}")))).broadcast_state(&names());

        let result = env.from_sequence(1, 100).connect(&broadcast).process(Count).execute_and_collect().unwrap();

        assert_eq!(sorted(result), [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
    });
}

fn mistake(build: impl Fn(&StreamExecutionEnvironment)) -> Error {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    build(&env);
    env.execute().expect_err("the program has a mistake")
}

#[test]
fn connecting_streams_of_two_environments_is_a_mistake() {
    let other = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    let error = mistake(|env| {
        let broadcast = other.from_collection([(1_u64, String::new())]).broadcast_state(&names());
        env.from_sequence(1, 2).connect(&broadcast).process(Count).print();
    });
    assert!(matches!(error, Error::ForeignStream { .. }), "{error}");

    let error = mistake(|env| {
        env.from_sequence(1, 2).connect(&other.from_sequence(1, 2)).map(|n| n, |n| n).print();
    });
    assert!(matches!(error, Error::ForeignStream { .. }), "{error}");
}

#[test]
fn idleness_after_no_time_is_a_mistake() {
    let error = mistake(|env| {
        let strategy = WatermarkStrategy::for_monotonous_timestamps().with_idleness(Duration::ZERO);
        env.from_sequence(1, 2).assign_timestamps_and_watermarks(strategy).print();
    });

    assert!(error.to_string().contains("with_idleness"), "{error}");
}

#[test]
fn broadcast_states_of_one_name_or_with_a_time_to_live_are_mistakes() {
    let twice = mistake(|env| {
        let broadcast = env.from_collection([(1_u64, String::new())]).broadcast_state(&names()).with_state(&names());
        env.from_sequence(1, 2).connect(&broadcast).process(Count).print();
    });
    let expiring = mistake(|env| {
        let names = names().enable_time_to_live(StateTtlConfig::new(Duration::from_secs(1)));
        let broadcast = env.from_collection([(1_u64, String::new())]).broadcast_state(&names);
        env.from_sequence(1, 2).connect(&broadcast).process(Count).print();
    });

    assert!(twice.to_string().contains("two states `names`"), "{twice}");
    assert!(expiring.to_string().contains("time to live"), "{expiring}");
}
