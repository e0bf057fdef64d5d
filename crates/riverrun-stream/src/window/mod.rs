//! Windows: which ones an element belongs to, when their results come out, and what is left out of them.
//!
//! A [`WindowAssigner`] puts each element into windows, a [`Trigger`] says when the
//! contents of a window are given to its function, and an [`Evictor`] may take elements out before or after
//! that. The names are Flink's.

pub mod assigner;
pub mod evictor;
mod global_window;
mod time_window;
pub mod trigger;

use std::hash::Hash;

use crate::data::Data;
use crate::element::Timestamp;

pub use assigner::{
    EventTimeSessionWindows, GlobalWindows, ProcessingTimeSessionWindows, SlidingEventTimeWindows,
    SlidingProcessingTimeWindows, TumblingEventTimeWindows, TumblingProcessingTimeWindows, WindowAssigner,
};
pub use evictor::{CountEvictor, Evictor, EvictorContext, NoEvictor, TimeEvictor, WindowElements};
pub use global_window::GlobalWindow;
pub use time_window::TimeWindow;
pub use trigger::{
    ContinuousEventTimeTrigger, ContinuousProcessingTimeTrigger, CountTrigger, EventTimeTrigger, NeverTrigger,
    ProcessingTimeTrigger, PurgingTrigger, Trigger, TriggerContext, TriggerResult,
};

/// A group of elements. Same as Flink's `Window`.
///
/// The windows of a key are kept in their order; windows that [merge](assigner::WindowAssigner::merge) have to be neighbours in it.
pub trait Window: Data + Ord + Hash + Sync {
    /// The last time that belongs to the window: results carry it as their timestamp, and the window is over behind it.
    fn max_timestamp(&self) -> Timestamp;
}

/// A duration in milliseconds, cut off where time itself ends.
pub(crate) fn millis(duration: std::time::Duration) -> Timestamp {
    Timestamp::try_from(duration.as_millis()).unwrap_or(Timestamp::MAX)
}

pub(crate) use assigner::Slides;
pub(crate) use trigger::PaneTimers;
