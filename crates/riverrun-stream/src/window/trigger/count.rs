//! [`CountTrigger`].

use crate::element::Timestamp;
use crate::error::Result;
use crate::window::{Trigger, TriggerContext, TriggerResult};

/// Fires whenever a window has got this many elements more. Same as Flink's `CountTrigger`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountTrigger(u64);

impl CountTrigger {
    /// Fires every `count` elements; at least 1.
    #[must_use]
    pub fn of(count: u64) -> Self {
        Self(count)
    }
}

impl<T, W> Trigger<T, W> for CountTrigger {
    type State = u64;

    fn check(&self) -> Result<(), String> {
        if self.0 == 0 { Err("a count of 0; give at least 1".into()) } else { Ok(()) }
    }

    #[inline]
    fn on_element(
        &mut self, _: &T, _: Option<Timestamp>, _: &W, seen: &mut u64, _: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        *seen += 1;
        if *seen < self.0 {
            return Ok(TriggerResult::Continue);
        }
        *seen = 0;
        Ok(TriggerResult::Fire)
    }

    fn can_merge(&self) -> bool {
        true
    }

    fn on_merge(&mut self, _: &W, seen: &mut u64, merged: Vec<u64>, _: &mut TriggerContext<'_>) -> Result {
        *seen += merged.into_iter().sum::<u64>();
        Ok(())
    }
}
