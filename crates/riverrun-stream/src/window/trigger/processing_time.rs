//! [`ProcessingTimeTrigger`].

use crate::element::Timestamp;
use crate::error::Result;
use crate::window::{Trigger, TriggerContext, TriggerResult, Window};

/// Fires when processing time passes the end of the window. Same as Flink's `ProcessingTimeTrigger`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessingTimeTrigger;

impl<T, W: Window> Trigger<T, W> for ProcessingTimeTrigger {
    type State = ();

    #[inline]
    fn on_element(
        &mut self, _: &T, _: Option<Timestamp>, window: &W, (): &mut (), context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        context.register_processing_time_timer(window.max_timestamp());
        Ok(TriggerResult::Continue)
    }

    fn on_processing_time(
        &mut self, _: Timestamp, _: &W, (): &mut (), _: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        Ok(TriggerResult::Fire)
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn on_merge(&mut self, window: &W, (): &mut (), _: Vec<()>, context: &mut TriggerContext<'_>) -> Result {
        if window.max_timestamp() > context.current_processing_time() {
            context.register_processing_time_timer(window.max_timestamp());
        }
        Ok(())
    }
}
