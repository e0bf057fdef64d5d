//! Two streams, by key and time.

use riverrun_stream::functions::{ProcessJoinContext, ProcessJoinFunction};
use riverrun_stream::stream::{IntervalJoined, TaggedUnion};
use riverrun_stream::window::{EventTimeSessionWindows, TimeWindow, WindowAssigner};
use riverrun_stream::{Collector, ProcessContext, ProcessFunction, Result, SingleOutputStreamOperator};

use crate::inputs::{Event, Inputs};
use crate::programs::Programs;
use crate::windows::{ms, sliding, tumbling};

type Both = TaggedUnion<Event, Event>;

/// Pairs, with the timestamp that the pair was given.
#[derive(Clone)]
struct Pair;

impl ProcessJoinFunction<Event, Event> for Pair {
    type Out = String;

    fn process_element(
        &mut self, left: &Event, right: &Event, context: &mut ProcessJoinContext<'_, '_>,
        out: &mut Collector<'_, String>,
    ) -> Result {
        let stamp = context.timestamp();
        out.collect(format!("{} with {}@{} stamped {stamp}", left.line(), right.value, right.time));
        Ok(())
    }
}

/// Adds the timestamp that a pair carries.
#[derive(Clone)]
struct Carries;

impl ProcessFunction<String> for Carries {
    type Out = String;

    fn process_element(
        &mut self, pair: String, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, String>,
    ) -> Result {
        out.collect(format!("{pair} carries {}", context.timestamp().unwrap()));
        Ok(())
    }
}

fn between(input: &Inputs<'_>, lower: i64, upper: i64) -> IntervalJoined<Event, Event, String> {
    input.keyed("left", 6).interval_join(&input.keyed("right", 6)).between(lower, upper)
}

fn with_itself(input: &Inputs<'_>, file: &str, bound: i64, distance: i64) -> SingleOutputStreamOperator<String> {
    let (left, right) = (input.keyed(file, bound), input.keyed(file, bound));
    left.interval_join(&right).between(-distance, distance).process(Pair)
}

fn key(event: &Event) -> String {
    event.key.clone()
}

fn join<A: WindowAssigner<Both, Window = TimeWindow> + Sync>(
    programs: &mut Programs, name: &str, (left, right): (&'static str, &'static str), bound: i64, windows: A,
) {
    programs.add(name, move |input| {
        let (left, right) = (input.events(left, bound), input.events(right, bound));
        let pairs = left.join(&right).where_(key).equal_to(key).window(windows.clone());
        pairs.apply(|a: &Event, b: &Event| format!("{} with {}@{}", a.line(), b.value, b.time))
    });
}

fn co_group<A: WindowAssigner<Both, Window = TimeWindow> + Sync>(programs: &mut Programs, name: &str, windows: A) {
    programs.add(name, move |input| {
        let (left, right) = (input.events("left", 6), input.events("right", 6));
        let groups = left.co_group(&right).where_(key).equal_to(key).window(windows.clone());
        groups.apply(|left: &[&Event], right: &[&Event], out: &mut Collector<'_, String>| {
            let key = &left.iter().chain(right).next().unwrap().key;
            out.collect(format!("{key} left {} right {}", sorted(left), sorted(right)));
        })
    });
}

fn sorted(events: &[&Event]) -> String {
    let mut values: Vec<i64> = events.iter().map(|event| event.value).collect();
    values.sort_unstable();
    values.iter().map(i64::to_string).collect::<Vec<_>>().join(",")
}

pub(crate) fn add(programs: &mut Programs) {
    programs.add("interval_join", |input| between(input, -3, 4).process(Pair));
    programs.add("interval_join_exclusive", |input| {
        between(input, -3, 4).lower_bound_exclusive().upper_bound_exclusive().process(Pair)
    });
    programs.add("interval_join_at_one_time", |input| with_itself(input, "edges", 0, 0));
    programs.add("interval_join_before", |input| between(input, -9, -2).upper_bound_exclusive().process(Pair));
    programs.add("interval_join_after", |input| between(input, 3, 8).lower_bound_exclusive().process(Pair));
    programs.add("interval_join_before_1970", |input| with_itself(input, "before_1970", 5, 2));
    programs.add("interval_join_stamps", |input| between(input, -3, 4).process(Pair).process(Carries));

    let both = ("left", "right");
    join(programs, "join_tumbling", both, 6, tumbling(10));
    join(programs, "join_sliding", both, 6, sliding(8, 4));
    join(programs, "join_session", both, 6, EventTimeSessionWindows::with_gap(ms(3)));
    join(programs, "join_edges", ("edges", "edges"), 0, tumbling(10));
    join(programs, "join_with_an_empty_stream", ("left", "empty"), 6, tumbling(10));

    co_group(programs, "co_group_tumbling", tumbling(10));
    co_group(programs, "co_group_sliding", sliding(10, 5));
    co_group(programs, "co_group_session", EventTimeSessionWindows::with_gap(ms(3)));
}
