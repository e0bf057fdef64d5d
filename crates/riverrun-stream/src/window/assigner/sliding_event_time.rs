//! [`SlidingEventTimeWindows`].

use std::time::Duration;

use crate::element::Timestamp;
use crate::error::Result;
use crate::window::assigner::Slides;
use crate::window::assigner::aligned::Aligned;
use crate::window::assigner::event_time;
use crate::window::{EventTimeTrigger, TimeWindow, WindowAssigner};

/// Windows of one size in event time, which begin at regular distances: each element belongs to about
/// `size / slide` of them, and where the slide is longer than the size, to one or none. Same as Flink's `SlidingEventTimeWindows`.
#[derive(Debug, Clone)]
pub struct SlidingEventTimeWindows(Aligned);

impl SlidingEventTimeWindows {
    /// Windows of this size that begin at midnight of 1970-01-01 UTC and every `slide` from there; both at least a millisecond.
    #[must_use]
    pub fn of(size: Duration, slide: Duration) -> Self {
        Self(Aligned::sliding(size, slide))
    }

    /// Has windows begin this much later; less than the slide.
    #[must_use]
    pub fn offset(self, offset: Duration) -> Self {
        self.offset_millis(crate::window::millis(offset))
    }

    /// As [`offset`](Self::offset), in milliseconds, which may be negative: windows begin earlier then.
    #[must_use]
    pub fn offset_millis(self, offset: Timestamp) -> Self {
        Self(self.0.with_offset(offset))
    }
}

impl<T> WindowAssigner<T> for SlidingEventTimeWindows {
    type Window = TimeWindow;
    type DefaultTrigger = EventTimeTrigger;

    fn name(&self) -> &'static str {
        "SlidingEventTimeWindows"
    }

    fn check(&self) -> Result<(), String> {
        self.0.check()
    }

    #[inline]
    fn assign_windows(
        &mut self, _: &T, timestamp: Option<Timestamp>, _: Timestamp, windows: &mut Vec<TimeWindow>,
    ) -> Result {
        self.0.windows(event_time(timestamp, "SlidingEventTimeWindows")?, windows);
        Ok(())
    }

    fn default_trigger(&self) -> EventTimeTrigger {
        EventTimeTrigger
    }

    fn is_event_time(&self) -> bool {
        true
    }

    #[allow(private_interfaces, reason = "for the assigners of this crate")]
    fn slides(&self) -> Option<Slides> {
        Some(self.0.slides())
    }
}
