//! Operators of two streams, through the suite and by hand.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

use riverrun_stream::batch::DataType;
use riverrun_stream::element::StreamElement;
use riverrun_stream::functions::{
    CoFlatMapFunction, CoMapFunction, CoProcessFunction, Collector, KeyExtractor, KeyedCoProcessFunction,
    KeyedProcessContext, OutputTag, ProcessContext,
};
use riverrun_stream::operator::{
    CoFlatMap, CoFlatMapOperator, CoMap, CoMapOperator, CoProcessOperator, KeyedCoProcessOperator, Operator,
    SnapshotKind,
};
use riverrun_stream::state::{ListState, ListStateDescriptor, ValueState, ValueStateDescriptor};
use riverrun_stream::{Result, RuntimeContext, StreamRecord, Timestamp};
use riverrun_testing::{Feed, OperatorHarness, OperatorSuite};

/// Numbers on the first input and words on the second, at rising times, with the watermark of one behind the other's.
fn two_streams(count: i64) -> Vec<Feed> {
    (0..count / 100)
        .flat_map(|run| {
            let times = run * 100..(run + 1) * 100;
            [
                Feed::records(0, times.clone().map(|n| StreamRecord::at(n as u64, n))),
                Feed::records(1, times.map(|n| StreamRecord::at(format!("word {n}"), n))),
                Feed::watermark(0, run * 100 + 60),
                Feed::watermark(1, run * 100 + 30),
            ]
        })
        .collect()
}

#[derive(Clone)]
struct Show;

impl CoMapFunction<u64, String> for Show {
    type Out = String;

    fn map1(&mut self, value: u64) -> Result<String> {
        Ok(value.to_string())
    }

    fn map2(&mut self, value: String) -> Result<String> {
        Ok(value)
    }
}

#[derive(Clone)]
struct Repeat(u64);

impl CoFlatMapFunction<u64, String> for Repeat {
    type Out = String;

    fn flat_map1(&mut self, value: u64, out: &mut Collector<'_, String>) -> Result {
        (0..self.0).for_each(|copy| out.collect(format!("{value}.{copy}")));
        Ok(())
    }

    fn flat_map2(&mut self, value: String, out: &mut Collector<'_, String>) -> Result {
        (0..self.0).for_each(|_| out.collect(value.clone()));
        Ok(())
    }
}

#[derive(Clone)]
struct Sort;

impl Sort {
    fn odd() -> OutputTag<u64> {
        OutputTag::new("odd")
    }
}

impl CoProcessFunction<u64, String> for Sort {
    type Out = (String, bool);

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        vec![Self::odd().port()]
    }

    fn process_element1(
        &mut self, value: u64, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, (String, bool)>,
    ) -> Result {
        if value % 2 == 1 {
            return (0..5).try_for_each(|_| context.output(&Self::odd(), value));
        }
        out.collect((value.to_string(), context.timestamp() > Some(context.current_watermark())));
        Ok(())
    }

    fn process_element2(
        &mut self, value: String, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, (String, bool)>,
    ) -> Result {
        out.collect((value, context.timestamp() > Some(context.current_watermark())));
        Ok(())
    }
}

#[test]
fn co_map_passes_the_suite() {
    let operator = || -> Box<dyn Operator> { Box::new(CoMapOperator::new(CoMap(Show))) };

    let report = OperatorSuite::new(operator, || two_streams(500)).run().unwrap();

    let values = report.values::<String>(0).unwrap();
    assert_eq!((values.len(), &*values[99], &*values[100]), (1000, "99", "word 0"));
}

#[test]
fn co_flat_map_passes_the_suite_also_where_it_is_busy() {
    let operator = || -> Box<dyn Operator> { Box::new(CoFlatMapOperator::new(CoFlatMap(Repeat(200)))) };

    let words = || (0..40).map(|n| format!("word {n}"));
    let script = move || vec![Feed::values(0, 0..40_u64), Feed::values(1, words())];

    let report = OperatorSuite::new(operator, script).seeds(60).run().unwrap();

    assert_eq!(report.values::<String>(0).unwrap().len(), 16_000);
    assert!(report.busy_snapshots > 10, "{report:?}");
}

#[test]
fn co_process_with_side_outputs_and_watermarks_passes_the_suite() {
    let report = OperatorSuite::new(|| Box::new(CoProcessOperator::new(Sort)), || two_streams(500)).run().unwrap();

    assert_eq!(report.values::<(String, bool)>(0).unwrap().len(), 750);
    assert_eq!(report.values::<u64>(1).unwrap().len(), 1250);
}

/// The watermarks (`Some`) and idleness of the main output.
fn heard(harness: &mut OperatorHarness) -> Vec<Result<Timestamp, bool>> {
    let elements = harness.take_elements(0).into_iter();
    let heard = elements.filter_map(|element| match element {
        StreamElement::Watermark(watermark) => Some(Ok(watermark)),
        StreamElement::Idle(idle) => Some(Err(idle)),
        _ => None,
    });
    heard.collect()
}

#[test]
fn the_watermark_of_two_inputs_is_the_lowest_of_those_that_are_active() {
    let keys = |value: &u64| *value;
    let operators: [Box<dyn Operator>; 2] = [
        Box::new(CoProcessOperator::new(Sort)),
        Box::new(KeyedCoProcessOperator::new(KeyExtractor::new(keys), KeyExtractor::new(keys), Pair::default())),
    ];
    for operator in operators {
        let mut harness = OperatorHarness::of(operator, RuntimeContext::detached("two inputs"));
        harness.open().unwrap();

        harness.watermark(0, 10).unwrap();
        assert_eq!(heard(&mut harness), []);
        harness.watermark(1, 5).unwrap();
        assert_eq!(heard(&mut harness), [Ok(5)]);
        harness.idle(1, true).unwrap();
        assert_eq!(heard(&mut harness), [Ok(10)]);
        harness.idle(0, true).unwrap();
        assert_eq!(heard(&mut harness), [Err(true)]);
        harness.idle(1, false).unwrap();
        harness.watermark(1, 7).unwrap();
        assert_eq!(heard(&mut harness), [Err(false)], "it never goes back");
        harness.watermark(1, 12).unwrap();
        assert_eq!(heard(&mut harness), [Ok(12)]);
    }
}

#[test]
fn what_was_late_before_a_restore_is_late_after_it() {
    let mut before = OperatorHarness::new(CoProcessOperator::new(Sort));
    before.open().unwrap();
    before.watermark(0, 10).unwrap();
    before.watermark(1, 20).unwrap();
    let (_, state) = before.snapshot(SnapshotKind::Checkpoint).unwrap();

    let mut after = OperatorHarness::new(CoProcessOperator::new(Sort));
    after.restore(state).unwrap();
    after.open().unwrap();
    after.process_records(0, [StreamRecord::at(4_u64, 10), StreamRecord::at(6, 11)]).unwrap();

    assert_eq!(after.take_values::<(String, bool)>(0).unwrap(), [("4".into(), false), ("6".into(), true)]);
}

/// Pairs what both streams have of a key until a timer clears it.
#[derive(Clone, Default)]
struct Pair {
    left: ListState<u64>,
    right: ValueState<u64>,
}

impl KeyedCoProcessFunction<u64, u64, u64> for Pair {
    type Out = String;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        vec![OutputTag::<u64>::new("unpaired").port()]
    }

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.left = context.get_list_state(&ListStateDescriptor::new("left"))?;
        self.right = context.get_state(&ValueStateDescriptor::new("right"))?;
        Ok(())
    }

    fn process_element1(
        &mut self, value: u64, context: &mut KeyedProcessContext<'_, '_, u64>, out: &mut Collector<'_, String>,
    ) -> Result {
        self.left.add(context, value)?;
        let time = context.timestamp().unwrap_or(0);
        context.register_event_time_timer(time / 50 * 50 + 50);
        let right = self.right.value(context)?.copied();
        (0..4).for_each(|copy| out.collect(format!("{value} sees {right:?} {copy}")));
        Ok(())
    }

    fn process_element2(
        &mut self, value: u64, context: &mut KeyedProcessContext<'_, '_, u64>, out: &mut Collector<'_, String>,
    ) -> Result {
        self.right.update(context, value)?;
        let left: Vec<u64> = self.left.get(context)?.copied().collect();
        if left.is_empty() {
            context.output(&OutputTag::new("unpaired"), value)?;
        }
        out.collect(format!("{value} sees {left:?} at {}", context.current_watermark()));
        Ok(())
    }

    fn on_timer(
        &mut self, timestamp: Timestamp, context: &mut KeyedProcessContext<'_, '_, u64>,
        out: &mut Collector<'_, String>,
    ) -> Result {
        let left: Vec<u64> = self.left.get(context)?.copied().collect();
        self.left.clear(context)?;
        self.right.clear(context)?;
        out.collect(format!("{} at {timestamp}: {left:?}", context.current_key()));
        Ok(())
    }
}

fn two_keyed_streams(count: u64) -> Vec<Feed> {
    let key = |value: &u64| value % 13;
    (0..count / 40)
        .flat_map(|run| {
            let records = |factor: u64| (run * 40..(run + 1) * 40).map(move |n| StreamRecord::at(n * factor, n as i64));
            let some = records(3).filter(|record| key(&record.value) < 10);
            [
                Feed::keyed(0, some, key).unwrap(),
                Feed::keyed(1, records(5), key).unwrap(),
                Feed::watermark(0, run as i64 * 40 + 20),
                Feed::idle(1, run % 3 == 1),
                Feed::watermark(1, run as i64 * 40 + 10),
            ]
        })
        .collect()
}

#[test]
fn keyed_co_process_passes_the_suite_with_state_timers_and_two_watermarks() {
    let keys = || KeyExtractor::new(|value: &u64| value % 13);
    let operator =
        move || -> Box<dyn Operator> { Box::new(KeyedCoProcessOperator::new(keys(), keys(), Pair::default())) };

    let report = OperatorSuite::new(operator, || two_keyed_streams(800)).seeds(60).run().unwrap();

    assert!(report.values::<String>(0).unwrap().len() > 3000);
    assert!(!report.values::<u64>(1).unwrap().is_empty());
    assert!(report.snapshots > 30, "{report:?}");
}
