//! What leaves a window before or after it is computed.

use riverrun_stream::Result;
use riverrun_stream::window::{
    CountEvictor, CountTrigger, Evictor, EvictorContext, GlobalWindows, TimeEvictor, TimeWindow, WindowElements,
};

use crate::inputs::Event;
use crate::programs::Programs;
use crate::window_functions::lines;
use crate::windows::{Show, ms, sliding, tumbling};

/// Takes out even values, before or after the function.
#[derive(Clone)]
struct Odd {
    after: bool,
}

impl Evictor<Event, TimeWindow> for Odd {
    fn evict_before(&mut self, events: &mut WindowElements<Event>, _: &TimeWindow, _: &EvictorContext) -> Result {
        if !self.after {
            events.retain(|event, _| event.value % 2 != 0);
        }
        Ok(())
    }

    fn evict_after(&mut self, events: &mut WindowElements<Event>, _: &TimeWindow, _: &EvictorContext) -> Result {
        if self.after {
            events.retain(|event, _| event.value % 2 != 0);
        }
        Ok(())
    }
}

fn show<E: Evictor<Event, TimeWindow> + Sync>(programs: &mut Programs, name: &str, evictor: E) {
    programs.add(name, move |input| {
        let windows = input.keyed("disordered", 8).window(tumbling(20)).trigger(CountTrigger::of(4));
        windows.evictor(evictor.clone()).process(Show)
    });
}

pub(crate) fn add(programs: &mut Programs) {
    show(programs, "evictor_count_before", CountEvictor::of(3));
    show(programs, "evictor_count_after", CountEvictor::of(3).after());
    show(programs, "evictor_time_before", TimeEvictor::of(ms(5)));
    show(programs, "evictor_time_after", TimeEvictor::of(ms(5)).after());
    show(programs, "evictor_custom_before", Odd { after: false });
    show(programs, "evictor_custom_after", Odd { after: true });

    programs.add("evictor_sliding", |input| {
        input.keyed("disordered", 8).window(sliding(20, 10)).evictor(CountEvictor::of(2)).process(Show)
    });
    programs.add("evictor_global", |input| {
        let windows = input.keyed("orderly", 0).window(GlobalWindows).trigger(CountTrigger::of(3));
        windows.evictor(CountEvictor::of(5)).process(Show)
    });
    programs.add("evictor_reduce", |input| {
        let windows = input.keyed("disordered", 8).window(tumbling(20)).evictor(CountEvictor::of(3));
        let sum = |a: Event, b: Event| Event { value: a.value + b.value, time: b.time, ..a };
        lines(&windows.reduce(sum))
    });
}
