//! Which windows a record is in, and when they fire.

use std::time::Duration;

use riverrun_stream::functions::{ProcessAllWindowFunction, ProcessWindowContext, ProcessWindowFunction};
use riverrun_stream::window::{
    EventTimeSessionWindows, EventTimeTrigger, GlobalWindow, GlobalWindows, SlidingEventTimeWindows, TimeWindow,
    TumblingEventTimeWindows, WindowAssigner,
};
use riverrun_stream::{Collector, Result};

use crate::inputs::Event;
use crate::programs::Programs;

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn tumbling(size: u64) -> TumblingEventTimeWindows {
    TumblingEventTimeWindows::of(ms(size))
}

pub(crate) fn sliding(size: u64, slide: u64) -> SlidingEventTimeWindows {
    SlidingEventTimeWindows::of(ms(size), ms(slide))
}

pub(crate) fn session(gap: u64) -> EventTimeSessionWindows<Event> {
    EventTimeSessionWindows::with_gap(ms(gap))
}

/// How a window is shown.
pub(crate) trait Shown {
    fn shown(&self) -> String;
}

impl Shown for TimeWindow {
    fn shown(&self) -> String {
        format!("[{},{})", self.start(), self.end())
    }
}

impl Shown for GlobalWindow {
    fn shown(&self) -> String {
        "global".into()
    }
}

pub(crate) fn values(events: &[Event]) -> String {
    events.iter().map(|event| event.value.to_string()).collect::<Vec<_>>().join(",")
}

/// One line for each firing: the key, the window, and the values in the order they have there.
#[derive(Clone)]
pub(crate) struct Show;

/// The same with the values sorted: those of windows that have merged have no order that Flink promises.
#[derive(Clone)]
pub(crate) struct ShowSorted;

impl<W: Shown> ProcessWindowFunction<Event, String, W> for ShowSorted {
    type Out = String;
    type WindowState = ();

    fn process(
        &mut self, key: &String, context: &mut ProcessWindowContext<'_, '_, W, ()>, events: &[Event],
        out: &mut Collector<'_, String>,
    ) -> Result {
        ProcessWindowFunction::process(&mut Show, key, context, &sorted(events), out)
    }
}

impl<W: Shown> ProcessAllWindowFunction<Event, W> for ShowSorted {
    type Out = String;
    type WindowState = ();

    fn process(
        &mut self, context: &mut ProcessWindowContext<'_, '_, W, ()>, events: &[Event], out: &mut Collector<'_, String>,
    ) -> Result {
        ProcessAllWindowFunction::process(&mut Show, context, &sorted(events), out)
    }
}

fn sorted(events: &[Event]) -> Vec<Event> {
    let mut events = events.to_vec();
    events.sort_by_key(|event| event.value);
    events
}

impl<W: Shown> ProcessWindowFunction<Event, String, W> for Show {
    type Out = String;
    type WindowState = ();

    fn process(
        &mut self, key: &String, context: &mut ProcessWindowContext<'_, '_, W, ()>, events: &[Event],
        out: &mut Collector<'_, String>,
    ) -> Result {
        out.collect(format!("{key} {} {}", context.window().shown(), values(events)));
        Ok(())
    }
}

impl<W: Shown> ProcessAllWindowFunction<Event, W> for Show {
    type Out = String;
    type WindowState = ();

    fn process(
        &mut self, context: &mut ProcessWindowContext<'_, '_, W, ()>, events: &[Event], out: &mut Collector<'_, String>,
    ) -> Result {
        out.collect(format!("all {} {}", context.window().shown(), values(events)));
        Ok(())
    }
}

fn show<A: WindowAssigner<Event, Window = TimeWindow> + Sync>(
    programs: &mut Programs, name: &str, (file, bound): (&'static str, i64), windows: A,
) {
    programs.add(name, move |input| input.keyed(file, bound).window(windows.clone()).process(Show));
}

fn show_sessions(
    programs: &mut Programs, name: &str, (file, bound): (&'static str, i64), windows: EventTimeSessionWindows<Event>,
) {
    programs.add(name, move |input| input.keyed(file, bound).window(windows.clone()).process(ShowSorted));
}

fn show_all<A: WindowAssigner<Event, Window = TimeWindow> + Sync>(
    programs: &mut Programs, name: &str, (file, bound): (&'static str, i64), windows: A,
) {
    programs.add(name, move |input| input.events(file, bound).window_all(windows.clone()).process(Show));
}

pub(crate) fn add(programs: &mut Programs) {
    let (disordered, edges, before_1970, bursts) = (("disordered", 8), ("edges", 0), ("before_1970", 5), ("bursts", 4));
    let empty = ("empty", 0);

    show(programs, "tumbling", disordered, tumbling(10));
    show(programs, "tumbling_edges", edges, tumbling(10));
    show(programs, "tumbling_offset", disordered, tumbling(10).offset_millis(3));
    show(programs, "tumbling_negative_offset", edges, tumbling(10).offset_millis(-4));
    show(programs, "tumbling_before_1970", before_1970, tumbling(7).offset_millis(2));
    show(programs, "tumbling_empty", empty, tumbling(10));

    show(programs, "sliding", disordered, sliding(20, 5));
    show(programs, "sliding_edges", edges, sliding(10, 5));
    show(programs, "sliding_offset", disordered, sliding(12, 4).offset_millis(1));
    show(programs, "sliding_uneven", disordered, sliding(11, 4));
    show(programs, "sliding_with_gaps", edges, sliding(4, 10));
    show(programs, "sliding_before_1970", before_1970, sliding(9, 3).offset_millis(-1));

    show_sessions(programs, "session", bursts, session(10));
    show_sessions(programs, "session_edges", edges, session(5));
    show_sessions(programs, "session_before_1970", before_1970, session(6));
    let gap = |event: &Event| ms(2 + event.value.rem_euclid(12) as u64);
    show_sessions(programs, "session_dynamic_gap", bursts, EventTimeSessionWindows::with_dynamic_gap(gap));

    // The end of the stream is the last time of the global window. Flink sorts what fires only there by its time.
    programs.add("global_end_of_stream", |input| {
        input.keyed("disordered", 8).window(GlobalWindows).trigger(EventTimeTrigger).process(ShowSorted)
    });
    programs.add("global_never", |input| input.keyed("disordered", 8).window(GlobalWindows).process(Show));

    programs.add("count_tumbling", |input| input.keyed("orderly", 0).count_window(7).process(Show));
    programs.add("count_sliding", |input| input.keyed("orderly", 0).count_window_slide(6, 2).process(Show));
    programs.add("count_all", |input| {
        let sum = |a: Event, b: Event| Event { key: "all".into(), value: a.value + b.value, time: b.time };
        input.events("orderly", 0).count_window_all(9).reduce(sum).map(|event| event.line())
    });

    show_all(programs, "tumbling_all", disordered, tumbling(10));
    show_all(programs, "sliding_all", before_1970, sliding(20, 10).offset_millis(5));
    programs.add("session_all", |input| input.events("bursts", 4).window_all(session(4)).process(ShowSorted));
    show_all(programs, "tumbling_all_empty", empty, tumbling(10));
}
