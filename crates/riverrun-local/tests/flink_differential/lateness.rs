//! Records that come after the watermark.

use riverrun_stream::batch::DataType;
use riverrun_stream::functions::{ProcessWindowContext, ProcessWindowFunction};
use riverrun_stream::state::{ReducingState, ReducingStateDescriptor};
use riverrun_stream::window::{CountTrigger, EventTimeTrigger, PurgingTrigger, TimeWindow, Trigger, WindowAssigner};
use riverrun_stream::{Collector, DataStream, OutputTag, Result, RuntimeContext, SingleOutputStreamOperator};

use crate::inputs::Event;
use crate::programs::Programs;
use crate::triggers::WhenSumReaches;
use crate::window_functions::lines;
use crate::windows::{Show, ShowSorted, Shown, ms, session, sliding, tumbling, values};

fn late() -> OutputTag<Event> {
    OutputTag::new("late")
}

fn cleared() -> OutputTag<String> {
    OutputTag::new("cleared")
}

/// The windows' lines and, marked, the late records.
fn with_late(windows: &SingleOutputStreamOperator<String>) -> DataStream<String> {
    windows.union([windows.get_side_output(&late()).map(|event| format!("late-{}", event.line()))])
}

/// Numbers the firings of each window and of each key, and says when a window's state is cleared.
#[derive(Clone, Default)]
struct Firings {
    of_key: ReducingState<i64>,
}

impl ProcessWindowFunction<Event, String, TimeWindow> for Firings {
    type Out = String;
    type WindowState = i64;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        vec![cleared().port()]
    }

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.of_key = context.get_reducing_state(&ReducingStateDescriptor::new("count", |a, b| a + b))?;
        Ok(())
    }

    fn process(
        &mut self, key: &String, context: &mut ProcessWindowContext<'_, '_, TimeWindow, i64>, events: &[Event],
        out: &mut Collector<'_, String>,
    ) -> Result {
        *context.window_state()? += 1;
        self.of_key.add(context, 1)?;
        let of_key = *self.of_key.get(context)?.unwrap();
        let (window, of_window) = (context.window().shown(), *context.window_state()?);
        let (values, watermark) = (values(events), context.current_watermark());
        out.collect(format!("{key} {window} {values} firing {of_window} of {of_key} at {watermark}"));
        Ok(())
    }

    fn clear(&mut self, context: &mut ProcessWindowContext<'_, '_, TimeWindow, i64>) -> Result {
        let firings = *context.window_state()?;
        let line = format!("cleared {} after {firings}", context.window().shown());
        context.output(&cleared(), line)
    }
}

fn show<A>(programs: &mut Programs, name: &str, (file, bound): (&'static str, i64), windows: A, lateness: u64)
where
    A: WindowAssigner<Event, Window = TimeWindow> + Sync,
{
    programs.add(name, move |input| {
        let windows = input.keyed(file, bound).window(windows.clone()).allowed_lateness(ms(lateness));
        with_late(&windows.side_output_late_data(&late()).process(Show))
    });
}

fn show_sessions(programs: &mut Programs, name: &str, (file, bound): (&'static str, i64), lateness: u64) {
    programs.add(name, move |input| {
        let windows = input.keyed(file, bound).window(session(4)).allowed_lateness(ms(lateness));
        with_late(&windows.side_output_late_data(&late()).process(ShowSorted))
    });
}

fn show_with<G: Trigger<Event, TimeWindow> + Sync>(programs: &mut Programs, name: &str, trigger: G) {
    programs.add(name, move |input| {
        let windows = input.keyed("late", 3).window(tumbling(10)).trigger(trigger.clone());
        with_late(&windows.allowed_lateness(ms(6)).side_output_late_data(&late()).process(Show))
    });
}

pub(crate) fn add(programs: &mut Programs) {
    let some_late = ("late", 3);
    programs.add("late_dropped", |input| input.keyed("late", 3).window(tumbling(10)).process(Show));
    show(programs, "late_side_output", some_late, tumbling(10), 0);
    show(programs, "late_side_output_sliding", some_late, sliding(12, 4), 0);
    show_sessions(programs, "late_side_output_session", some_late, 0);
    show(programs, "lateness_tumbling", some_late, tumbling(10), 6);
    show(programs, "lateness_sliding", some_late, sliding(12, 4), 5);
    show_sessions(programs, "lateness_session", some_late, 6);
    show(programs, "lateness_without_end", some_late, tumbling(10), 1_000_000);

    programs.add("lateness_sum", |input| {
        let windows = input.keyed("late", 3).window(tumbling(10)).allowed_lateness(ms(6));
        lines(&windows.sum(|event| &mut event.value))
    });
    programs.add("lateness_sum_sliding", |input| {
        let windows = input.keyed("late", 3).window(sliding(12, 4)).allowed_lateness(ms(6));
        lines(&windows.sum(|event| &mut event.value))
    });
    show_with(programs, "lateness_purging", PurgingTrigger::of(EventTimeTrigger));
    show_with(programs, "lateness_count_trigger", CountTrigger::of(2));
    show_with(programs, "lateness_custom_trigger", WhenSumReaches(60));
    programs.add("lateness_window_state", |input| {
        input.keyed("late", 3).window(tumbling(10)).allowed_lateness(ms(6)).process(Firings::default())
    });
    programs.add("lateness_window_cleared", |input| {
        let windows = input.keyed("late", 3).window(tumbling(10)).allowed_lateness(ms(6));
        windows.process(Firings::default()).get_side_output(&cleared())
    });
    show(programs, "lateness_before_1970", ("late_before_1970", 3), tumbling(10), 6);

    show(programs, "only_late", ("only_late", 0), tumbling(10), 0);
    show_sessions(programs, "only_late_session", ("only_late", 0), 0);
    programs.add("late_all", |input| {
        let windows = input.events("late", 3).window_all(tumbling(10)).allowed_lateness(ms(2));
        with_late(&windows.side_output_late_data(&late()).process(Show))
    });
}
