//! Late records, and times at the ends of what can be said.

use riverrun_stream::OutputTag;
use riverrun_stream::element::StreamRecord;
use riverrun_stream::functions::Count;
use riverrun_stream::operator::SnapshotKind;
use riverrun_stream::window::{
    EventTimeSessionWindows, SlidingEventTimeWindows, TumblingEventTimeWindows, TumblingProcessingTimeWindows,
};

use crate::program::{Event, Pane, harness, list};
use crate::random_programs::ms;

fn at(time: i64) -> StreamRecord<Event> {
    StreamRecord::at((1, time, time), time)
}

#[test]
fn a_stream_of_only_late_records_gives_nothing_and_keeps_nothing() {
    let mut operator = harness(|stream| {
        let windows = stream.key_by(|event| event.0).window(TumblingEventTimeWindows::of(ms(10)));
        windows.side_output_late_data(&OutputTag::new("late")).aggregate(Count)
    });
    operator.watermark(0, 1000).unwrap();

    operator.process_records(0, (0..100).map(at)).unwrap();
    let (_, snapshot) = operator.snapshot(SnapshotKind::Checkpoint).unwrap();
    operator.finish().unwrap();

    assert!(operator.take_values::<u64>(0).unwrap().is_empty());
    assert_eq!(operator.take_values::<Event>(1).unwrap().len(), 100);
    assert!(snapshot.key_groups.values().all(Vec::is_empty));
}

#[test]
fn a_late_record_within_the_allowed_lateness_fires_its_window_again() {
    let mut operator = harness(|stream| {
        let windows = stream.key_by(|event| event.0).window(TumblingEventTimeWindows::of(ms(10)));
        windows.allowed_lateness(ms(5)).apply(list)
    });
    operator.process_records(0, [at(3)]).unwrap();
    operator.watermark(0, 9).unwrap();

    operator.process_records(0, [at(4)]).unwrap();
    operator.watermark(0, 14).unwrap();
    operator.process_records(0, [at(5)]).unwrap();
    operator.finish().unwrap();

    assert_eq!(operator.take_values::<Pane>(0).unwrap(), [(1, 0, 10, vec![3]), (1, 0, 10, vec![3, 4])]);
}

#[test]
fn what_was_late_before_a_restore_is_late_after_it() {
    let program = || {
        harness(|stream| stream.key_by(|event| event.0).window(TumblingEventTimeWindows::of(ms(10))).aggregate(Count))
    };
    let mut operator = program();
    operator.watermark(0, 100).unwrap();
    let (_, snapshot) = operator.snapshot(SnapshotKind::Savepoint).unwrap();
    let factory = crate::program::operators(|stream| {
        stream.key_by(|event| event.0).window(TumblingEventTimeWindows::of(ms(10))).aggregate(Count)
    });
    let context = riverrun_stream::RuntimeContext::detached("operator under test");
    let mut restored = riverrun_testing::OperatorHarness::of(factory(), context);
    restored.restore(snapshot).unwrap();
    restored.open().unwrap();

    restored.process_records(0, [at(50)]).unwrap();
    restored.finish().unwrap();

    assert!(restored.take_values::<u64>(0).unwrap().is_empty());
}

#[test]
fn records_at_the_ends_of_time_are_in_windows_too() {
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX];
    let mut tumbling =
        harness(|stream| stream.key_by(|event| event.0).window(TumblingEventTimeWindows::of(ms(7))).aggregate(Count));
    let mut sliding = harness(|stream| {
        stream.key_by(|event| event.0).window(SlidingEventTimeWindows::of(ms(10), ms(5))).aggregate(Count)
    });
    let mut sliding_with_elements = harness(|stream| {
        let windows = stream.key_by(|event| event.0).window(SlidingEventTimeWindows::of(ms(10), ms(5)));
        windows.apply(|_, _, events, out| out.collect(events.len() as u64))
    });
    let mut sessions = harness(|stream| {
        let windows = stream.key_by(|event| event.0).window(EventTimeSessionWindows::with_gap(ms(7)));
        windows.allowed_lateness(std::time::Duration::MAX).aggregate(Count)
    });

    for operator in [&mut tumbling, &mut sliding, &mut sliding_with_elements, &mut sessions] {
        operator.process_records(0, ends.map(at)).unwrap();
        operator.finish().unwrap();
    }

    assert_eq!(tumbling.take_values::<u64>(0).unwrap().iter().sum::<u64>(), 6);
    let counts = sliding.take_values::<u64>(0).unwrap();
    assert_eq!(counts.iter().sum::<u64>(), 12, "each record is in two windows");
    assert_eq!(counts, sliding_with_elements.take_values::<u64>(0).unwrap());
    assert_eq!(sessions.take_values::<u64>(0).unwrap(), [2, 2, 2]);
}

#[test]
fn windows_that_lie_apart_pass_over_what_falls_between_them() {
    let mut operator = harness(|stream| {
        let windows = stream.key_by(|event| event.0).window(SlidingEventTimeWindows::of(ms(2), ms(10)));
        windows.side_output_late_data(&OutputTag::new("late")).aggregate(Count)
    });

    operator.process_records(0, (0..30).map(at)).unwrap();
    operator.finish().unwrap();

    assert_eq!(operator.take_values::<u64>(0).unwrap(), [2, 2, 2]);
    assert!(operator.take_values::<Event>(1).unwrap().is_empty());
}

#[test]
fn a_window_of_processing_time_takes_what_comes_in_its_last_millisecond() {
    let mut operator = harness(|stream| {
        stream.key_by(|event| event.0).window(TumblingProcessingTimeWindows::of(ms(10))).aggregate(Count)
    });
    operator.process(0, [(1_u8, 1_i64, 1_i64)]).unwrap();
    operator.advance_to(9).unwrap();
    operator.process(0, [(1_u8, 2_i64, 2_i64)]).unwrap();

    assert!(operator.take_values::<u64>(0).unwrap().is_empty());
    operator.advance_to(10).unwrap();
    assert_eq!(operator.take_values::<u64>(0).unwrap(), [2]);
}

#[test]
fn windows_of_processing_time_come_out_at_the_end_of_the_input() {
    let mut operator = harness(|stream| {
        stream.key_by(|event| event.0).window(TumblingProcessingTimeWindows::of(ms(10))).aggregate(Count)
    });
    operator.process(0, [(1_u8, 1_i64, 1_i64), (2, 2, 2)]).unwrap();

    operator.finish().unwrap();

    assert_eq!(operator.take_values::<u64>(0).unwrap(), [1, 1]);
}
