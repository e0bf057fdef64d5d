//! [`ContinuousEventTimeTrigger`].

use std::time::Duration;

use crate::element::Timestamp;
use crate::error::{FunctionError, Result};
use crate::window::{Trigger, TriggerContext, TriggerResult, Window, millis};

/// Fires at regular intervals of event time while a window is open, and at its end. Same as Flink's
/// `ContinuousEventTimeTrigger`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContinuousEventTimeTrigger {
    interval: Timestamp,
}

impl ContinuousEventTimeTrigger {
    /// Fires whenever the watermark passes a multiple of `interval`, at least a millisecond.
    #[must_use]
    pub fn of(interval: Duration) -> Self {
        Self { interval: millis(interval) }
    }

    /// Remembers and sets the next time to fire at.
    fn fire_next<W: Window>(
        &self, from: Timestamp, window: &W, next: &mut Option<Timestamp>, context: &mut TriggerContext<'_>,
    ) {
        let time = from.saturating_add(self.interval).min(window.max_timestamp());
        *next = Some(next.map_or(time, |set| set.min(time)));
        context.register_event_time_timer(time);
    }
}

impl<T, W: Window> Trigger<T, W> for ContinuousEventTimeTrigger {
    type State = Option<Timestamp>;

    fn check(&self) -> Result<(), String> {
        if self.interval > 0 { Ok(()) } else { Err("an interval of 0 ms; give at least 1 ms".into()) }
    }

    fn on_element(
        &mut self, _: &T, timestamp: Option<Timestamp>, window: &W, next: &mut Option<Timestamp>,
        context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        if context.has_passed(window.max_timestamp()) {
            return Ok(TriggerResult::Fire);
        }
        context.register_event_time_timer(window.max_timestamp());
        if next.is_none() {
            let Some(timestamp) = timestamp else {
                return Err(FunctionError::new(
                    "`ContinuousEventTimeTrigger` got a record without a timestamp; call `assign_timestamps_and_watermarks` before the window",
                ));
            };
            self.fire_next(timestamp - timestamp % self.interval, window, next, context);
        }
        Ok(TriggerResult::Continue)
    }

    fn on_event_time(
        &mut self, time: Timestamp, window: &W, next: &mut Option<Timestamp>, context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        if time == window.max_timestamp() {
            return Ok(TriggerResult::Fire);
        }
        if *next == Some(time) {
            *next = None;
            // At the end of event time every interval up to it has passed. Where the window ends no earlier, counting them would
            // take for ever.
            let is_endless = context.current_watermark() == Timestamp::MAX && window.max_timestamp() == Timestamp::MAX;
            let from = if is_endless { Timestamp::MAX } else { time };
            self.fire_next(from, window, next, context);
            return Ok(TriggerResult::Fire);
        }
        Ok(TriggerResult::Continue)
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn on_merge(
        &mut self, _: &W, next: &mut Option<Timestamp>, merged: Vec<Option<Timestamp>>,
        context: &mut TriggerContext<'_>,
    ) -> Result {
        *next = merged.into_iter().chain([*next]).flatten().min();
        if let Some(time) = *next {
            context.register_event_time_timer(time);
        }
        Ok(())
    }
}
