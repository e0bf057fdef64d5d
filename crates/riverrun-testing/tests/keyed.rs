//! Keyed operators: state, timers and reductions, through the suite and by hand.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

use std::time::Duration;

use riverrun_stream::functions::{
    AggregateFunction, Collector, Extremum, ExtremumOf, KeyExtractor, KeyedProcessContext, KeyedProcessFunction,
    MapFunction, RecordWith, ReduceFunction, Sum,
};
use riverrun_stream::operator::{KeyedProcessOperator, MapOperator, ReduceOperator, SnapshotKind};
use riverrun_stream::state::{
    AggregatingState, AggregatingStateDescriptor, ListState, ListStateDescriptor, MapState, MapStateDescriptor,
    OperatorListState, ReducingState, ReducingStateDescriptor, StateTtlConfig, StateVisibility, UpdateType, ValueState,
    ValueStateDescriptor,
};
use riverrun_stream::{Result, RuntimeContext, StreamRecord, Timestamp};
use riverrun_testing::{Feed, OperatorHarness, OperatorSuite};

type Event = (String, i64);

fn keys() -> KeyExtractor<Event, String> {
    KeyExtractor::new(|event: &Event| event.0.clone())
}

/// Events of a few keys at rising times, with watermarks between them.
fn events(count: i64) -> Vec<Feed> {
    (0..count / 50)
        .flat_map(|run| {
            let records = (run * 50..(run + 1) * 50)
                .map(|n| StreamRecord::at((format!("key {}", n * n % 7), n % 11), n))
                .collect::<Vec<_>>();
            let records = Feed::keyed(0, records, |event: &Event| event.0.clone()).unwrap();
            [records, Feed::watermark(0, run * 50 + 30), Feed::advance_to(run * 10)]
        })
        .collect()
}

/// Uses every kind of state and of timer.
#[derive(Clone, Default)]
struct Everything {
    last: ValueState<i64>,
    all: ListState<i64>,
    counts: MapState<i64, u32>,
    sum: ReducingState<i64>,
    mean: AggregatingState<i64, Mean>,
}

/// The mean, rounded down.
#[derive(Clone)]
struct Mean;

impl AggregateFunction<i64> for Mean {
    type Accumulator = (i64, i64);
    type Out = i64;

    fn create_accumulator(&mut self) -> (i64, i64) {
        (0, 0)
    }

    fn add(&mut self, value: &i64, (sum, count): &mut (i64, i64)) -> Result {
        *sum += value;
        *count += 1;
        Ok(())
    }

    fn get_result(&mut self, (sum, count): &(i64, i64)) -> Result<i64> {
        Ok(sum / count)
    }

    fn merge(&mut self, into: &mut (i64, i64), from: (i64, i64)) -> Result {
        *into = (into.0 + from.0, into.1 + from.1);
        Ok(())
    }
}

impl KeyedProcessFunction<String, Event> for Everything {
    type Out = String;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.last = context.get_state(&ValueStateDescriptor::new("last"))?;
        self.all = context.get_list_state(&ListStateDescriptor::new("all"))?;
        self.counts = context.get_map_state(&MapStateDescriptor::new("counts"))?;
        self.sum = context.get_reducing_state(&ReducingStateDescriptor::new("sum", |a, b| a + b))?;
        self.mean = context.get_aggregating_state(&AggregatingStateDescriptor::new("mean", Mean))?;
        Ok(())
    }

    fn process_element(
        &mut self, (_, value): Event, context: &mut KeyedProcessContext<'_, '_, String>,
        out: &mut Collector<'_, String>,
    ) -> Result {
        let before = self.last.value(context)?.copied();
        self.last.update(context, value)?;
        self.all.add(context, value)?;
        let count = self.counts.get(context, &value)?.copied().unwrap_or(0) + 1;
        self.counts.put(context, value, count)?;
        self.sum.add(context, value)?;
        self.mean.add(context, &value)?;
        if let Some(time) = context.timestamp() {
            context.register_event_time_timer(time / 20 * 20 + 20);
            // Ahead of the clock, which moves between runs of 50 events only.
            context.register_processing_time_timer(time / 50 * 10 + 5);
            if value == 3 {
                context.delete_event_time_timer(time / 20 * 20 + 20);
            }
        }
        let sum = self.sum.get(context)?.copied();
        let mean = self.mean.get(context)?;
        out.collect(format!("{} {before:?} {value} {count} {sum:?} {mean:?}", context.current_key()));
        Ok(())
    }

    fn on_timer(
        &mut self, timestamp: Timestamp, context: &mut KeyedProcessContext<'_, '_, String>,
        out: &mut Collector<'_, String>,
    ) -> Result {
        let all: Vec<i64> = self.all.get(context)?.copied().collect();
        let counts: Vec<(i64, u32)> = self.counts.entries(context)?.map(|(&value, &count)| (value, count)).collect();
        out.collect(format!(
            "{} at {timestamp} {:?}: {all:?} {counts:?}",
            context.current_key(),
            context.time_domain()
        ));
        self.all.clear(context)?;
        if timestamp % 60 == 0 {
            self.last.clear(context)?;
            self.counts.clear(context)?;
            self.sum.clear(context)?;
            self.mean.clear(context)?;
        }
        Ok(())
    }
}

#[test]
fn a_keyed_process_function_gives_the_same_however_it_is_disturbed() {
    let report =
        OperatorSuite::new(|| Box::new(KeyedProcessOperator::new(keys(), Everything::default())), || events(400))
            .seeds(150)
            // A processing-time timer may come before or behind an element that is there at the same time.
            .unordered()
            .run();

    let report = report.unwrap();
    assert!(report.values::<String>(0).unwrap().len() > 400);
}

#[test]
fn reductions_give_the_same_however_they_are_disturbed() {
    fn suite<F: ReduceFunction<Event>>(function: F) {
        let factory = move || -> Box<dyn riverrun_stream::operator::Operator> {
            Box::new(ReduceOperator::new(keys(), function.clone()))
        };
        let report = OperatorSuite::new(factory, || events(300)).seeds(40).run().unwrap();
        assert_eq!(report.values::<Event>(0).unwrap().len(), 300);
    }

    suite(Sum::new(|event: &mut Event| &mut event.1));
    suite(ExtremumOf::new(Extremum::Max, |event: &mut Event| &mut event.1));
    suite(RecordWith::new(Extremum::Min, |event: &Event| event.1));
}

fn harness<F: KeyedProcessFunction<String, Event, Out = String>>(function: F) -> OperatorHarness {
    let mut harness = OperatorHarness::new(KeyedProcessOperator::new(keys(), function));
    harness.open().unwrap();
    harness
}

fn event(key: &str, value: i64) -> [Event; 1] {
    [(key.into(), value)]
}

/// Says what a value state with a time to live holds, and sets it to positive values.
#[derive(Clone)]
struct Expiring {
    ttl: StateTtlConfig,
    value: ValueState<i64>,
}

impl KeyedProcessFunction<String, Event> for Expiring {
    type Out = String;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        let descriptor = ValueStateDescriptor::new("value").enable_time_to_live(self.ttl);
        self.value = context.get_state(&descriptor)?;
        Ok(())
    }

    fn process_element(
        &mut self, (_, value): Event, context: &mut KeyedProcessContext<'_, '_, String>,
        out: &mut Collector<'_, String>,
    ) -> Result {
        out.collect(format!("{:?}", self.value.value(context)?));
        if value > 0 {
            self.value.update(context, value)?;
        }
        Ok(())
    }
}

/// Writes at 0, then reads at these times.
fn reads(ttl: StateTtlConfig, times: &[Timestamp]) -> Vec<String> {
    let mut harness = harness(Expiring { ttl, value: ValueState::default() });
    harness.process(0, event("a", 7)).unwrap();
    for &time in times {
        harness.advance_to(time).unwrap();
        harness.process(0, event("a", 0)).unwrap();
    }
    harness.take_values(0).unwrap().split_off(1)
}

#[test]
fn state_is_not_seen_after_its_time_to_live() {
    let ttl = StateTtlConfig::new(Duration::from_millis(10));

    assert_eq!(reads(ttl, &[9, 10, 11]), ["Some(7)", "None", "None"]);
}

#[test]
fn reading_renews_state_where_it_is_asked_to() {
    let ttl = StateTtlConfig::new(Duration::from_millis(10)).set_update_type(UpdateType::OnReadAndWrite);

    assert_eq!(reads(ttl, &[9, 18, 27, 37]), ["Some(7)", "Some(7)", "Some(7)", "None"]);
}

#[test]
fn expired_state_can_be_seen_until_it_is_cleaned_up() {
    let ttl = StateTtlConfig::new(Duration::from_millis(10))
        .set_state_visibility(StateVisibility::ReturnExpiredIfNotCleanedUp)
        .cleanup_incrementally(0);

    assert_eq!(reads(ttl, &[50]), ["Some(7)"]);
    assert_eq!(reads(ttl.cleanup_incrementally(100), &[50]), ["None"]);
}

#[test]
fn a_snapshot_leaves_out_what_has_expired() {
    let ttl = StateTtlConfig::new(Duration::from_millis(10)).cleanup_incrementally(0);
    let mut harness = harness(Expiring { ttl, value: ValueState::default() });
    harness.process(0, event("a", 7)).unwrap();
    harness.advance_to(5).unwrap();
    harness.process(0, event("b", 8)).unwrap();
    harness.advance_to(12).unwrap();
    // An access makes the clock known to the state.
    harness.process(0, event("c", 0)).unwrap();

    let (_, snapshot) = harness.snapshot(SnapshotKind::Checkpoint).unwrap();

    assert_eq!(snapshot.key_groups.values().filter(|bytes| !bytes.is_empty()).count(), 1);
}

#[test]
fn keyed_state_without_a_key_is_an_error_that_says_to_key_the_stream() {
    #[derive(Clone)]
    struct NotKeyed;
    impl MapFunction<u64> for NotKeyed {
        type Out = u64;
        fn open(&mut self, context: &RuntimeContext) -> Result {
            context.get_state(&ValueStateDescriptor::<u64>::new("n")).map(|_| ())
        }
        fn map(&mut self, value: u64) -> Result<u64> {
            Ok(value)
        }
    }

    let error = OperatorHarness::new(MapOperator::new(NotKeyed)).open().unwrap_err();

    assert!(error.to_string().contains("`n`") && error.to_string().contains("key_by"), "{error}");
}

#[test]
fn a_state_handle_that_was_not_asked_for_says_so() {
    #[derive(Clone, Default)]
    struct Unopened(ValueState<u64>);
    impl KeyedProcessFunction<String, Event> for Unopened {
        type Out = String;
        fn process_element(
            &mut self, _: Event, context: &mut KeyedProcessContext<'_, '_, String>, _: &mut Collector<'_, String>,
        ) -> Result {
            self.0.update(context, 1)
        }
    }

    let error = harness(Unopened::default()).process(0, event("a", 1)).unwrap_err();

    assert!(error.to_string().contains("open"), "{error}");
}

#[test]
fn a_timer_in_the_past_fires_at_the_next_watermark() {
    #[derive(Clone)]
    struct Past;
    impl KeyedProcessFunction<String, Event> for Past {
        type Out = String;
        fn process_element(
            &mut self, _: Event, context: &mut KeyedProcessContext<'_, '_, String>, _: &mut Collector<'_, String>,
        ) -> Result {
            context.register_event_time_timer(Timestamp::MIN);
            context.register_event_time_timer(5);
            Ok(())
        }
        fn on_timer(
            &mut self, time: Timestamp, _: &mut KeyedProcessContext<'_, '_, String>, out: &mut Collector<'_, String>,
        ) -> Result {
            out.collect(time.to_string());
            Ok(())
        }
    }
    let mut harness = harness(Past);

    harness.watermark(0, 10).unwrap();
    harness.process(0, event("a", 1)).unwrap();
    assert_eq!(harness.take_values::<String>(0).unwrap(), Vec::<String>::new());

    harness.watermark(0, 11).unwrap();
    assert_eq!(harness.take_values::<String>(0).unwrap(), [Timestamp::MIN.to_string(), "5".into()]);
}

/// Counts what it has seen in operator state.
#[derive(Clone, Default)]
struct Numbering(OperatorListState<u64>);

impl MapFunction<u64> for Numbering {
    type Out = u64;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0 = context.operator_state.get_list_state(&ListStateDescriptor::new("seen"))?;
        Ok(())
    }

    fn map(&mut self, value: u64) -> Result<u64> {
        self.0.add(value);
        Ok(self.0.get().len() as u64)
    }
}

#[test]
fn operator_state_of_a_map_function_survives_at_the_same_parallelism() {
    let suite = OperatorSuite::new(
        || Box::new(MapOperator::<u64, _>::new(Numbering::default())),
        || vec![Feed::values(0, 0..60_u64)],
    );

    suite.seeds(30).parallelisms([1]).run().unwrap();
}

#[test]
fn state_of_a_newer_format_is_refused_with_its_name() {
    let mut harness =
        harness(Expiring { ttl: StateTtlConfig::new(Duration::from_secs(1)), value: ValueState::default() });
    harness.process(0, event("a", 7)).unwrap();
    let (_, mut snapshot) = harness.snapshot(SnapshotKind::Savepoint).unwrap();
    for bytes in snapshot.key_groups.values_mut().filter(|bytes| !bytes.is_empty()) {
        // The first field of a key group is its format version, a small integer.
        let at = bytes.windows(7).position(|name| name == b"version").unwrap() + 7;
        bytes[at] = 99;
    }

    let function = Expiring { ttl: StateTtlConfig::new(Duration::from_secs(1)), value: ValueState::default() };
    let error = OperatorHarness::new(KeyedProcessOperator::new(keys(), function)).restore(snapshot).unwrap_err();

    assert!(error.to_string().contains("99") && error.to_string().contains("key group"), "{error}");
}
