//! [`TumblingEventTimeWindows`].

use std::time::Duration;

use crate::element::Timestamp;
use crate::error::Result;
use crate::window::assigner::aligned::Aligned;
use crate::window::assigner::event_time;
use crate::window::{EventTimeTrigger, TimeWindow, WindowAssigner};

/// Windows of one size in event time, side by side: each element belongs to one. Same as Flink's `TumblingEventTimeWindows`.
#[derive(Debug, Clone)]
pub struct TumblingEventTimeWindows(Aligned);

impl TumblingEventTimeWindows {
    /// Windows of this size, at least a millisecond, that begin at midnight of 1970-01-01 UTC and every `size` from there.
    #[must_use]
    pub fn of(size: Duration) -> Self {
        Self(Aligned::tumbling(size))
    }

    /// Has windows begin this much later; less than the size. Days in the zone UTC-8 are `of(24 h).offset(8 h)`.
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

impl<T> WindowAssigner<T> for TumblingEventTimeWindows {
    type Window = TimeWindow;
    type DefaultTrigger = EventTimeTrigger;

    fn name(&self) -> &'static str {
        "TumblingEventTimeWindows"
    }

    fn check(&self) -> Result<(), String> {
        self.0.check()
    }

    #[inline]
    fn assign_windows(
        &mut self, _: &T, timestamp: Option<Timestamp>, _: Timestamp, windows: &mut Vec<TimeWindow>,
    ) -> Result {
        windows.push(self.0.window(event_time(timestamp, "TumblingEventTimeWindows")?));
        Ok(())
    }

    fn default_trigger(&self) -> EventTimeTrigger {
        EventTimeTrigger
    }

    fn is_event_time(&self) -> bool {
        true
    }
}
