//! Two streams, by key and time.

use riverrun_stream::functions::{ProcessJoinContext, ProcessJoinFunction};
use riverrun_stream::stream::IntervalJoined;
use riverrun_stream::{Collector, ProcessContext, ProcessFunction, Result, SingleOutputStreamOperator};

use crate::inputs::{Event, Inputs};
use crate::programs::Programs;

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
}
