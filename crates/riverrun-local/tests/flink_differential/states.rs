//! Keyed state of each kind, and side outputs.

use riverrun_stream::batch::DataType;
use riverrun_stream::functions::{KeyedProcessContext, KeyedProcessFunction};
use riverrun_stream::state::{
    AggregatingState, AggregatingStateDescriptor, ListState, ListStateDescriptor, MapState, MapStateDescriptor,
    ReducingState, ReducingStateDescriptor, ValueState, ValueStateDescriptor,
};
use riverrun_stream::{Collector, OutputTag, ProcessContext, ProcessFunction, Result, RuntimeContext};

use crate::inputs::Event;
use crate::programs::Programs;
use crate::window_functions::Statistics;

/// The last value: set, read, cleared by every seventh value.
#[derive(Clone, Default)]
struct Last(ValueState<i64>);

impl KeyedProcessFunction<String, Event> for Last {
    type Out = String;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0 = context.get_state(&ValueStateDescriptor::new("last"))?;
        Ok(())
    }

    fn process_element(
        &mut self, event: Event, context: &mut KeyedProcessContext<'_, '_, String>, out: &mut Collector<'_, String>,
    ) -> Result {
        let last = self.0.value(context)?.map_or("none".into(), i64::to_string);
        out.collect(format!("{} {} after {last}", event.key, event.value));
        if event.value % 7 == 0 { self.0.clear(context) } else { self.0.update(context, event.value) }
    }
}

/// Values in a list, replaced by their sum when there are five.
#[derive(Clone, Default)]
struct Fives(ListState<i64>);

impl KeyedProcessFunction<String, Event> for Fives {
    type Out = String;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0 = context.get_list_state(&ListStateDescriptor::new("values"))?;
        Ok(())
    }

    fn process_element(
        &mut self, event: Event, context: &mut KeyedProcessContext<'_, '_, String>, out: &mut Collector<'_, String>,
    ) -> Result {
        self.0.add(context, event.value)?;
        let all: Vec<i64> = self.0.get(context)?.copied().collect();
        if all.len() == 5 {
            let sum: i64 = all.iter().sum();
            self.0.update(context, [sum])?;
            out.collect(format!("{} {all:?} makes {sum}", event.key));
        }
        Ok(())
    }
}

/// How often each remainder by six has been there; one that comes the fourth time is removed.
#[derive(Clone, Default)]
struct Remainders(MapState<i64, u64>);

impl KeyedProcessFunction<String, Event> for Remainders {
    type Out = String;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0 = context.get_map_state(&MapStateDescriptor::new("counts"))?;
        Ok(())
    }

    fn process_element(
        &mut self, event: Event, context: &mut KeyedProcessContext<'_, '_, String>, out: &mut Collector<'_, String>,
    ) -> Result {
        let remainder = event.value.rem_euclid(6);
        match self.0.get(context, &remainder)?.copied() {
            Some(3) => self.0.remove(context, &remainder)?,
            before => self.0.put(context, remainder, before.unwrap_or(0) + 1)?,
        }
        let mut counts: Vec<(i64, u64)> = self.0.entries(context)?.map(|(key, count)| (*key, *count)).collect();
        counts.sort_unstable();
        let shown: Vec<String> = counts.iter().map(|(key, count)| format!("{key}={count}")).collect();
        let empty = if self.0.is_empty(context)? { " empty" } else { "" };
        out.collect(format!("{} {{{}}}{empty}", event.key, shown.join(", ")));
        Ok(())
    }
}

/// A reducing and an aggregating state, both cleared by every tenth of a key's records.
#[derive(Clone, Default)]
struct Totals {
    greatest: ReducingState<i64>,
    statistics: AggregatingState<Event, Statistics>,
    count: ValueState<u64>,
}

impl Totals {
    fn show(&mut self, context: &mut KeyedProcessContext<'_, '_, String>, out: &mut Collector<'_, String>) -> Result {
        let greatest = self.greatest.get(context)?.map_or("null".into(), i64::to_string);
        let statistics = self.statistics.get(context)?.unwrap_or("null".into());
        out.collect(format!("{} {greatest} {statistics}", context.current_key()));
        Ok(())
    }
}

impl KeyedProcessFunction<String, Event> for Totals {
    type Out = String;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.greatest = context.get_reducing_state(&ReducingStateDescriptor::new("greatest", i64::max))?;
        self.statistics = context.get_aggregating_state(&AggregatingStateDescriptor::new("statistics", Statistics))?;
        self.count = context.get_state(&ValueStateDescriptor::new("count"))?;
        Ok(())
    }

    fn process_element(
        &mut self, event: Event, context: &mut KeyedProcessContext<'_, '_, String>, out: &mut Collector<'_, String>,
    ) -> Result {
        self.greatest.add(context, event.value)?;
        self.statistics.add(context, &event)?;
        *self.count.value_mut(context, || 0)? += 1;
        self.show(context, out)?;
        if *self.count.value(context)?.unwrap() % 10 == 0 {
            self.greatest.clear(context)?;
            self.statistics.clear(context)?;
            self.show(context, out)?;
        }
        Ok(())
    }
}

fn large() -> OutputTag<i64> {
    OutputTag::new("large")
}

#[derive(Clone)]
struct Split;

impl ProcessFunction<Event> for Split {
    type Out = String;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        vec![large().port()]
    }

    fn process_element(
        &mut self, event: Event, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, String>,
    ) -> Result {
        if event.value >= 30 {
            return context.output(&large(), event.value);
        }
        out.collect(format!("small {} stamped {}", event.line(), context.timestamp().unwrap()));
        Ok(())
    }
}

pub(crate) fn add(programs: &mut Programs) {
    programs.add("state_value", |input| input.keyed("orderly", 0).process(Last::default()));
    programs.add("state_list", |input| input.keyed("orderly", 0).process(Fives::default()));
    programs.add("state_map", |input| input.keyed("orderly", 0).process(Remainders::default()));
    programs.add("state_reducing_and_aggregating", |input| input.keyed("orderly", 0).process(Totals::default()));
    programs.add("side_output", |input| {
        let small = input.events("orderly", 0).process(Split);
        let large = small.get_side_output(&large()).map(|value| format!("large {value}"));
        small.union([&large])
    });
}
