//! Parameters that make no windows.

use riverrun_stream::element::StreamRecord;
use riverrun_stream::functions::Count;
use riverrun_stream::window::*;
use riverrun_stream::{Result, Timestamp};

use crate::program::{Event, harness, mistake};
use crate::random_programs::ms;

#[derive(Clone)]
struct Unmergeable;

impl<T, W> Trigger<T, W> for Unmergeable {
    type State = ();

    fn on_element(
        &mut self, _: &T, _: Option<Timestamp>, _: &W, (): &mut (), _: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        Ok(TriggerResult::Continue)
    }
}

fn of<A: WindowAssigner<Event>>(assigner: A) -> String {
    mistake(|stream| stream.key_by(|event| event.0).window(assigner).aggregate(Count))
}

#[test]
fn parameters_that_make_no_windows_are_mistakes_before_anything_runs() {
    for (found, expected) in [
        (of(TumblingEventTimeWindows::of(ms(0))), ["TumblingEventTimeWindows", "size of 0 ms"]),
        (
            of(TumblingProcessingTimeWindows::of(ms(5)).offset(ms(5))),
            ["TumblingProcessingTimeWindows", "offset of 5 ms"],
        ),
        (of(SlidingEventTimeWindows::of(ms(5), ms(0))), ["SlidingEventTimeWindows", "slide of 0 ms"]),
        (
            of(SlidingProcessingTimeWindows::of(ms(9), ms(5)).offset_millis(-5)),
            ["SlidingProcessingTimeWindows", "-5 ms"],
        ),
        (of(EventTimeSessionWindows::with_gap(ms(0))), ["EventTimeSessionWindows", "gap of 0 ms"]),
        (of(ProcessingTimeSessionWindows::with_gap(ms(0))), ["ProcessingTimeSessionWindows", "gap of 0 ms"]),
        (mistake(|stream| stream.count_window_all(0).aggregate(Count)), ["trigger on `GlobalWindows`", "count of 0"]),
        (
            mistake(|stream| {
                let windows = stream.key_by(|event| event.0).window(EventTimeSessionWindows::with_gap(ms(1)));
                windows.trigger(Unmergeable).aggregate(Count)
            }),
            ["Unmergeable", "on_merge"],
        ),
    ] {
        assert!(expected.iter().all(|part| found.contains(part)), "{found}");
    }
}

#[test]
fn a_gap_of_zero_for_an_element_fails_the_job_and_says_so() {
    let mut operator = harness(|stream| {
        let gap = |event: &Event| ms(event.2);
        stream.key_by(|event| event.0).window(EventTimeSessionWindows::with_dynamic_gap(gap)).aggregate(Count)
    });

    let error = operator.process_records(0, [StreamRecord::at((1_u8, 1_i64, 0_i64), 5)]).unwrap_err().to_string();

    assert!(error.contains("gap") && error.contains("EventTimeSessionWindows"), "{error}");
}

#[test]
fn a_record_without_a_timestamp_says_what_is_missing() {
    let mut operator =
        harness(|stream| stream.key_by(|event| event.0).window(TumblingEventTimeWindows::of(ms(5))).aggregate(Count));

    let error = operator.process(0, [(1_u8, 1_i64, 0_i64)]).unwrap_err().to_string();

    assert!(error.contains("assign_timestamps_and_watermarks"), "{error}");
}
