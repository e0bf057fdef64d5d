//! [`NeverTrigger`].

use crate::element::Timestamp;
use crate::error::Result;
use crate::window::{Trigger, TriggerContext, TriggerResult};

/// Never fires: the default of [`GlobalWindows`](crate::window::GlobalWindows). Same as Flink's `GlobalWindows.NeverTrigger`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeverTrigger;

impl<T, W> Trigger<T, W> for NeverTrigger {
    type State = ();

    fn on_element(
        &mut self, _: &T, _: Option<Timestamp>, _: &W, (): &mut (), _: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        Ok(TriggerResult::Continue)
    }

    fn can_merge(&self) -> bool {
        true
    }
}
