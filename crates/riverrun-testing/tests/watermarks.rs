//! Timestamps and watermarks: the strategies, and the operator that follows them.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use riverrun_stream::element::{MAX_WATERMARK, StreamElement};
use riverrun_stream::operator::{SourceOperator, TimestampsAndWatermarksOperator};
use riverrun_stream::source::{CollectionSource, Source};
use riverrun_stream::time::{WatermarkGenerator, WatermarkOutput, WatermarkStrategy};
use riverrun_stream::{Result, RuntimeContext, RuntimeExecutionMode, StreamRecord, Timestamp};
use riverrun_testing::{Feed, OperatorHarness, OperatorSuite, SourceSuite};

/// The strategy under test, for records that say their time themselves.
fn timed(strategy: WatermarkStrategy<Timestamp>) -> WatermarkStrategy<Timestamp> {
    strategy.with_timestamp_assigner(|time, _| *time)
}

fn harness(strategy: WatermarkStrategy<Timestamp>) -> OperatorHarness {
    let mut harness = OperatorHarness::new(TimestampsAndWatermarksOperator::new(strategy));
    harness.open().unwrap();
    harness
}

/// What came out: `r5` a record at 5, `w4` a watermark, `idle` and `active`.
fn heard(harness: &mut OperatorHarness) -> Vec<String> {
    let word = |element| match element {
        StreamElement::Records(batch) => {
            let records = batch.into_records::<Timestamp>().unwrap();
            records.into_iter().map(|record| format!("r{}", record.timestamp.unwrap())).collect::<Vec<_>>()
        }
        StreamElement::Watermark(watermark) => vec![format!("w{watermark}")],
        StreamElement::Idle(idle) => vec![if idle { "idle" } else { "active" }.to_string()],
        _ => Vec::new(),
    };
    harness.take_elements(0).into_iter().flat_map(word).collect()
}

/// Puts out a watermark with every record that is a multiple of ten.
struct Tens;

impl WatermarkGenerator<Timestamp> for Tens {
    fn on_event(&mut self, event: &Timestamp, _: Timestamp, output: &mut WatermarkOutput) {
        if event % 10 == 0 {
            output.emit_watermark(*event);
        }
    }

    fn on_periodic_emit(&mut self, _: &mut WatermarkOutput) {}
}

/// Says whatever comes, forwards and backwards.
struct Parrot;

impl WatermarkGenerator<Timestamp> for Parrot {
    fn on_event(&mut self, event: &Timestamp, _: Timestamp, output: &mut WatermarkOutput) {
        output.emit_watermark(*event);
    }

    fn on_periodic_emit(&mut self, output: &mut WatermarkOutput) {
        output.emit_watermark(-100);
    }
}

#[test]
fn periodic_watermarks_come_once_an_interval_and_only_where_time_has_moved() {
    let mut harness = harness(timed(WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_millis(5))));

    harness.process::<Timestamp>(0, [100, 90, 110]).unwrap();
    harness.advance_to(199).unwrap();
    assert_eq!(heard(&mut harness), ["r100", "r90", "r110"]);
    harness.advance_to(200).unwrap();
    assert_eq!(heard(&mut harness), ["w104"]);
    harness.process::<Timestamp>(0, [80]).unwrap();
    harness.advance_to(1000).unwrap();
    assert_eq!(heard(&mut harness), ["r80"]);
}

#[test]
fn a_watermark_comes_right_behind_the_record_that_brought_it_about() {
    let mut harness = harness(timed(WatermarkStrategy::for_generator(|_| Tens)));

    harness.process::<Timestamp>(0, [7, 10, 12, 20, 19]).unwrap();

    assert_eq!(heard(&mut harness), ["r7", "r10", "w10", "r12", "r20", "w20", "r19"]);
}

#[test]
fn a_generator_that_goes_backwards_does_not_take_the_watermark_back() {
    let mut harness = harness(timed(WatermarkStrategy::for_generator(|_| Parrot)));

    harness.process::<Timestamp>(0, [5, 3, 5, 8]).unwrap();
    harness.advance_to(1000).unwrap();

    assert_eq!(heard(&mut harness), ["r5", "w5", "r3", "r5", "r8", "w8"]);
}

#[test]
fn watermarks_and_idleness_from_upstream_stop_here_but_for_the_last_watermark() {
    let mut harness = harness(timed(WatermarkStrategy::for_monotonous_timestamps()));

    harness.watermark(0, 500).unwrap();
    harness.idle(0, true).unwrap();
    harness.process::<Timestamp>(0, [7]).unwrap();
    harness.advance_to(200).unwrap();
    harness.finish().unwrap();

    assert_eq!(heard(&mut harness), ["r7", "w6", &format!("w{MAX_WATERMARK}")]);
}

#[test]
fn a_quiet_stream_is_idle_until_a_record_comes() {
    let idle = WatermarkStrategy::for_monotonous_timestamps().with_idleness(Duration::from_millis(500));
    let mut harness = harness(timed(idle));

    harness.process::<Timestamp>(0, [100]).unwrap();
    harness.advance_to(2000).unwrap();
    assert_eq!(heard(&mut harness), ["r100", "w99", "idle"]);
    harness.process::<Timestamp>(0, [50]).unwrap();
    harness.advance_to(4000).unwrap();
    assert_eq!(heard(&mut harness), ["active", "r50", "idle"], "a late record ends the idleness too, and it returns");
    harness.process::<Timestamp>(0, [150]).unwrap();
    harness.advance_to(4200).unwrap();
    assert_eq!(heard(&mut harness), ["active", "r150", "w149"]);
}

#[test]
fn without_an_interval_only_the_last_watermark_comes() {
    let strategy = timed(WatermarkStrategy::for_monotonous_timestamps());
    let context = RuntimeContext { auto_watermark_interval: Duration::ZERO, ..RuntimeContext::detached("t") };
    let mut harness = OperatorHarness::of(Box::new(TimestampsAndWatermarksOperator::new(strategy)), context);
    harness.open().unwrap();

    harness.process::<Timestamp>(0, [7]).unwrap();
    harness.advance_to(10_000).unwrap();
    harness.finish().unwrap();

    assert_eq!(heard(&mut harness), ["r7", &format!("w{MAX_WATERMARK}")]);
}

#[test]
fn in_batch_mode_generators_are_not_asked() {
    let strategy = timed(WatermarkStrategy::for_generator(|_| Tens));
    let context = RuntimeContext { runtime_mode: RuntimeExecutionMode::Batch, ..RuntimeContext::detached("t") };
    let mut harness = OperatorHarness::of(Box::new(TimestampsAndWatermarksOperator::new(strategy)), context);
    harness.open().unwrap();

    harness.process::<Timestamp>(0, [10, 20]).unwrap();
    harness.advance_to(10_000).unwrap();
    harness.finish().unwrap();

    assert_eq!(heard(&mut harness), ["r10", "r20", &format!("w{MAX_WATERMARK}")]);
}

#[test]
fn times_before_1970_and_at_the_ends_of_time_are_times() {
    let (min, max) = (Timestamp::MIN, Timestamp::MAX);
    let mut harness = harness(timed(WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_millis(1))));

    harness.process::<Timestamp>(0, [min]).unwrap();
    harness.advance_to(200).unwrap();
    harness.process::<Timestamp>(0, [-5]).unwrap();
    harness.advance_to(400).unwrap();
    harness.process::<Timestamp>(0, [max]).unwrap();
    harness.advance_to(600).unwrap();

    assert_eq!(heard(&mut harness), [&format!("r{min}"), "r-5", "w-7", &format!("r{max}"), &format!("w{}", max - 2)]);
}

#[test]
fn an_assigner_sees_the_time_that_the_record_had() {
    let strategy = WatermarkStrategy::no_watermarks()
        .with_timestamp_assigner(|value: &Timestamp, before| before.map_or(-1, |time| time + value));
    let mut harness = harness(strategy);

    harness.process_records(0, [StreamRecord::at(1_i64, 40), StreamRecord::new(2)]).unwrap();

    assert_eq!(heard(&mut harness), ["r41", "r-1"]);
}

#[test]
fn timestamps_and_watermarks_pass_the_suite() {
    // Every record is at most 5 behind the highest before it.
    let times = (0..2000_i64).map(|n| n - 5 * (n % 2));
    for punctuated in [false, true] {
        let strategy = move || {
            timed(match punctuated {
                true => WatermarkStrategy::for_generator(|_| Tens),
                false => WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_millis(5)),
            })
        };
        let times = times.clone();
        let script = move || {
            let times: Vec<_> =
                times.clone().map(|time| if punctuated { time + 5 * (time % 2) } else { time }).collect();
            let runs = times.chunks(100).enumerate();
            runs.flat_map(|(run, times)| {
                [Feed::values(0, times.to_vec()), Feed::advance_to(100 * run as i64), Feed::watermark(0, 999)]
            })
            .collect()
        };

        let report = OperatorSuite::new(move || Box::new(TimestampsAndWatermarksOperator::new(strategy())), script)
            .allow_late_output()
            .run()
            .unwrap();

        assert_eq!(report.values::<Timestamp>(0).unwrap().len(), 2000);
    }
}

#[test]
fn a_source_makes_the_watermarks_of_its_strategy_itself() -> Result {
    let source = Arc::new(CollectionSource::new(0..3000_i64));
    let enumerator = Arc::new(Mutex::new(source.create_enumerator()?));
    let strategy = timed(WatermarkStrategy::for_generator(|_| Tens));
    let mut harness = OperatorHarness::new(SourceOperator::new(source, enumerator).with_watermarks(Some(strategy)));
    harness.open().unwrap();
    harness.finish().unwrap();

    let heard = heard(&mut harness);
    assert_eq!(heard[..4], ["r0", "w0", "r1", "r2"]);
    assert_eq!(heard.iter().filter(|word| word.starts_with('r')).count(), 3000);
    assert_eq!(heard.iter().filter(|word| word.starts_with('w')).count(), 300);
    Ok(())
}

#[test]
fn a_source_with_watermarks_passes_the_source_suite() {
    let strategies: [fn() -> WatermarkStrategy<Timestamp>; 2] =
        [WatermarkStrategy::for_monotonous_timestamps, || WatermarkStrategy::for_generator(|_| Tens)];
    for strategy in strategies {
        let suite = SourceSuite::new(|| CollectionSource::new(0..3000_i64)).with_watermarks(timed(strategy()));

        let report = suite.seeds(40).run().unwrap();

        assert_eq!(report.values::<Timestamp>(0).unwrap(), (0..3000).collect::<Vec<_>>());
    }
}
