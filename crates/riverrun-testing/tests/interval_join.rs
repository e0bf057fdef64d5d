//! The interval join: through the suite, and beside a reference that looks at every pair.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

use proptest::prelude::*;
use riverrun_stream::functions::{Collector, KeyExtractor, ProcessJoinContext, ProcessJoinFunction};
use riverrun_stream::operator::{Interval, IntervalJoinOperator, LateOutputs};
use riverrun_stream::{Result, StreamRecord, Timestamp};
use riverrun_testing::{Feed, OperatorHarness, OperatorSuite};

type Click = (u8, u32);
type Order = (u8, String);

#[derive(Clone)]
struct Pair;

impl ProcessJoinFunction<Click, Order> for Pair {
    type Out = (Click, Order, Timestamp, Timestamp);

    fn process_element(
        &mut self, click: &Click, order: &Order, context: &mut ProcessJoinContext<'_, '_>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result {
        out.collect((*click, order.clone(), context.left_timestamp(), context.right_timestamp()));
        Ok(())
    }
}

fn operator(lower: i64, upper: i64) -> IntervalJoinOperator<u8, Click, Order, Pair> {
    let late = LateOutputs { left: Some("late clicks".into()), right: Some("late orders".into()) };
    IntervalJoinOperator::new(
        KeyExtractor::new(|click: &Click| click.0),
        KeyExtractor::new(|order: &Order| order.0),
        Interval { lower, upper },
        late,
        Pair,
    )
}

fn clicks(times: impl IntoIterator<Item = i64>) -> Feed {
    let records = times.into_iter().map(|time| StreamRecord::at(((time % 3) as u8, time as u32), time));
    Feed::keyed(0, records.collect::<Vec<_>>(), |click: &Click| click.0).unwrap()
}

fn orders(times: impl IntoIterator<Item = i64>) -> Feed {
    let records = times.into_iter().map(|time| StreamRecord::at(((time % 3) as u8, time.to_string()), time));
    Feed::keyed(1, records.collect::<Vec<_>>(), |order: &Order| order.0).unwrap()
}

#[test]
fn an_interval_join_gives_the_same_however_it_is_disturbed() {
    let script = || {
        (0..4)
            .flat_map(|run| {
                let times = run * 100..(run + 1) * 100;
                [
                    clicks(times.clone().map(|time| time * 7 % 100 + run * 100)),
                    Feed::watermark(0, run * 100 + 60),
                    orders(times.rev()),
                    Feed::watermark(1, run * 100 + 60),
                ]
            })
            .collect()
    };

    let report =
        OperatorSuite::new(|| Box::new(operator(-60, 90)), script).seeds(50).allow_late_output().run().unwrap();

    assert!(report.busy_snapshots > 0, "the output is full now and then");
    assert!(report.values::<(Click, Order, i64, i64)>(0).unwrap().len() > 5_000);
}

#[test]
fn memory_is_given_back_when_the_watermark_has_passed() {
    let mut harness = OperatorHarness::new(operator(-10, 10));
    harness.open().unwrap();
    for time in 0..5_000_i64 {
        harness.process_records(0, [StreamRecord::at((1_u8, time as u32), time)]).unwrap();
        harness.process_records(1, [StreamRecord::at((1_u8, String::new()), time)]).unwrap();
        harness.watermark(0, time).unwrap();
        harness.watermark(1, time).unwrap();
    }

    let (_, snapshot) = harness.snapshot(riverrun_stream::operator::SnapshotKind::Checkpoint).unwrap();

    let stored: usize = snapshot.key_groups.values().map(Vec::len).sum();
    assert!(stored < 5_000, "{stored} bytes for some forty records");
}

#[derive(Debug, Clone)]
enum Step {
    Click(u8, i64),
    Order(u8, i64),
    Watermark(usize, i64),
}

fn step() -> impl Strategy<Value = Step> {
    let time = prop_oneof![-20_i64..20, Just(i64::MIN), Just(i64::MAX)];
    prop_oneof![
        3 => (0_u8..3, time.clone()).prop_map(|(key, time)| Step::Click(key, time)),
        3 => (0_u8..3, time).prop_map(|(key, time)| Step::Order(key, time)),
        1 => (0_usize..2, -20_i64..20).prop_map(|(input, time)| Step::Watermark(input, time)),
    ]
}

proptest! {
    #[test]
    fn the_pairs_are_those_that_a_look_at_every_pair_finds(
        steps in prop::collection::vec(step(), 0..80), lower in -8_i64..4, width in 0_i64..8,
    ) {
        let upper = lower + width;
        let mut harness = OperatorHarness::new(operator(lower, upper));
        harness.open().unwrap();
        let (mut clicks, mut orders) = (Vec::new(), Vec::new());
        let (mut late_clicks, mut late_orders) = (0, 0);
        let mut watermarks = [i64::MIN; 2];
        for (number, step) in steps.into_iter().enumerate() {
            let watermark = watermarks[0].min(watermarks[1]);
            match step {
                Step::Click(key, time) => {
                    harness.process_records(0, [StreamRecord::at((key, number as u32), time)]).unwrap();
                    if time < watermark { late_clicks += 1 } else { clicks.push(((key, number as u32), time)) }
                }
                Step::Order(key, time) => {
                    harness.process_records(1, [StreamRecord::at((key, number.to_string()), time)]).unwrap();
                    if time < watermark { late_orders += 1 } else { orders.push(((key, number.to_string()), time)) }
                }
                Step::Watermark(input, time) => {
                    harness.watermark(input, time).unwrap();
                    watermarks[input] = watermarks[input].max(time);
                }
            }
        }
        harness.run().unwrap();

        let mut found = harness.take_values::<(Click, Order, i64, i64)>(0).unwrap();
        let mut expected = Vec::new();
        for (click, at) in &clicks {
            for (order, ordered) in &orders {
                let distance = i128::from(*ordered) - i128::from(*at);
                if click.0 == order.0 && (i128::from(lower)..=i128::from(upper)).contains(&distance) {
                    expected.push((*click, order.clone(), *at, *ordered));
                }
            }
        }
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(harness.take_values::<Click>(1).unwrap().len(), late_clicks);
        prop_assert_eq!(harness.take_values::<Order>(2).unwrap().len(), late_orders);
    }
}

#[test]
fn a_record_without_a_timestamp_says_what_is_missing() {
    let mut harness = OperatorHarness::new(operator(0, 1));
    harness.open().unwrap();

    let error = harness.process(0, [(1_u8, 1_u32)]).unwrap_err();

    assert!(error.to_string().contains("assign_timestamps_and_watermarks"), "{error}");
}
