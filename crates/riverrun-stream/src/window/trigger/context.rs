//! What a trigger knows: [`TriggerContext`].

use serde::{Deserialize, Serialize};

use crate::element::Timestamp;
use crate::time::TimeDomain;

/// The timers of one window of one key. There are one or two, so a list is the fastest set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct PaneTimers {
    event_time: Vec<Timestamp>,
    processing_time: Vec<Timestamp>,
}

impl PaneTimers {
    fn of(&mut self, domain: TimeDomain) -> &mut Vec<Timestamp> {
        match domain {
            TimeDomain::EventTime => &mut self.event_time,
            TimeDomain::ProcessingTime => &mut self.processing_time,
        }
    }

    /// Sets a timer, and says whether it was not set before.
    #[inline]
    pub(crate) fn register(&mut self, domain: TimeDomain, time: Timestamp) -> bool {
        let timers = self.of(domain);
        let new = !timers.contains(&time);
        if new {
            timers.push(time);
        }
        new
    }

    /// Takes a timer back, and says whether it was set.
    pub(crate) fn remove(&mut self, domain: TimeDomain, time: Timestamp) -> bool {
        let timers = self.of(domain);
        let found = timers.iter().position(|&set| set == time);
        if let Some(index) = found {
            timers.swap_remove(index);
        }
        found.is_some()
    }

    pub(crate) fn first(&self, domain: TimeDomain) -> Option<Timestamp> {
        match domain {
            TimeDomain::EventTime => self.event_time.iter().min().copied(),
            TimeDomain::ProcessingTime => self.processing_time.iter().min().copied(),
        }
    }

    pub(crate) fn processing_time(&self) -> &[Timestamp] {
        &self.processing_time
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.event_time.is_empty() && self.processing_time.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.event_time.clear();
        self.processing_time.clear();
    }
}

/// What a trigger knows of the time, and the timers of the window at hand. Same as Flink's `TriggerContext`.
pub struct TriggerContext<'p> {
    pub(crate) watermark: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) timers: &'p mut PaneTimers,
    /// Whether a timer was set that was not set before.
    pub(crate) has_set: bool,
}

impl TriggerContext<'_> {
    /// How far event time has come: [`Timestamp::MIN`] before the first watermark.
    #[must_use]
    pub fn current_watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Processing time now.
    #[must_use]
    pub fn current_processing_time(&self) -> Timestamp {
        self.now
    }

    /// Whether the watermark has reached this time.
    #[inline]
    pub(crate) fn has_passed(&self, time: Timestamp) -> bool {
        self.watermark > Timestamp::MIN && time <= self.watermark
    }

    /// Has [`on_event_time`](super::Trigger::on_event_time) called for this window when the watermark reaches this time. Setting
    /// the same timer twice is setting it once.
    #[inline]
    pub fn register_event_time_timer(&mut self, time: Timestamp) {
        self.has_set |= self.timers.register(TimeDomain::EventTime, time);
    }

    /// Has [`on_processing_time`](super::Trigger::on_processing_time) called for this window when processing time has passed this
    /// time, or at the end of the input.
    #[inline]
    pub fn register_processing_time_timer(&mut self, time: Timestamp) {
        self.has_set |= self.timers.register(TimeDomain::ProcessingTime, time);
    }

    /// Takes an event-time timer back; one that is not set is ignored.
    pub fn delete_event_time_timer(&mut self, time: Timestamp) {
        self.timers.remove(TimeDomain::EventTime, time);
    }

    /// Takes a processing-time timer back; one that is not set is ignored.
    pub fn delete_processing_time_timer(&mut self, time: Timestamp) {
        self.timers.remove(TimeDomain::ProcessingTime, time);
    }
}
