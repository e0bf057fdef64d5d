//! An interval of time: [`TimeWindow`].

use serde::{Deserialize, Serialize};

use crate::element::Timestamp;
use crate::window::Window;

/// From `start` up to, and not with, `end`, in milliseconds. Same as Flink's `TimeWindow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimeWindow {
    start: Timestamp,
    end: Timestamp,
}

impl TimeWindow {
    /// The window from `start` up to `end`.
    #[must_use]
    pub fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end }
    }

    /// The first time that belongs to it.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The first time behind it.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// Whether the two overlap or touch.
    #[must_use]
    pub fn intersects(&self, other: &Self) -> bool {
        self.start <= other.end && self.end >= other.start
    }

    /// The smallest window that covers both.
    #[must_use]
    pub fn cover(&self, other: &Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    #[inline]
    pub(crate) fn contains(&self, timestamp: Timestamp) -> bool {
        self.start <= timestamp && timestamp < self.end
    }

    /// The window of `size` milliseconds that contains `timestamp`, where windows begin at `offset` and every `size` from there.
    /// Its ends are cut off where a [`Timestamp`] cannot hold them.
    #[inline]
    pub(crate) fn aligned(timestamp: Timestamp, offset: Timestamp, size: Timestamp) -> Self {
        let into = match timestamp.checked_sub(offset) {
            Some(since) => since.rem_euclid(size),
            // Below the size, so it fits.
            None => (i128::from(timestamp) - i128::from(offset)).rem_euclid(i128::from(size)) as Timestamp,
        };
        Self { start: timestamp.saturating_sub(into), end: timestamp.saturating_add(size - into) }
    }
}

impl Window for TimeWindow {
    #[inline]
    fn max_timestamp(&self) -> Timestamp {
        self.end.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn windows_before_1970_begin_below_their_times() {
        assert_eq!(TimeWindow::aligned(-1, 0, 10), TimeWindow::new(-10, 0));
        assert_eq!(TimeWindow::aligned(-10, 0, 10), TimeWindow::new(-10, 0));
        assert_eq!(TimeWindow::aligned(-11, 3, 10), TimeWindow::new(-17, -7));
    }

    proptest! {
        /// The reference: the same in integers that are wide enough, cut off at the end.
        #[test]
        fn a_time_lies_in_its_aligned_window_up_to_the_ends_of_time(
            timestamp in prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), -100_i64..100],
            size in prop_oneof![1_i64..100, any::<i64>().prop_map(|size| size.saturating_abs().max(1))],
            offset in any::<i64>(),
        ) {
            let offset = offset % size;
            let wide = |value: i64| i128::from(value);
            let start = wide(timestamp) - (wide(timestamp) - wide(offset)).rem_euclid(wide(size));
            let cut = |time: i128| time.clamp(wide(i64::MIN), wide(i64::MAX)) as i64;

            let window = TimeWindow::aligned(timestamp, offset, size);

            prop_assert_eq!(window, TimeWindow::new(cut(start), cut(start + wide(size))));
            prop_assert!(window.start() <= timestamp && (timestamp < window.end() || timestamp == i64::MAX));
        }
    }
}
