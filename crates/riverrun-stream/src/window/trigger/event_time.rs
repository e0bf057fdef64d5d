//! [`EventTimeTrigger`].

use crate::element::Timestamp;
use crate::error::Result;
use crate::window::{Trigger, TriggerContext, TriggerResult, Window};

/// Fires when the watermark passes the end of the window, and again for every late element. Same as Flink's `EventTimeTrigger`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTimeTrigger;

impl<T, W: Window> Trigger<T, W> for EventTimeTrigger {
    type State = ();

    #[inline]
    fn on_element(
        &mut self, _: &T, _: Option<Timestamp>, window: &W, (): &mut (), context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        if context.has_passed(window.max_timestamp()) {
            return Ok(TriggerResult::Fire);
        }
        context.register_event_time_timer(window.max_timestamp());
        Ok(TriggerResult::Continue)
    }

    #[inline]
    fn on_event_time(
        &mut self, time: Timestamp, window: &W, (): &mut (), _: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        Ok(if time == window.max_timestamp() { TriggerResult::Fire } else { TriggerResult::Continue })
    }

    fn can_merge(&self) -> bool {
        true
    }

    #[inline]
    fn on_merge(&mut self, window: &W, (): &mut (), _: Vec<()>, context: &mut TriggerContext<'_>) -> Result {
        // Where the window is over, `on_element` fires, and a timer would fire it twice.
        if !context.has_passed(window.max_timestamp()) {
            context.register_event_time_timer(window.max_timestamp());
        }
        Ok(())
    }

    fn is_event_time_trigger(&self) -> bool {
        true
    }
}
