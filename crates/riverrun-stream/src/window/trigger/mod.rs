//! When the contents of a window are given to its function: one trigger a file.

mod context;
mod continuous_event_time;
mod continuous_processing_time;
mod count;
mod event_time;
mod never;
mod processing_time;
mod purging;

use crate::data::Data;
use crate::element::Timestamp;
use crate::error::Result;

pub use context::TriggerContext;
pub use continuous_event_time::ContinuousEventTimeTrigger;
pub use continuous_processing_time::ContinuousProcessingTimeTrigger;
pub use count::CountTrigger;
pub use event_time::EventTimeTrigger;
pub use never::NeverTrigger;
pub use processing_time::ProcessingTimeTrigger;
pub use purging::PurgingTrigger;

pub(crate) use context::PaneTimers;

/// What a trigger says of a window. Same as Flink's `TriggerResult`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriggerResult {
    /// Nothing happens.
    Continue,
    /// The contents are given to the window's function, and stay.
    Fire,
    /// The contents are dropped; the window stays.
    Purge,
    /// The contents are given to the window's function, and dropped.
    FireAndPurge,
}

impl TriggerResult {
    /// Whether the contents are given to the window's function.
    #[must_use]
    pub fn is_fire(self) -> bool {
        matches!(self, Self::Fire | Self::FireAndPurge)
    }

    /// Whether the contents are dropped.
    #[must_use]
    pub fn is_purge(self) -> bool {
        matches!(self, Self::Purge | Self::FireAndPurge)
    }
}

/// Says when the contents of a window are given to its function. Same as Flink's `Trigger`, but that what it remembers of a
/// window is a type of its own.
///
/// ```
/// use riverrun_stream::window::{Trigger, TriggerContext, TriggerResult, Window};
/// use riverrun_stream::{Result, Timestamp};
///
/// /// Fires when a window has seen this much.
/// #[derive(Clone)]
/// struct AtTotal(u64);
///
/// impl<W: Window> Trigger<u64, W> for AtTotal {
///     type State = u64;
///
///     fn on_element(
///         &mut self, element: &u64, _: Option<Timestamp>, _: &W, total: &mut u64, _: &mut TriggerContext<'_>,
///     ) -> Result<TriggerResult> {
///         *total += element;
///         if *total < self.0 {
///             return Ok(TriggerResult::Continue);
///         }
///         *total = 0;
///         Ok(TriggerResult::FireAndPurge)
///     }
/// }
/// ```
pub trait Trigger<T, W>: Clone + Send + 'static {
    /// What it remembers of one window of one key. A window whose contents were dropped is forgotten once this is the default
    /// again and no timer is set.
    type State: Data + Default + PartialEq;

    /// Says what is wrong with the parameters, as the end of a sentence that begins with "the trigger has". Called when the
    /// program is built.
    ///
    /// # Errors
    /// The parameters make no trigger.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// An element comes into the window.
    ///
    /// # Errors
    /// An error fails the task.
    fn on_element(
        &mut self, element: &T, timestamp: Option<Timestamp>, window: &W, state: &mut Self::State,
        context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult>;

    /// An event-time timer fires: one that this trigger set, or the end of the window and its allowed lateness.
    ///
    /// # Errors
    /// An error fails the task.
    fn on_event_time(
        &mut self, time: Timestamp, window: &W, state: &mut Self::State, context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        let _ = (time, window, state, context);
        Ok(TriggerResult::Continue)
    }

    /// A processing-time timer fires: one that this trigger set, or the end of the window.
    ///
    /// # Errors
    /// An error fails the task.
    fn on_processing_time(
        &mut self, time: Timestamp, window: &W, state: &mut Self::State, context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        let _ = (time, window, state, context);
        Ok(TriggerResult::Continue)
    }

    /// Whether it can be used with windows that merge: it implements [`on_merge`](Self::on_merge) then.
    fn can_merge(&self) -> bool {
        false
    }

    /// Windows have become one, `window`. `state` is that of the earliest; `merged` are those of the others. All their timers are
    /// gone: what still holds has to be set again.
    ///
    /// # Errors
    /// An error fails the task.
    fn on_merge(
        &mut self, window: &W, state: &mut Self::State, merged: Vec<Self::State>, context: &mut TriggerContext<'_>,
    ) -> Result {
        let _ = (window, state, merged, context);
        Ok(())
    }

    /// The window is over. Its state and its timers go by themselves.
    ///
    /// # Errors
    /// An error fails the task.
    fn clear(&mut self, window: &W, state: &mut Self::State, context: &mut TriggerContext<'_>) -> Result {
        let _ = (window, state, context);
        Ok(())
    }

    /// Whether it does what [`EventTimeTrigger`] does.
    #[doc(hidden)]
    fn is_event_time_trigger(&self) -> bool {
        false
    }
}
