//! Streaming and batch mode.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, where a failure is a failed test")]

mod all_hosts;

use std::sync::Arc;
use std::time::Duration;

use riverrun_local::LocalHost;
use riverrun_stream::functions::{
    BroadcastContext, BroadcastProcessFunction, BroadcastReadContext, Collector, KeyedBroadcastContext,
    KeyedBroadcastProcessFunction, KeyedBroadcastReadContext, KeyedProcessContext, KeyedProcessFunction, MapFunction,
};
use riverrun_stream::source::{Boundedness, NumberSequence, SequenceSplit, Source};
use riverrun_stream::state::{MapStateDescriptor, ValueState, ValueStateDescriptor};
use riverrun_stream::time::{WatermarkGenerator, WatermarkOutput, WatermarkStrategy};
use riverrun_stream::window::TumblingEventTimeWindows;
use riverrun_stream::{
    DataStream, FunctionError, Result, RuntimeContext, RuntimeExecutionMode, StreamExecutionEnvironment, Timestamp,
};

use all_hosts::{on_all_hosts, sorted};

#[test]
fn batch_mode_with_a_source_that_has_no_end_is_a_mistake() {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_runtime_mode(RuntimeExecutionMode::Batch);
    env.from_source(Ticks).print();

    let error = env.execute().unwrap_err();

    assert!(error.to_string().starts_with("the source `Source: Ticks` has no end"), "{error}");
}

/// A source that says it has no end.
struct Ticks;

impl Source for Ticks {
    type Out = u64;
    type Split = SequenceSplit;
    type Enumerator = <NumberSequence as Source>::Enumerator;
    type Reader = <NumberSequence as Source>::Reader;

    fn name(&self) -> String {
        "Ticks".into()
    }

    fn boundedness(&self) -> Boundedness {
        Boundedness::ContinuousUnbounded
    }

    fn create_enumerator(&self) -> Result<Self::Enumerator> {
        NumberSequence::new(1, 2).create_enumerator()
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<Self::Enumerator> {
        NumberSequence::new(1, 2).restore_enumerator(state)
    }

    fn create_reader(&self, context: &RuntimeContext) -> Result<Self::Reader> {
        NumberSequence::new(1, 2).create_reader(context)
    }
}

/// Says how its job is executed.
#[derive(Clone)]
struct Mode(bool);

impl MapFunction<u64> for Mode {
    type Out = bool;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0 = context.is_batch();
        Ok(())
    }

    fn map(&mut self, _: u64) -> Result<bool> {
        Ok(self.0)
    }
}

#[test]
fn automatic_is_batch_where_every_source_has_an_end() {
    let modes = |mode: Option<RuntimeExecutionMode>, with_ticks: bool| {
        let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
        env.set_parallelism(1);
        mode.iter().for_each(|mode| {
            env.set_runtime_mode(*mode);
        });
        let mut numbers = env.from_collection([1_u64]).union(Vec::<DataStream<u64>>::new());
        if with_ticks {
            numbers = numbers.union([env.from_source(Ticks)]);
        }
        numbers.map_function(Mode(false)).execute_and_collect().unwrap()
    };

    assert_eq!(modes(None, false), [false]);
    assert_eq!(modes(Some(RuntimeExecutionMode::Batch), false), [true]);
    assert_eq!(modes(Some(RuntimeExecutionMode::Automatic), false), [true]);
    assert_eq!(modes(Some(RuntimeExecutionMode::Automatic), true), [false; 3]);
}

/// Says for each value which it is of its key, how far event time is, and at a timer how many there were.
#[derive(Clone)]
struct Looks {
    seen: ValueState<u64>,
}

type Seen = (String, i64, u64);

impl KeyedProcessFunction<u64, u64> for Looks {
    type Out = Seen;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.seen = context.get_state(&ValueStateDescriptor::new("seen"))?;
        Ok(())
    }

    fn process_element(
        &mut self, value: u64, context: &mut KeyedProcessContext<'_, '_, u64>, out: &mut Collector<'_, Seen>,
    ) -> Result {
        *self.seen.value_mut(context, || 0)? += 1;
        context.register_event_time_timer(1_000_000);
        context.register_processing_time_timer(i64::MAX - 1);
        out.collect((format!("value of {}", value % 10), context.current_watermark(), value));
        Ok(())
    }

    fn on_timer(
        &mut self, _: Timestamp, context: &mut KeyedProcessContext<'_, '_, u64>, out: &mut Collector<'_, Seen>,
    ) -> Result {
        let seen = *self.seen.value_mut(context, || 0)?;
        out.collect((format!("{:?}", context.time_domain()), context.current_watermark(), seen));
        Ok(())
    }
}

#[test]
fn in_batch_mode_a_keyed_function_gets_its_input_key_by_key_in_the_order_of_time() {
    on_all_hosts(|env| {
        env.set_parallelism(2).set_runtime_mode(RuntimeExecutionMode::Batch);
        let out_of_order = WatermarkStrategy::for_monotonous_timestamps()
            .with_timestamp_assigner(|value: &u64, _| 500 - value.cast_signed());

        let seen = env
            .from_sequence(0, 499)
            .assign_timestamps_and_watermarks(out_of_order)
            .key_by(|value| value % 10)
            .process(Looks { seen: ValueState::default() })
            .set_parallelism(1)
            .execute_and_collect()
            .unwrap();

        let (values, timers) = seen.split_at(500);
        assert!(values.iter().all(|(what, watermark, _)| what.starts_with("value") && *watermark == i64::MIN));
        let of_keys: Vec<&[Seen]> = values.chunk_by(|one, other| one.0 == other.0).collect();
        assert_eq!(of_keys.len(), 10, "each key comes once");
        assert!(of_keys.iter().all(|values| values.len() == 50 && values.is_sorted_by_key(|seen| 500 - seen.2)));
        let (event_time, processing_time) = timers.split_at(10);
        assert!(event_time.iter().all(|timer| *timer == ("Some(EventTime)".into(), i64::MAX, 50)), "{event_time:?}");
        assert_eq!(processing_time.len(), 10);
        assert!(processing_time.iter().all(|timer| timer.0 == "Some(ProcessingTime)" && timer.2 == 50));
    });
}

#[test]
fn in_batch_mode_a_reduction_gives_one_value_per_key() {
    on_all_hosts(|env| {
        env.set_parallelism(2).set_runtime_mode(RuntimeExecutionMode::Automatic);

        let sums = env.from_sequence(1, 1000).map(|n| (n % 3, n)).key_by(|(key, _)| *key).sum(|(_, n)| n);

        assert_eq!(sorted(sums.execute_and_collect().unwrap()), [(0, 166_833), (1, 167_167), (2, 166_500)]);
    });
}

/// Looks each value up among those that were broadcast.
#[derive(Clone)]
struct LookUp(MapStateDescriptor<u64, u64>);

impl BroadcastProcessFunction<u64, u64> for LookUp {
    type Out = u64;

    fn process_element(
        &mut self, value: u64, context: &mut BroadcastReadContext<'_, '_>, out: &mut Collector<'_, u64>,
    ) -> Result {
        let known = context.broadcast_state(&self.0)?.get(&value).copied();
        out.collect(known.ok_or_else(|| FunctionError::new(format!("{value} came before what was broadcast")))?);
        Ok(())
    }

    fn process_broadcast_element(
        &mut self, value: u64, context: &mut BroadcastContext<'_, '_>, _: &mut Collector<'_, u64>,
    ) -> Result {
        context.broadcast_state(&self.0)?.put(value, value + 1);
        Ok(())
    }
}

impl KeyedBroadcastProcessFunction<u64, u64, u64> for LookUp {
    type Out = u64;

    fn process_element(
        &mut self, value: u64, context: &mut KeyedBroadcastReadContext<'_, '_, u64>, out: &mut Collector<'_, u64>,
    ) -> Result {
        let known = context.broadcast_state(&self.0)?.get(&value).copied();
        out.collect(known.ok_or_else(|| FunctionError::new(format!("{value} came before what was broadcast")))?);
        Ok(())
    }

    fn process_broadcast_element(
        &mut self, value: u64, context: &mut KeyedBroadcastContext<'_, '_, u64>, _: &mut Collector<'_, u64>,
    ) -> Result {
        context.broadcast_state(&self.0)?.put(value, value + 1);
        Ok(())
    }
}

#[test]
fn in_batch_mode_what_is_broadcast_comes_before_all_else() {
    on_all_hosts(|env| {
        env.set_parallelism(2).set_runtime_mode(RuntimeExecutionMode::Batch);
        let known = MapStateDescriptor::new("known");
        // One source feeds both sides, so that neither may hold up the other.
        let numbers = env.from_sequence(1, 30_000);
        let rules = numbers.broadcast_state(&known);

        let regular = numbers.connect(&rules).process(LookUp(known.clone()));
        let keyed = numbers.key_by(|n| n % 10).connect(&rules).process(LookUp(known));

        let expected: Vec<u64> = (2..=30_001).flat_map(|n| [n, n]).collect();
        assert_eq!(sorted(regular.union([&keyed]).execute_and_collect().unwrap()), expected);
    });
}

#[test]
fn in_batch_mode_no_record_is_late_for_its_window() {
    let counts = |env: &StreamExecutionEnvironment, mode| {
        env.set_parallelism(1).set_runtime_mode(mode);
        let backwards = WatermarkStrategy::for_generator(|_| Eager)
            .with_timestamp_assigner(|value: &u64, _| 1000 - value.cast_signed());
        env.from_sequence(0, 999)
            .assign_timestamps_and_watermarks(backwards)
            .map(|value| (value % 2, 1_u64))
            .key_by(|(key, _)| *key)
            .window(TumblingEventTimeWindows::of(Duration::from_millis(100)))
            .sum(|(_, count)| count)
            .execute_and_collect()
            .unwrap()
            .iter()
            .map(|(_, count)| count)
            .sum::<u64>()
    };

    on_all_hosts(|env| assert_eq!(counts(&env, RuntimeExecutionMode::Batch), 1000));
    on_all_hosts(|env| assert!(counts(&env, RuntimeExecutionMode::Streaming) < 1000));
}

/// Says that event time is as far as the latest record.
struct Eager;

impl WatermarkGenerator<u64> for Eager {
    fn on_event(&mut self, _: &u64, timestamp: Timestamp, output: &mut WatermarkOutput) {
        output.emit_watermark(timestamp);
    }

    fn on_periodic_emit(&mut self, _: &mut WatermarkOutput) {}
}
