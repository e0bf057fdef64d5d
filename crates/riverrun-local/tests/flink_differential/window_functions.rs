//! What is computed of a window.

use riverrun_stream::functions::{
    AggregateFunction, ProcessAllWindowFunction, ProcessWindowContext, ProcessWindowFunction, ReduceFunction,
};
use riverrun_stream::window::TimeWindow;
use riverrun_stream::{Collector, DataStream, Result, SingleOutputStreamOperator};

use crate::inputs::{Event, Inputs};
use crate::programs::Programs;
use crate::windows::{Shown, session, sliding, tumbling};

type Context<'c, 't, 'a> = &'c mut ProcessWindowContext<'t, 'a, TimeWindow, ()>;

/// Sum, count and greatest value.
#[derive(Clone)]
pub(crate) struct Statistics;

impl AggregateFunction<Event> for Statistics {
    type Accumulator = (i64, i64, i64);
    type Out = String;

    fn create_accumulator(&mut self) -> (i64, i64, i64) {
        (0, 0, i64::MIN)
    }

    fn add(&mut self, event: &Event, to: &mut (i64, i64, i64)) -> Result {
        AggregateFunction::<Event>::merge(self, to, (event.value, 1, event.value))
    }

    fn get_result(&mut self, (sum, count, greatest): &(i64, i64, i64)) -> Result<String> {
        Ok(format!("sum {sum} count {count} greatest {greatest}"))
    }

    fn merge(&mut self, into: &mut (i64, i64, i64), from: (i64, i64, i64)) -> Result {
        *into = (into.0 + from.0, into.1 + from.1, into.2.max(from.2));
        Ok(())
    }

    fn is_mergeable(&self) -> bool {
        true
    }
}

/// Puts the key and the window before what was aggregated.
#[derive(Clone)]
pub(crate) struct Where;

impl ProcessWindowFunction<String, String, TimeWindow> for Where {
    type Out = String;
    type WindowState = ();

    fn process(
        &mut self, key: &String, context: Context<'_, '_, '_>, one: &[String], out: &mut Collector<'_, String>,
    ) -> Result {
        out.collect(format!("{key} {} {}", context.window().shown(), one[0]));
        Ok(())
    }
}

impl ProcessAllWindowFunction<String, TimeWindow> for Where {
    type Out = String;
    type WindowState = ();

    fn process(&mut self, context: Context<'_, '_, '_>, one: &[String], out: &mut Collector<'_, String>) -> Result {
        out.collect(format!("{} {}", context.window().shown(), one[0]));
        Ok(())
    }
}

#[derive(Clone)]
struct ShowReduced;

impl ProcessWindowFunction<Event, String, TimeWindow> for ShowReduced {
    type Out = String;
    type WindowState = ();

    fn process(
        &mut self, key: &String, context: Context<'_, '_, '_>, one: &[Event], out: &mut Collector<'_, String>,
    ) -> Result {
        let (window, watermark) = (context.window().shown(), context.current_watermark());
        out.collect(format!("{key} {window} {} at {watermark}", one[0].value));
        Ok(())
    }
}

#[derive(Clone)]
pub(crate) struct Add;

impl ReduceFunction<Event> for Add {
    fn reduce(&mut self, a: Event, b: Event) -> Result<Event> {
        Ok(Event { value: a.value + b.value, time: a.time.max(b.time), ..a })
    }
}

pub(crate) fn lines(events: &DataStream<Event>) -> SingleOutputStreamOperator<String> {
    events.map(|event| event.line())
}

/// Adds a program of which `reduced` is done to the ties, in windows of 10 ms.
fn ties(
    programs: &mut Programs, name: &str, reduced: impl Fn(&Inputs<'_>) -> SingleOutputStreamOperator<Event> + 'static,
) {
    programs.add(name, move |input| lines(&reduced(input)));
}

pub(crate) fn add(programs: &mut Programs) {
    programs
        .add("window_reduce", |input| lines(&input.keyed("disordered", 8).window(sliding(15, 5)).reduce_function(Add)));
    programs.add("window_sum", |input| {
        lines(&input.keyed("disordered", 8).window(tumbling(10)).sum(|event| &mut event.value))
    });
    programs.add("window_sum_sliding", |input| {
        lines(&input.keyed("before_1970", 5).window(sliding(60, 1)).sum(|event| &mut event.value))
    });
    ties(programs, "window_min", |input| input.keyed("ties", 0).window(tumbling(10)).min(|event| &mut event.value));
    ties(programs, "window_max", |input| input.keyed("ties", 0).window(tumbling(10)).max(|event| &mut event.value));
    ties(programs, "window_min_by", |input| input.keyed("ties", 0).window(tumbling(10)).min_by(|event| event.value));
    ties(programs, "window_max_by", |input| input.keyed("ties", 0).window(tumbling(10)).max_by(|event| event.value));
    ties(programs, "window_max_by_last", |input| {
        let last = |a: Event, b: Event| if b.value >= a.value { b } else { a };
        input.keyed("ties", 0).window(tumbling(10)).reduce(last)
    });
    ties(programs, "window_all_max_by", |input| {
        input.events("ties", 0).window_all(tumbling(10)).max_by(|event| event.value)
    });

    programs.add("window_aggregate_process", |input| {
        input.keyed("disordered", 8).window(sliding(20, 5)).aggregate_with(Statistics, Where)
    });
    programs.add("session_aggregate_process", |input| {
        input.keyed("bursts", 4).window(session(10)).aggregate_with(Statistics, Where)
    });
    programs.add("window_reduce_process", |input| {
        input.keyed("disordered", 8).window(tumbling(10)).reduce_with(Add, ShowReduced)
    });
    programs.add("window_all_aggregate_process", |input| {
        input.events("before_1970", 5).window_all(tumbling(10)).aggregate_with(Statistics, Where)
    });
    programs.add("window_apply", |input| {
        input.keyed("disordered", 8).window(tumbling(10)).apply(|key, window, events, out| {
            for event in events {
                out.collect(format!("{key} {} {}", window.shown(), event.line()));
            }
        })
    });

    // A window's result has the timestamp of the window's last millisecond.
    programs.add("windows_of_windows", |input| {
        let all = |a: Event, b: Event| Event { key: "all".into(), value: a.value + b.value, time: a.time.max(b.time) };
        let sums = input.keyed("disordered", 8).window(tumbling(10)).sum(|event| &mut event.value);
        lines(&sums.window_all(tumbling(30)).reduce(all))
    });
}
