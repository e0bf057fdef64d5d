//! Operators with broadcast state, through the suite and by hand.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

use riverrun_stream::functions::{
    BroadcastContext, BroadcastProcessFunction, BroadcastReadContext, Collector, KeyExtractor, KeyedBroadcastContext,
    KeyedBroadcastProcessFunction, KeyedBroadcastReadContext,
};
use riverrun_stream::operator::{
    BroadcastProcessOperator, KeyedBroadcastProcessOperator, Operator, OperatorSnapshot, SnapshotKind, redistribute,
};
use riverrun_stream::state::{BroadcastStateDescriptor, MapStateDescriptor, ValueState, ValueStateDescriptor};
use riverrun_stream::{Result, RuntimeContext, StreamRecord, Timestamp};
use riverrun_testing::{Feed, OperatorHarness, OperatorSuite};

/// What a number is multiplied by, by its last digit.
fn factors() -> MapStateDescriptor<u64, u64> {
    MapStateDescriptor::new("factors")
}

fn states() -> [BroadcastStateDescriptor; 1] {
    [BroadcastStateDescriptor::of(&factors())]
}

#[derive(Clone)]
struct Multiply;

impl BroadcastProcessFunction<u64, (u64, u64)> for Multiply {
    type Out = String;

    fn process_element(
        &mut self, value: u64, context: &mut BroadcastReadContext<'_, '_>, out: &mut Collector<'_, String>,
    ) -> Result {
        let factor = context.broadcast_state(&factors())?.get(&(value % 10)).copied();
        (0..7).for_each(|copy| out.collect(format!("{value} by {factor:?}, {copy} at {:?}", context.timestamp())));
        Ok(())
    }

    fn process_broadcast_element(
        &mut self, (digit, factor): (u64, u64), context: &mut BroadcastContext<'_, '_>, _: &mut Collector<'_, String>,
    ) -> Result {
        let factors = context.broadcast_state(&factors())?;
        match factor {
            0 => drop(factors.remove(&digit)),
            factor => factors.put(digit, factor),
        }
        Ok(())
    }
}

/// Counts per key up to a limit that is broadcast; a limit of 0 forgets all counts.
#[derive(Clone, Default)]
struct Limit {
    count: ValueState<u64>,
}

impl KeyedBroadcastProcessFunction<u64, u64, (u64, u64)> for Limit {
    type Out = String;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.count = context.get_state(&ValueStateDescriptor::new("count"))?;
        Ok(())
    }

    fn process_element(
        &mut self, value: u64, context: &mut KeyedBroadcastReadContext<'_, '_, u64>, out: &mut Collector<'_, String>,
    ) -> Result {
        let key = *context.current_key();
        let limit = context.broadcast_state(&factors())?.get(&(key % 10)).copied();
        let count = self.count.value_mut(context, || 0)?;
        *count += 1;
        (0..4).for_each(|copy| out.collect(format!("{value}: {count} of {limit:?}, {copy}")));
        let time = context.timestamp().unwrap_or(0);
        context.register_event_time_timer(time / 30 * 30 + 30);
        Ok(())
    }

    fn process_broadcast_element(
        &mut self, (digit, limit): (u64, u64), context: &mut KeyedBroadcastContext<'_, '_, u64>,
        _: &mut Collector<'_, String>,
    ) -> Result {
        context.broadcast_state(&factors())?.put(digit, limit);
        if limit == 0 {
            let count = &self.count;
            context.apply_to_keyed_state(|key, states| if key % 10 == digit { count.clear(states) } else { Ok(()) })?;
        }
        Ok(())
    }

    fn on_timer(
        &mut self, timestamp: Timestamp, context: &mut KeyedBroadcastReadContext<'_, '_, u64>,
        out: &mut Collector<'_, String>,
    ) -> Result {
        let limit = context.broadcast_state(&factors())?.get(&(context.current_key() % 10)).copied();
        let count = self.count.value(context)?.copied();
        out.collect(format!("{} at {timestamp}: {count:?} of {limit:?}", context.current_key()));
        Ok(())
    }
}

fn numbers_and_rules(runs: u64) -> Vec<Feed> {
    (0..runs)
        .flat_map(|run| {
            let numbers: Vec<_> = (run * 40..run * 40 + 40).map(|n| StreamRecord::at(n, n as i64)).collect();
            let rules = (0..3).map(move |n| StreamRecord::new(((run + n) % 10, run * n % 7)));
            [
                Feed::broadcast(1, rules.collect::<Vec<_>>()),
                Feed::keyed(0, numbers, |value| value % 17).unwrap(),
                Feed::watermark(0, run as i64 * 40 + 20),
                Feed::watermark(1, run as i64 * 40 + 10),
            ]
        })
        .collect()
}

#[test]
fn broadcast_process_passes_the_suite() {
    let operator = || -> Box<dyn Operator> { Box::new(BroadcastProcessOperator::new(&states(), Multiply)) };

    let report = OperatorSuite::new(operator, || numbers_and_rules(12)).run().unwrap();

    let values = report.values::<String>(0).unwrap();
    assert_eq!(values.len(), 12 * 40 * 7);
    assert!(values.iter().any(|value| value.contains("Some(6)")) && values.iter().any(|value| value.contains("None")));
}

#[test]
fn keyed_broadcast_process_passes_the_suite_with_state_and_timers() {
    let keys = || KeyExtractor::new(|value: &u64| value % 17);
    let operator = move || -> Box<dyn Operator> {
        Box::new(KeyedBroadcastProcessOperator::new(keys(), &states(), Limit::default()))
    };

    let report = OperatorSuite::new(operator, || numbers_and_rules(12)).run().unwrap();

    let values = report.values::<String>(0).unwrap();
    let first = values.iter().filter(|value| value.contains(": 1 of") && value.ends_with(", 0")).count();
    assert!(first > 17, "the 17 keys began to count {first} times: what was broadcast reached their state");
}

#[test]
fn every_subtask_gets_the_broadcast_state_back_once() {
    let mut snapshots: Vec<OperatorSnapshot> = Vec::new();
    for subtask_index in 0..2 {
        let context = RuntimeContext { subtask_index, parallelism: 2, ..RuntimeContext::detached("before") };
        let operator = Box::new(BroadcastProcessOperator::new(&states(), Multiply));
        let mut harness = OperatorHarness::of(operator, context);
        harness.open().unwrap();
        harness.process(1, [(1_u64, 5_u64), (2, 6)]).unwrap();
        snapshots.push(harness.snapshot(SnapshotKind::Checkpoint).unwrap().1);
    }

    for state in redistribute(&snapshots, 3, 128) {
        let entries: usize =
            state.union.iter().filter(|(name, _)| name.contains("factors")).map(|(_, e)| e.len()).sum();
        assert_eq!(entries, 1);
        let mut harness = OperatorHarness::new(BroadcastProcessOperator::<u64, _, _>::new(&states(), Multiply));
        harness.restore(state).unwrap();
        harness.open().unwrap();
        harness.process(0, [12_u64]).unwrap();
        assert_eq!(harness.take_values::<String>(0).unwrap()[0], "12 by Some(6), 0 at None");
    }
}

#[test]
fn a_state_that_was_not_declared_is_an_error_that_names_it() {
    let mut harness = OperatorHarness::new(BroadcastProcessOperator::<u64, (u64, u64), _>::new(&[], Multiply));
    harness.open().unwrap();

    let error = harness.process(0, [1_u64]).unwrap_err().to_string();

    assert!(error.contains("`factors`") && error.contains("broadcast_state"), "{error}");
}

#[test]
fn a_state_of_other_types_is_an_error_that_names_them() {
    let other = BroadcastStateDescriptor::of(&MapStateDescriptor::<String, u8>::new("factors"));
    let mut harness = OperatorHarness::new(BroadcastProcessOperator::<u64, (u64, u64), _>::new(&[other], Multiply));
    harness.open().unwrap();

    let error = harness.process(0, [1_u64]).unwrap_err().to_string();

    assert!(error.contains("String, u8") && error.contains("u64, u64"), "{error}");
}
