//! The suite on every kind of window.

use riverrun_stream::element::StreamRecord;
use riverrun_stream::functions::Count;
use riverrun_stream::window::*;
use riverrun_stream::{Data, DataStream, OutputTag, SingleOutputStreamOperator};
use riverrun_testing::{Feed, OperatorSuite, Random, SuiteReport};

use crate::program::{Event, Firings, Pane, list, operators};
use crate::random_programs::ms;

/// Records out of order, some of them late, with watermarks and the clock between them.
fn events() -> Vec<Feed> {
    let mut random = Random::new(7);
    let mut feeds = Vec::new();
    for run in 0..30_i64 {
        let records: Vec<StreamRecord<Event>> = (0..40)
            .map(|n| {
                let time = run * 20 - 100 + random.below(45) as i64 - random.below(3) as i64 * 15;
                StreamRecord::at((random.below(5) as u8, run * 40 + n, time), time)
            })
            .collect();
        feeds.push(Feed::keyed(0, records, |event| event.0).unwrap());
        feeds.push(Feed::watermark(0, run * 20 - 100));
        feeds.push(Feed::advance_to(run * 7));
    }
    feeds
}

fn suite<Out: Data>(
    program: impl FnOnce(&DataStream<Event>) -> SingleOutputStreamOperator<Out>,
    set: impl FnOnce(OperatorSuite) -> OperatorSuite,
) -> SuiteReport {
    let suite = OperatorSuite::new(operators(program), events).seeds(60).allow_late_output();
    set(suite).run().unwrap()
}

fn keyed<Out: Data>(program: impl FnOnce(&DataStream<Event>) -> SingleOutputStreamOperator<Out>) -> SuiteReport {
    suite(program, |suite| suite)
}

fn late() -> OutputTag<Event> {
    OutputTag::new("late")
}

#[test]
fn tumbling_windows_pass_the_suite() {
    let report = keyed(|stream| {
        stream
            .key_by(|event| event.0)
            .window(TumblingEventTimeWindows::of(ms(15)).offset(ms(4)))
            .side_output_late_data(&late())
            .sum(|event| &mut event.1)
    });

    assert!(report.values::<Event>(0).unwrap().len() > 100 && report.values::<Event>(1).unwrap().len() > 10);
    assert!(report.snapshots > 30);
}

#[test]
fn sliding_windows_with_lateness_pass_the_suite() {
    let report = keyed(|stream| {
        let windows = stream.key_by(|event| event.0).window(SlidingEventTimeWindows::of(ms(20), ms(6)));
        windows.allowed_lateness(ms(10)).process(Firings)
    });

    let firings = report.values::<(Pane, u32)>(0).unwrap();
    assert!(firings.iter().any(|(_, count)| *count > 1), "some window fired again");
}

#[test]
fn sliding_windows_that_share_work_pass_the_suite() {
    let report = keyed(|stream| {
        let windows = stream.key_by(|event| event.0).window(SlidingEventTimeWindows::of(ms(20), ms(6)));
        windows.allowed_lateness(ms(10)).side_output_late_data(&late()).sum(|event| &mut event.2)
    });

    assert!(report.values::<Event>(0).unwrap().len() > 100);
}

#[test]
fn sessions_pass_the_suite() {
    for lateness in [0, 25] {
        let report = keyed(|stream| {
            let windows = stream.key_by(|event| event.0).window(EventTimeSessionWindows::with_gap(ms(4)));
            windows.allowed_lateness(ms(lateness)).apply(list)
        });

        assert!(report.values::<Pane>(0).unwrap().len() > 100);
    }
}

#[test]
fn sessions_with_a_gap_of_their_own_pass_the_suite() {
    keyed(|stream| {
        let gap = |event: &Event| ms(1 + event.1 % 7);
        let windows = stream.key_by(|event| event.0).window(EventTimeSessionWindows::with_dynamic_gap(gap));
        windows.trigger(ContinuousEventTimeTrigger::of(ms(3))).aggregate(Count)
    });
}

#[test]
fn count_windows_pass_the_suite() {
    let tumbling = keyed(|stream| stream.key_by(|event| event.0).count_window(7).aggregate(Count));
    let sliding = keyed(|stream| stream.key_by(|event| event.0).count_window_slide(5, 2).sum(|event| &mut event.1));

    assert!(tumbling.values::<u64>(0).unwrap().iter().all(|count| *count == 7));
    assert!(sliding.values::<Event>(0).unwrap().len() > 500);
}

#[test]
fn global_windows_with_a_trigger_and_an_evictor_pass_the_suite() {
    keyed(|stream| {
        stream
            .key_by(|event| event.0)
            .window(GlobalWindows)
            .trigger(ContinuousEventTimeTrigger::of(ms(13)))
            .evictor(TimeEvictor::of(ms(20)).after())
            .apply(list)
    });
}

#[test]
fn evictors_pass_the_suite() {
    keyed(|stream| {
        let windows = stream.key_by(|event| event.0).window(TumblingEventTimeWindows::of(ms(15)));
        windows.allowed_lateness(ms(9)).evictor(CountEvictor::of(3)).max(|event| &mut event.2)
    });
}

#[test]
fn windows_of_processing_time_pass_the_suite() {
    fn run<A: WindowAssigner<Event>>(assigner: A) {
        let report = suite(
            |stream| stream.key_by(|event| event.0).window(assigner).aggregate(Count),
            // Which elements are there by then depends on when the operator is given them.
            |suite| suite,
        );
        assert!(!report.values::<u64>(0).unwrap().is_empty());
    }

    run(TumblingProcessingTimeWindows::of(ms(15)));
    run(SlidingProcessingTimeWindows::of(ms(15), ms(4)).offset(ms(1)));
    run(ProcessingTimeSessionWindows::with_gap(ms(8)));
}

#[test]
fn continuous_triggers_of_processing_time_pass_the_suite() {
    keyed(|stream| {
        let windows = stream.key_by(|event| event.0).window(GlobalWindows);
        windows.trigger(ContinuousProcessingTimeTrigger::of(ms(10))).aggregate(Count)
    });
}

#[test]
fn windows_of_all_records_pass_the_suite() {
    let one = |suite: OperatorSuite| suite.parallelisms([1]);
    let sums = suite(|stream| stream.window_all(TumblingEventTimeWindows::of(ms(15))).sum(|event| &mut event.1), one);
    let counts = suite(|stream| stream.count_window_all(10).aggregate(Count), one);
    let sliding = suite(|stream| stream.count_window_all_slide(10, 4).aggregate(Count), one);

    assert!(sums.values::<Event>(0).unwrap().len() > 30);
    assert_eq!(counts.values::<u64>(0).unwrap(), [10; 120]);
    assert_eq!(sliding.values::<u64>(0).unwrap()[..4], [4, 8, 10, 10]);
}

#[test]
fn thousands_of_windows_that_fire_at_once_pass_the_suite() {
    let many = || {
        let records = (0..9000_i64).map(|n| StreamRecord::at(((n % 250) as u8, n, n / 250), n / 250));
        vec![Feed::keyed(0, records, |event: &Event| event.0).unwrap(), Feed::watermark(0, 1000)]
    };
    let program = |stream: &DataStream<Event>| {
        stream.key_by(|event| event.0).window(TumblingEventTimeWindows::of(ms(1))).sum(|event| &mut event.1)
    };

    let report = OperatorSuite::new(operators(program), many).seeds(25).run().unwrap();

    assert_eq!(report.values::<Event>(0).unwrap().len(), 9000);
}
