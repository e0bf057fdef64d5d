//! [`EventTimeSessionWindows`].

use std::sync::Arc;
use std::time::Duration;

use crate::element::Timestamp;
use crate::error::{FunctionError, Result};
use crate::window::assigner::event_time;
use crate::window::{EventTimeTrigger, TimeWindow, WindowAssigner, millis};

enum Gap<T> {
    Static(Timestamp),
    Dynamic(Arc<dyn Fn(&T) -> Duration + Send + Sync>),
}

/// Windows that last until a key had no element for a while in event time: sessions. Same as Flink's `EventTimeSessionWindows` and its
/// dynamic form.
///
/// An element's window is its time and the gap behind it; windows that overlap or touch become one.
pub struct EventTimeSessionWindows<T>(Gap<T>);

impl<T> Clone for EventTimeSessionWindows<T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Gap::Static(gap) => Gap::Static(*gap),
            Gap::Dynamic(gap) => Gap::Dynamic(gap.clone()),
        })
    }
}

impl<T> EventTimeSessionWindows<T> {
    /// Sessions that end after this gap, at least a millisecond.
    #[must_use]
    pub fn with_gap(gap: Duration) -> Self {
        Self(Gap::Static(millis(gap)))
    }

    /// Sessions that end after a gap that each element names. A gap below a millisecond fails the job.
    #[must_use]
    pub fn with_dynamic_gap(gap: impl Fn(&T) -> Duration + Send + Sync + 'static) -> Self {
        Self(Gap::Dynamic(Arc::new(gap)))
    }
}

impl<T: 'static> WindowAssigner<T> for EventTimeSessionWindows<T> {
    type Window = TimeWindow;
    type DefaultTrigger = EventTimeTrigger;

    const IS_MERGING: bool = true;

    fn name(&self) -> &'static str {
        "EventTimeSessionWindows"
    }

    fn check(&self) -> Result<(), String> {
        match self.0 {
            Gap::Static(gap) if gap <= 0 => Err(format!("a gap of {gap} ms; give at least 1 ms")),
            _ => Ok(()),
        }
    }

    #[inline]
    fn assign_windows(
        &mut self, element: &T, timestamp: Option<Timestamp>, _: Timestamp, windows: &mut Vec<TimeWindow>,
    ) -> Result {
        let start = event_time(timestamp, "EventTimeSessionWindows")?;
        let gap = match &self.0 {
            Gap::Static(gap) => *gap,
            Gap::Dynamic(gap) => {
                let gap = millis(gap(element));
                if gap <= 0 {
                    return Err(FunctionError::new(
                        "the gap function of `EventTimeSessionWindows` gave a gap below 1 ms for an element; it has to give at least 1 ms",
                    ));
                }
                gap
            }
        };
        windows.push(TimeWindow::new(start, start.saturating_add(gap)));
        Ok(())
    }

    fn default_trigger(&self) -> EventTimeTrigger {
        EventTimeTrigger
    }

    fn is_event_time(&self) -> bool {
        true
    }

    #[inline]
    fn merge(&self, first: &TimeWindow, second: &TimeWindow) -> Option<TimeWindow> {
        first.intersects(second).then(|| first.cover(second))
    }
}
