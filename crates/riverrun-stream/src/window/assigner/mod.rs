//! Which windows an element belongs to: one assigner a file.

mod aligned;
mod event_time_session;
mod global_windows;
mod processing_time_session;
mod sliding_event_time;
mod sliding_processing_time;
mod tumbling_event_time;
mod tumbling_processing_time;

use crate::element::Timestamp;
use crate::error::{FunctionError, Result};
use crate::window::{Trigger, Window};

pub use event_time_session::EventTimeSessionWindows;
pub use global_windows::GlobalWindows;
pub use processing_time_session::ProcessingTimeSessionWindows;
pub use sliding_event_time::SlidingEventTimeWindows;
pub use sliding_processing_time::SlidingProcessingTimeWindows;
pub use tumbling_event_time::TumblingEventTimeWindows;
pub use tumbling_processing_time::TumblingProcessingTimeWindows;

pub(crate) use aligned::Slides;

/// Puts elements into windows. Same as Flink's `WindowAssigner` and `MergingWindowAssigner`.
pub trait WindowAssigner<T>: Clone + Send + 'static {
    /// What it puts them into.
    type Window: Window;

    /// When results come out unless the user says otherwise.
    type DefaultTrigger: Trigger<T, Self::Window>;

    /// Whether windows of a key that [merge](Self::merge) become one.
    const IS_MERGING: bool = false;

    /// The name that operators and messages carry.
    fn name(&self) -> &'static str;

    /// Says what is wrong with the parameters, as the end of a sentence that begins with the [name](Self::name). Called when the
    /// program is built.
    ///
    /// # Errors
    /// The parameters make no windows.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Adds the windows of an element to `windows`, which is empty. `now` is processing time.
    ///
    /// # Errors
    /// The element has no window: it lacks the timestamp that it needs, say. The job fails.
    fn assign_windows(
        &mut self, element: &T, timestamp: Option<Timestamp>, now: Timestamp, windows: &mut Vec<Self::Window>,
    ) -> Result;

    /// A trigger of the default kind.
    fn default_trigger(&self) -> Self::DefaultTrigger;

    /// Whether its windows end in event time; in processing time otherwise.
    fn is_event_time(&self) -> bool;

    /// The window that takes the place of two, where they merge.
    fn merge(&self, first: &Self::Window, second: &Self::Window) -> Option<Self::Window> {
        let _ = (first, second);
        None
    }

    /// How its windows overlap, where the elements of each are those of a few slices of event time.
    #[doc(hidden)]
    #[allow(private_interfaces, reason = "for the assigners of this crate")]
    fn slides(&self) -> Option<Slides> {
        None
    }
}

/// The timestamp of an element, which windows of event time need.
#[inline]
fn event_time(timestamp: Option<Timestamp>, assigner: &str) -> Result<Timestamp> {
    match timestamp {
        Some(timestamp) => Ok(timestamp),
        None => Err(FunctionError::new(format!(
            "`{assigner}` got a record without a timestamp; call `assign_timestamps_and_watermarks` before the window, or use windows of processing time"
        ))),
    }
}
