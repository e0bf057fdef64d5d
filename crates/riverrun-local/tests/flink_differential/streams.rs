//! Several streams in one: nothing here depends on which stream's records come first.

use riverrun_stream::functions::{
    KeyedBroadcastContext, KeyedBroadcastProcessFunction, KeyedBroadcastReadContext, KeyedCoProcessFunction,
    KeyedProcessContext,
};
use riverrun_stream::state::{MapState, MapStateDescriptor};
use riverrun_stream::{Collector, DataStream, Result, RuntimeContext, SingleOutputStreamOperator, Timestamp};

use crate::inputs::Event;
use crate::programs::Programs;
use crate::windows::{Show, tumbling};

/// Puts two streams into the order of their timestamps, by a timer for each time.
#[derive(Clone, Default)]
struct Merge {
    waiting: MapState<Timestamp, Vec<String>>,
}

impl Merge {
    fn keep(&self, what: String, time: Timestamp, context: &mut KeyedProcessContext<'_, '_, String>) -> Result {
        let mut there = self.waiting.get(context, &time)?.cloned().unwrap_or_default();
        there.push(what);
        context.register_event_time_timer(time);
        self.waiting.put(context, time, there)
    }
}

impl KeyedCoProcessFunction<String, Event, Event> for Merge {
    type Out = String;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.waiting = context.get_map_state(&MapStateDescriptor::new("waiting"))?;
        Ok(())
    }

    fn process_element1(
        &mut self, event: Event, context: &mut KeyedProcessContext<'_, '_, String>, _: &mut Collector<'_, String>,
    ) -> Result {
        self.keep(format!("left {}", event.value), event.time, context)
    }

    fn process_element2(
        &mut self, event: Event, context: &mut KeyedProcessContext<'_, '_, String>, _: &mut Collector<'_, String>,
    ) -> Result {
        self.keep(format!("right {}", event.value), event.time, context)
    }

    fn on_timer(
        &mut self, time: Timestamp, context: &mut KeyedProcessContext<'_, '_, String>, out: &mut Collector<'_, String>,
    ) -> Result {
        let mut there = self.waiting.get(context, &time)?.cloned().unwrap_or_default();
        there.sort_unstable();
        there.iter().for_each(|what| out.collect(format!("{} {what}@{time}", context.current_key())));
        self.waiting.remove(context, &time)
    }
}

fn factors() -> MapStateDescriptor<Timestamp, i64> {
    MapStateDescriptor::new("factors")
}

/// Values times the factor that was broadcast last at or before their time.
#[derive(Clone, Default)]
struct Scale {
    waiting: MapState<Timestamp, Vec<i64>>,
}

impl KeyedBroadcastProcessFunction<String, Event, Event> for Scale {
    type Out = String;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.waiting = context.get_map_state(&MapStateDescriptor::new("waiting"))?;
        Ok(())
    }

    fn process_element(
        &mut self, event: Event, context: &mut KeyedBroadcastReadContext<'_, '_, String>, _: &mut Collector<'_, String>,
    ) -> Result {
        let mut there = self.waiting.get(context, &event.time)?.cloned().unwrap_or_default();
        there.push(event.value);
        context.register_event_time_timer(event.time);
        self.waiting.put(context, event.time, there)
    }

    fn process_broadcast_element(
        &mut self, event: Event, context: &mut KeyedBroadcastContext<'_, '_, String>, _: &mut Collector<'_, String>,
    ) -> Result {
        // Of several at one time the greatest counts.
        let state = context.broadcast_state(&factors())?;
        let greatest = state.get(&event.time).map_or(event.value, |before| event.value.max(*before));
        state.put(event.time, greatest);
        Ok(())
    }

    fn on_timer(
        &mut self, time: Timestamp, context: &mut KeyedBroadcastReadContext<'_, '_, String>,
        out: &mut Collector<'_, String>,
    ) -> Result {
        let before = context.broadcast_state(&factors())?.entries().filter(|(since, _)| **since <= time);
        let factor = before.max_by_key(|(since, _)| **since).map_or(1, |(_, factor)| *factor);
        for value in self.waiting.get(context, &time)?.cloned().unwrap_or_default() {
            out.collect(format!("{} {value} times {factor} at {time}", context.current_key()));
        }
        self.waiting.remove(context, &time)
    }
}

pub(crate) fn add(programs: &mut Programs) {
    programs.add("connect_map", |input| {
        let right = |event: Event| format!("right {}", -event.value);
        input.events("left", 6).connect(&input.events("right", 6)).map(|event| format!("left {}", event.line()), right)
    });
    programs.add("connect_flat_map", |input| {
        let left = |event: Event| (0..event.value % 3).map(move |n| format!("left {} {n}", event.value));
        let right = |event: Event| (event.value % 2 == 0).then(|| format!("right {}", event.line()));
        input.events("left", 6).connect(&input.events("right", 6)).flat_map(left, right)
    });
    programs.add("connect_process_timers", |input| {
        input.keyed("left", 6).connect(&input.keyed("right", 6)).process(Merge::default())
    });
    programs.add("broadcast_state", |input| {
        let factors = input.events("factors", 2).broadcast_state(&factors());
        input.keyed("left", 6).connect(&factors).process(Scale::default())
    });
}

/// Streams together before windows: the slower of the two decides when a window fires, so nothing is late for it.
pub(crate) fn add_with_windows(programs: &mut Programs) {
    programs.add("union_windows", |input| {
        let both = input.events("left", 6).union([&input.events("right", 6)]);
        sums(&both)
    });
    programs.add("union_of_an_empty_stream", |input| {
        let both = input.events("left", 6).union([&input.events("empty", 0)]);
        both.key_by(|event| event.key.clone()).window(tumbling(10)).process(Show)
    });
    programs.add("union_with_itself", |input| {
        let left = input.events("left", 6);
        sums(&left.union([&left]))
    });
}

fn sums(events: &DataStream<Event>) -> SingleOutputStreamOperator<String> {
    let windows = events.key_by(|event| event.key.clone()).window(tumbling(10));
    windows.sum(|event| &mut event.value).map(|event| format!("{} {}", event.key, event.value))
}
