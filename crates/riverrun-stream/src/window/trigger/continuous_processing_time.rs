//! [`ContinuousProcessingTimeTrigger`].

use std::time::Duration;

use crate::element::Timestamp;
use crate::error::Result;
use crate::window::{Trigger, TriggerContext, TriggerResult, Window, millis};

/// Fires at regular intervals of processing time while a window is open. Same as Flink's `ContinuousProcessingTimeTrigger`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContinuousProcessingTimeTrigger {
    interval: Timestamp,
}

impl ContinuousProcessingTimeTrigger {
    /// Fires whenever processing time passes a multiple of `interval`, at least a millisecond.
    #[must_use]
    pub fn of(interval: Duration) -> Self {
        Self { interval: millis(interval) }
    }

    /// Remembers and sets the next time to fire at.
    fn fire_next<W: Window>(
        &self, from: Timestamp, window: &W, next: &mut Option<Timestamp>, context: &mut TriggerContext<'_>,
    ) {
        let time = from.saturating_add(self.interval).min(window.max_timestamp());
        *next = Some(time);
        context.register_processing_time_timer(time);
    }
}

impl<T, W: Window> Trigger<T, W> for ContinuousProcessingTimeTrigger {
    type State = Option<Timestamp>;

    fn check(&self) -> Result<(), String> {
        if self.interval > 0 { Ok(()) } else { Err("an interval of 0 ms; give at least 1 ms".into()) }
    }

    fn on_element(
        &mut self, _: &T, _: Option<Timestamp>, window: &W, next: &mut Option<Timestamp>,
        context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        if next.is_none() {
            let now = context.current_processing_time();
            self.fire_next(now - now % self.interval, window, next, context);
        }
        Ok(TriggerResult::Continue)
    }

    fn on_processing_time(
        &mut self, time: Timestamp, window: &W, next: &mut Option<Timestamp>, context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        if *next != Some(time) {
            return Ok(TriggerResult::Continue);
        }
        *next = None;
        // At its end the window is over, or it is one that does not end in processing time and has nothing to come.
        if time < window.max_timestamp() {
            self.fire_next(time, window, next, context);
        }
        Ok(TriggerResult::Fire)
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
            context.register_processing_time_timer(time);
        }
        Ok(())
    }
}
