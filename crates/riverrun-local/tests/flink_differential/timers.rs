//! Event-time timers of keyed process functions.

use riverrun_stream::functions::{KeyedProcessContext, KeyedProcessFunction};
use riverrun_stream::state::{ValueState, ValueStateDescriptor};
use riverrun_stream::{Collector, Result, RuntimeContext, Timestamp};

use crate::inputs::Event;
use crate::programs::Programs;

type Context<'c, 't, 'a> = &'c mut KeyedProcessContext<'t, 'a, String>;

/// Says when each timer fires; what is registered and deleted is the program's.
#[derive(Clone)]
struct Alarms<E, T> {
    on_event: E,
    after_timer: T,
}

impl<E, T> KeyedProcessFunction<String, Event> for Alarms<E, T>
where
    E: Fn(&Event, Context<'_, '_, '_>, &mut Collector<'_, String>) + Clone + Send + 'static,
    T: Fn(Timestamp, Context<'_, '_, '_>) + Clone + Send + 'static,
{
    type Out = String;

    fn process_element(
        &mut self, event: Event, context: &mut KeyedProcessContext<'_, '_, String>, out: &mut Collector<'_, String>,
    ) -> Result {
        (self.on_event)(&event, context, out);
        Ok(())
    }

    fn on_timer(
        &mut self, time: Timestamp, context: &mut KeyedProcessContext<'_, '_, String>, out: &mut Collector<'_, String>,
    ) -> Result {
        let stamp = context.timestamp().unwrap();
        out.collect(format!(
            "{} timer {time} at {} stamped {stamp}",
            context.current_key(),
            context.current_watermark()
        ));
        (self.after_timer)(time, context);
        Ok(())
    }
}

/// Ends a key's visit when nothing has come for 9 ms: deletes the old timer for each record.
#[derive(Clone, Default)]
struct Visits {
    end: ValueState<Timestamp>,
    count: ValueState<u64>,
}

impl KeyedProcessFunction<String, Event> for Visits {
    type Out = String;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.end = context.get_state(&ValueStateDescriptor::new("end"))?;
        self.count = context.get_state(&ValueStateDescriptor::new("count"))?;
        Ok(())
    }

    fn process_element(
        &mut self, event: Event, context: &mut KeyedProcessContext<'_, '_, String>, _: &mut Collector<'_, String>,
    ) -> Result {
        let next = event.time + 9;
        let before = self.end.value(context)?.copied();
        if let Some(end) = before.filter(|end| *end < next) {
            context.delete_event_time_timer(end);
        }
        let end = before.map_or(next, |end| end.max(next));
        self.end.update(context, end)?;
        context.register_event_time_timer(end);
        *self.count.value_mut(context, || 0)? += 1;
        Ok(())
    }

    fn on_timer(
        &mut self, time: Timestamp, context: &mut KeyedProcessContext<'_, '_, String>, out: &mut Collector<'_, String>,
    ) -> Result {
        let count = *self.count.value(context)?.unwrap();
        out.collect(format!("{} visit of {count} until {time}", context.current_key()));
        self.end.clear(context)?;
        self.count.clear(context)
    }
}

fn show(event: &Event, context: Context<'_, '_, '_>, out: &mut Collector<'_, String>) {
    out.collect(format!("{} watermark {}", event.line(), context.current_watermark()));
}

/// Adds a program of which these closures are the alarms.
fn alarms(
    programs: &mut Programs, name: &str, (file, bound): (&'static str, i64),
    on_event: impl Fn(&Event, Context<'_, '_, '_>, &mut Collector<'_, String>) + Clone + Send + 'static,
    after_timer: impl Fn(Timestamp, Context<'_, '_, '_>) + Clone + Send + 'static,
) {
    let function = Alarms { on_event, after_timer };
    programs.add(name, move |input| input.keyed(file, bound).process(function.clone()));
}

pub(crate) fn add(programs: &mut Programs) {
    alarms(
        programs,
        "timers",
        ("disordered", 8),
        |event, context, out| {
            show(event, context, out);
            context.register_event_time_timer(event.time + 5);
        },
        |_, _| (),
    );
    alarms(
        programs,
        "timers_twice",
        ("ties", 0),
        |event, context, _| {
            context.register_event_time_timer(event.time / 4 * 4 + 9);
            context.register_event_time_timer(event.time / 4 * 4 + 9);
        },
        |_, _| (),
    );
    alarms(
        programs,
        "timers_deleted",
        ("disordered", 8),
        |event, context, _| {
            let time = event.time / 5 * 5 + 20;
            if event.value % 2 == 0 {
                context.register_event_time_timer(time);
            } else {
                context.delete_event_time_timer(time);
            }
        },
        |_, _| (),
    );
    alarms(
        programs,
        "timers_in_the_past",
        ("late", 3),
        |event, context, out| {
            show(event, context, out);
            context.register_event_time_timer(event.time - 30);
        },
        |_, _| (),
    );
    alarms(
        programs,
        "timers_in_on_timer",
        ("disordered", 8),
        |event, context, _| context.register_event_time_timer(event.time),
        |time, context| {
            if time % 4 != 0 {
                context.register_event_time_timer(time + 1);
                context.delete_event_time_timer(time + 2);
            }
        },
    );
    alarms(
        programs,
        "timers_in_on_timer_in_the_past",
        ("ties", 0),
        |event, context, _| context.register_event_time_timer(event.time + 10),
        |time, context| {
            if time > 6 {
                context.register_event_time_timer(time - 6);
            }
        },
    );
    alarms(
        programs,
        "timers_before_1970",
        ("before_1970", 5),
        |event, context, _| context.register_event_time_timer(event.time - event.value),
        |_, _| (),
    );
    alarms(
        programs,
        "timers_at_the_end",
        ("orderly", 0),
        |event, context, _| {
            context.register_event_time_timer(Timestamp::MAX);
            context.register_event_time_timer(event.time + 1_000_000);
            context.register_event_time_timer(Timestamp::MIN);
        },
        |_, _| (),
    );
    programs.add("timers_visits", |input| input.keyed("bursts", 4).process(Visits::default()));
}
