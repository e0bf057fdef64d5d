//! Random windows, triggers and streams beside the reference.

use std::time::Duration;

use riverrun_stream::OutputTag;
use riverrun_stream::element::StreamRecord;
use riverrun_stream::window::{
    ContinuousEventTimeTrigger, CountTrigger, EventTimeSessionWindows, EventTimeTrigger, GlobalWindows, PurgingTrigger,
    SlidingEventTimeWindows, Trigger, TumblingEventTimeWindows, WindowAssigner,
};
use riverrun_testing::{OperatorHarness, Random};

use crate::program::{Ends, Event, Pane, harness, list};
use crate::reference::{Reference, When, Windows};

pub(crate) fn ms(millis: i64) -> Duration {
    Duration::from_millis(millis as u64)
}

fn with_trigger<A: WindowAssigner<Event, Window: Ends>, G: Trigger<Event, A::Window>>(
    assigner: A, trigger: G, lateness: i64,
) -> OperatorHarness {
    harness(|stream| {
        stream
            .key_by(|event| event.0)
            .window(assigner)
            .trigger(trigger)
            .allowed_lateness(ms(lateness))
            .side_output_late_data(&OutputTag::new("late"))
            .apply(list)
    })
}

fn with_windows<A: WindowAssigner<Event, Window: Ends>>(assigner: A, when: When, lateness: i64) -> OperatorHarness {
    match when {
        When::EventTime => with_trigger(assigner, EventTimeTrigger, lateness),
        When::Count(count) => with_trigger(assigner, CountTrigger::of(count), lateness),
        When::PurgingCount(count) => with_trigger(assigner, PurgingTrigger::of(CountTrigger::of(count)), lateness),
        When::PurgingEventTime => with_trigger(assigner, PurgingTrigger::of(EventTimeTrigger), lateness),
        When::Continuous(interval) => with_trigger(assigner, ContinuousEventTimeTrigger::of(ms(interval)), lateness),
    }
}

fn operator(windows: Windows, when: When, lateness: i64) -> OperatorHarness {
    match windows {
        Windows::Tumbling { size, offset } => {
            with_windows(TumblingEventTimeWindows::of(ms(size)).offset_millis(offset), when, lateness)
        }
        Windows::Sliding { size, slide, offset } => {
            with_windows(SlidingEventTimeWindows::of(ms(size), ms(slide)).offset_millis(offset), when, lateness)
        }
        Windows::Session { gap } => with_windows(EventTimeSessionWindows::with_gap(ms(gap)), when, lateness),
        Windows::Global => with_windows(GlobalWindows, when, lateness),
    }
}

fn draw(random: &mut Random) -> (Windows, When, i64) {
    let mut up_to = |highest: usize| 1 + random.below(highest) as i64;
    let (size, slide) = (up_to(12), up_to(12));
    let offset = up_to(slide as usize) - 1 - (up_to(slide as usize) - 1);
    let windows = [
        Windows::Tumbling { size: slide, offset },
        Windows::Sliding { size, slide, offset },
        Windows::Session { gap: size },
        Windows::Global,
    ][up_to(4) as usize - 1];
    let (count, interval) = (up_to(4) as u64, up_to(6));
    let when = [
        When::EventTime,
        When::Count(count),
        When::PurgingCount(count),
        When::PurgingEventTime,
        When::Continuous(interval),
    ][up_to(5) as usize - 1];
    let lateness = if random.once_in(2) { 0 } else { random.below(12) as i64 };
    (windows, when, lateness)
}

#[test]
fn every_window_fires_as_the_reference_says_also_before_1970() {
    for seed in 0..1500 {
        let mut random = Random::new(seed);
        let (windows, when, lateness) = draw(&mut random);
        let mut operator = operator(windows, when, lateness);
        let mut reference = Reference::new(windows, when, lateness);
        // What lies before the first watermark fires with it.
        let (mut watermark, mut from) = (-40, -80);
        for number in 0..60 {
            if random.once_in(4) {
                let next = watermark + random.below(12) as i64;
                reference.watermark(next, from);
                (watermark, from) = (next, next + 1);
                operator.watermark(0, watermark).unwrap();
            } else {
                let time = watermark - 15 + random.below(35) as i64;
                let event: Event = (random.below(3) as u8, number, time);
                reference.element(event, time);
                operator.process_records(0, [StreamRecord::at(event, time)]).unwrap();
            }
            let mut found = operator.take_values::<Pane>(0).unwrap();
            let mut expected = std::mem::take(&mut reference.out);
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "seed {seed}, event {number}: {windows:?} {when:?} {lateness}");
            let late = operator.take_values::<Event>(1).unwrap();
            assert_eq!(
                late,
                std::mem::take(&mut reference.late),
                "late, seed {seed}, event {number}: {windows:?} {when:?} {lateness}"
            );
        }
    }
}

/// The records that have come out, each key's in their order.
fn by_key(operator: &mut OperatorHarness) -> Vec<StreamRecord<Event>> {
    let mut records = operator.take_records::<Event>(0).unwrap();
    records.sort_by_key(|record| record.value.0);
    records
}

#[test]
fn sliding_windows_that_share_work_cannot_be_told_apart_from_those_that_do_not() {
    for seed in 0..600 {
        let mut random = Random::new(seed);
        let slide = 1 + random.below(8) as i64;
        let size = slide + random.below(40) as i64;
        let offset = random.below(slide as usize) as i64;
        let lateness = if random.once_in(2) { 0 } else { random.below(40) as i64 };
        let maximum = random.once_in(2);
        let windows = SlidingEventTimeWindows::of(ms(size), ms(slide)).offset_millis(-offset);
        let program = |shared: bool| {
            let windows = windows.clone();
            harness(move |stream| {
                let windowed = stream.key_by(|event| event.0).window(windows).allowed_lateness(ms(lateness));
                let windowed = windowed.side_output_late_data(&OutputTag::new("late"));
                match (shared, maximum) {
                    (true, true) => windowed.max(|event| &mut event.2),
                    (true, false) => windowed.sum(|event| &mut event.2),
                    (false, true) => windowed.reduce(|a, b| (a.0, a.1, a.2.max(b.2))),
                    (false, false) => windowed.reduce(|a, b| (a.0, a.1, a.2.wrapping_add(b.2))),
                }
            })
        };
        let (mut shared, mut alone) = (program(true), program(false));
        let mut watermark = -60;
        for number in 0..120 {
            if random.once_in(5) {
                let furthest = if random.once_in(8) { 100 } else { 12 };
                watermark += random.below(furthest) as i64;
                shared.watermark(0, watermark).unwrap();
                alone.watermark(0, watermark).unwrap();
            } else {
                let time = watermark - 30 + random.below(60) as i64;
                let value = if random.once_in(9) { i64::MAX - number } else { random.below(100) as i64 - 50 };
                let record = StreamRecord::at((random.below(3) as u8, number, value), time);
                shared.process_records(0, [record.clone()]).unwrap();
                alone.process_records(0, [record]).unwrap();
            }
            let which = format!("seed {seed}, event {number}: {size}/{slide}, offset -{offset}, lateness {lateness}");
            assert_eq!(by_key(&mut shared), by_key(&mut alone), "{which}");
            let late = |operator: &mut OperatorHarness| operator.take_values::<Event>(1).unwrap();
            assert_eq!(late(&mut shared), late(&mut alone), "late, {which}");
        }
        shared.finish().unwrap();
        alone.finish().unwrap();
        assert_eq!(by_key(&mut shared), by_key(&mut alone), "at the end, seed {seed}");
    }
}
