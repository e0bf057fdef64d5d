//! Windows at regular distances, whatever the elements.

use std::time::Duration;

use crate::element::Timestamp;
use crate::window::{TimeWindow, millis};

/// Windows of one size that begin every `slide`. Tumbling ones slide by their size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aligned {
    size: Timestamp,
    slide: Timestamp,
    offset: Timestamp,
    /// The last window that contained a time: the next time often lies in it as well, and it costs no division then.
    last: TimeWindow,
}

impl Aligned {
    pub(super) fn tumbling(size: Duration) -> Self {
        Self::sliding(size, size)
    }

    pub(super) fn sliding(size: Duration, slide: Duration) -> Self {
        Self { size: millis(size), slide: millis(slide), offset: 0, last: TimeWindow::new(0, 0) }
    }

    pub(super) fn with_offset(self, offset: Timestamp) -> Self {
        Self { offset, ..self }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let positive = |what: &str, millis: Timestamp| {
            if millis > 0 { Ok(()) } else { Err(format!("a {what} of {millis} ms; give at least 1 ms")) }
        };
        positive("size", self.size)?;
        positive("slide", self.slide)?;
        if self.offset.unsigned_abs() >= self.slide.unsigned_abs() {
            return Err(format!(
                "an offset of {} ms, and windows that begin every {} ms; the offset has to be less than that",
                self.offset, self.slide
            ));
        }
        Ok(())
    }

    /// The window of this time, where windows tumble.
    #[inline]
    pub(super) fn window(&mut self, timestamp: Timestamp) -> TimeWindow {
        if !self.last.contains(timestamp) {
            self.last = TimeWindow::aligned(timestamp, self.offset, self.size);
        }
        self.last
    }

    /// All windows of this time, the latest first.
    pub(super) fn windows(&self, timestamp: Timestamp, windows: &mut Vec<TimeWindow>) {
        let slides = self.slides();
        let mut start = slides.last_start(timestamp);
        let earliest = i128::from(timestamp) - i128::from(self.size);
        while start > earliest {
            windows.push(slides.window(start));
            start -= i128::from(self.slide);
        }
    }

    pub(super) fn slides(&self) -> Slides {
        Slides { size: self.size, slide: self.slide, offset: self.offset }
    }
}

/// How sliding windows lie in event time. Starts and ends are wider than timestamps, so that those at the ends of time differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slides {
    pub(crate) size: Timestamp,
    pub(crate) slide: Timestamp,
    pub(crate) offset: Timestamp,
}

impl Slides {
    /// Where the last window begins that begins at or before this time.
    pub(crate) fn last_start(&self, timestamp: Timestamp) -> i128 {
        let into = match timestamp.checked_sub(self.offset) {
            Some(since) => i128::from(since.rem_euclid(self.slide)),
            None => (i128::from(timestamp) - i128::from(self.offset)).rem_euclid(i128::from(self.slide)),
        };
        i128::from(timestamp) - into
    }

    /// The window that begins here, cut off where a [`Timestamp`] cannot hold its ends.
    pub(crate) fn window(&self, start: i128) -> TimeWindow {
        let cut = |time: i128| time.clamp(i128::from(Timestamp::MIN), i128::from(Timestamp::MAX)) as Timestamp;
        TimeWindow::new(cut(start), cut(start + i128::from(self.size)))
    }
}
