//! [`TumblingProcessingTimeWindows`].

use std::time::Duration;

use crate::element::Timestamp;
use crate::error::Result;
use crate::window::assigner::aligned::Aligned;
use crate::window::{ProcessingTimeTrigger, TimeWindow, WindowAssigner};

/// Windows of one size in processing time, side by side: each element belongs to one. Same as Flink's `TumblingProcessingTimeWindows`.
#[derive(Debug, Clone)]
pub struct TumblingProcessingTimeWindows(Aligned);

impl TumblingProcessingTimeWindows {
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

impl<T> WindowAssigner<T> for TumblingProcessingTimeWindows {
    type Window = TimeWindow;
    type DefaultTrigger = ProcessingTimeTrigger;

    fn name(&self) -> &'static str {
        "TumblingProcessingTimeWindows"
    }

    fn check(&self) -> Result<(), String> {
        self.0.check()
    }

    #[inline]
    fn assign_windows(&mut self, _: &T, _: Option<Timestamp>, now: Timestamp, windows: &mut Vec<TimeWindow>) -> Result {
        windows.push(self.0.window(now));
        Ok(())
    }

    fn default_trigger(&self) -> ProcessingTimeTrigger {
        ProcessingTimeTrigger
    }

    fn is_event_time(&self) -> bool {
        false
    }
}
