//! When a window fires, and what of it is left.

use riverrun_stream::window::{
    ContinuousEventTimeTrigger, CountTrigger, EventTimeTrigger, GlobalWindows, PurgingTrigger, TimeWindow, Trigger,
    TriggerContext, TriggerResult, Window, WindowAssigner,
};
use riverrun_stream::{Result, Timestamp};

use crate::inputs::Event;
use crate::programs::Programs;
use crate::windows::{Show, ShowSorted, ms, session, sliding, tumbling};

/// Fires when the values of a window add up to so much or more, with a purge; and at the window's end.
#[derive(Clone)]
pub(crate) struct WhenSumReaches(pub(crate) i64);

impl Trigger<Event, TimeWindow> for WhenSumReaches {
    type State = i64;

    fn on_element(
        &mut self, event: &Event, _: Option<Timestamp>, window: &TimeWindow, sum: &mut i64,
        context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        if window.max_timestamp() <= context.current_watermark() {
            return Ok(TriggerResult::Fire);
        }
        context.register_event_time_timer(window.max_timestamp());
        *sum += event.value;
        if *sum < self.0 {
            return Ok(TriggerResult::Continue);
        }
        *sum = 0;
        Ok(TriggerResult::FireAndPurge)
    }

    fn on_event_time(
        &mut self, time: Timestamp, window: &TimeWindow, _: &mut i64, _: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        Ok(if time == window.max_timestamp() { TriggerResult::Fire } else { TriggerResult::Continue })
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn on_merge(
        &mut self, window: &TimeWindow, sum: &mut i64, merged: Vec<i64>, context: &mut TriggerContext<'_>,
    ) -> Result {
        *sum += merged.iter().sum::<i64>();
        if window.max_timestamp() > context.current_watermark() {
            context.register_event_time_timer(window.max_timestamp());
        }
        Ok(())
    }
}

/// Registers timers that no window's end explains: a little after each record, also where that has gone by.
#[derive(Clone)]
struct SoonAfter(i64);

impl Trigger<Event, TimeWindow> for SoonAfter {
    type State = ();

    fn on_element(
        &mut self, event: &Event, timestamp: Option<Timestamp>, _: &TimeWindow, (): &mut (),
        context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        context.register_event_time_timer(timestamp.unwrap() + self.0);
        Ok(if event.value % 5 == 0 { TriggerResult::Purge } else { TriggerResult::Continue })
    }

    fn on_event_time(
        &mut self, _: Timestamp, _: &TimeWindow, (): &mut (), _: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        Ok(TriggerResult::Fire)
    }
}

fn show<A, G>(programs: &mut Programs, name: &str, (file, bound): (&'static str, i64), windows: A, trigger: G)
where
    A: WindowAssigner<Event, Window = TimeWindow> + Sync,
    G: Trigger<Event, TimeWindow> + Sync,
{
    programs.add(name, move |input| {
        input.keyed(file, bound).window(windows.clone()).trigger(trigger.clone()).process(Show)
    });
}

fn show_sessions<G: Trigger<Event, TimeWindow> + Sync>(programs: &mut Programs, name: &str, trigger: G) {
    programs.add(name, move |input| {
        input.keyed("bursts", 4).window(session(10)).trigger(trigger.clone()).process(ShowSorted)
    });
}

pub(crate) fn add(programs: &mut Programs) {
    let (disordered, before_1970) = (("disordered", 8), ("before_1970", 5));
    let continuous = |interval| ContinuousEventTimeTrigger::of(ms(interval));

    let purging = PurgingTrigger::of(EventTimeTrigger);
    show(programs, "trigger_event_time_purging", disordered, tumbling(20), purging);
    show(programs, "trigger_count", disordered, tumbling(20), CountTrigger::of(3));
    show(programs, "trigger_count_sliding", disordered, sliding(20, 10), CountTrigger::of(4));
    show_sessions(programs, "trigger_count_session", CountTrigger::of(3));
    show(programs, "trigger_purging_count", disordered, tumbling(20), PurgingTrigger::of(CountTrigger::of(3)));
    show(programs, "trigger_continuous", disordered, tumbling(20), continuous(6));
    show_sessions(programs, "trigger_continuous_session", continuous(7));
    let purging = PurgingTrigger::of(continuous(5));
    show(programs, "trigger_continuous_purging", disordered, sliding(20, 10), purging);
    show(programs, "trigger_continuous_before_1970", before_1970, tumbling(20), continuous(6));
    show(programs, "trigger_custom", disordered, tumbling(20), WhenSumReaches(100));
    show_sessions(programs, "trigger_custom_session", WhenSumReaches(150));
    show(programs, "trigger_custom_timers", disordered, tumbling(20), SoonAfter(3));

    programs.add("trigger_global_count", |input| {
        input.keyed("orderly", 0).window(GlobalWindows).trigger(CountTrigger::of(10)).process(Show)
    });
    programs.add("trigger_global_purging_count", |input| {
        let trigger = PurgingTrigger::of(CountTrigger::of(10));
        input.keyed("orderly", 0).window(GlobalWindows).trigger(trigger).process(Show)
    });
}
