//! [`PurgingTrigger`].

use crate::element::Timestamp;
use crate::error::Result;
use crate::window::{Trigger, TriggerContext, TriggerResult};

/// Drops the contents of a window whenever another trigger fires it. Same as Flink's `PurgingTrigger`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgingTrigger<T>(T);

impl<T> PurgingTrigger<T> {
    /// Fires when `trigger` does.
    #[must_use]
    pub fn of(trigger: T) -> Self {
        Self(trigger)
    }
}

fn purging(result: TriggerResult) -> TriggerResult {
    if result.is_fire() { TriggerResult::FireAndPurge } else { result }
}

impl<T, W, Inner: Trigger<T, W>> Trigger<T, W> for PurgingTrigger<Inner> {
    type State = Inner::State;

    fn check(&self) -> Result<(), String> {
        self.0.check()
    }

    #[inline]
    fn on_element(
        &mut self, element: &T, timestamp: Option<Timestamp>, window: &W, state: &mut Self::State,
        context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        self.0.on_element(element, timestamp, window, state, context).map(purging)
    }

    fn on_event_time(
        &mut self, time: Timestamp, window: &W, state: &mut Self::State, context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        self.0.on_event_time(time, window, state, context).map(purging)
    }

    fn on_processing_time(
        &mut self, time: Timestamp, window: &W, state: &mut Self::State, context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        self.0.on_processing_time(time, window, state, context).map(purging)
    }

    fn can_merge(&self) -> bool {
        self.0.can_merge()
    }

    fn on_merge(
        &mut self, window: &W, state: &mut Self::State, merged: Vec<Self::State>, context: &mut TriggerContext<'_>,
    ) -> Result {
        self.0.on_merge(window, state, merged, context)
    }

    fn clear(&mut self, window: &W, state: &mut Self::State, context: &mut TriggerContext<'_>) -> Result {
        self.0.clear(window, state, context)
    }
}
