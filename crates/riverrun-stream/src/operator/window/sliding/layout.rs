//! How sliding windows cut event time into slices: [`Layout`].

use crate::element::Timestamp;
use crate::window::Slides;

/// The slices of time between one beginning or end of a window and the next: two per slide, or one where the size is a multiple of
/// the slide. Every window is a run of them, and every slice is in the same windows throughout.
///
/// Where windows begin is told in more bits than a timestamp has, so that those at the ends of time stay apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    slides: Slides,
    lateness: Timestamp,
}

/// A slice, and the windows that it is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) start: i128,
    /// The first and the last time in it.
    from: Timestamp,
    to: Timestamp,
    /// Where its first and its last window begin.
    pub(super) first_window: i128,
    pub(super) last_window: i128,
    /// The last time in the first window: results with this slice begin to be final here.
    pub(super) first_end: Timestamp,
    /// When its last window is over, with the allowed lateness.
    pub(super) expiry: Timestamp,
}

impl Place {
    /// Contains no time.
    pub(super) const NOWHERE: Self = Self {
        start: 0,
        from: Timestamp::MAX,
        to: Timestamp::MIN,
        first_window: 0,
        last_window: 0,
        first_end: 0,
        expiry: 0,
    };

    #[inline]
    pub(super) fn contains(&self, timestamp: Timestamp) -> bool {
        self.from <= timestamp && timestamp <= self.to
    }
}

fn cut(time: i128) -> Timestamp {
    time.clamp(i128::from(Timestamp::MIN), i128::from(Timestamp::MAX)) as Timestamp
}

impl Layout {
    /// Of windows that overlap.
    pub(super) fn new(slides: Slides, lateness: Timestamp) -> Self {
        Self { slides, lateness }
    }

    pub(super) fn slide(&self) -> i128 {
        i128::from(self.slides.slide)
    }

    /// The time behind the window that begins here.
    pub(super) fn end(&self, window: i128) -> i128 {
        window + i128::from(self.slides.size)
    }

    /// The last time in the window that begins here: its results carry it.
    pub(super) fn max_timestamp(&self, window: i128) -> Timestamp {
        cut(self.end(window)).saturating_sub(1)
    }

    /// The slice of a time.
    pub(super) fn place(&self, timestamp: Timestamp) -> Place {
        let start = self.slides.last_start(timestamp);
        self.of(start, i128::from(timestamp) - start)
    }

    /// The slice that begins here.
    pub(super) fn place_of(&self, start: i128) -> Place {
        // As a rule it is a timestamp, whose division is cheaper.
        let last_window = match Timestamp::try_from(start) {
            Ok(start) => self.slides.last_start(start),
            Err(_) => start - (start - i128::from(self.slides.offset)).rem_euclid(self.slide()),
        };
        self.of(last_window, start - last_window)
    }

    /// The slice of what lies `into` the last window that begins before it.
    fn of(&self, last_window: i128, into: i128) -> Place {
        let slide = self.slide();
        let rest = self.slides.size % self.slides.slide;
        let rest_or_slide = if rest == 0 { slide } else { i128::from(rest) };
        let is_first = into < rest_or_slide;
        let (start, end) = if is_first {
            (last_window, last_window + rest_or_slide)
        } else {
            (last_window + rest_or_slide, last_window + slide)
        };
        // The windows before it, as long as they reach this slice.
        let reach = if is_first { self.slides.size } else { self.slides.size - rest };
        let earlier = (reach - 1) / self.slides.slide;
        let first_window = last_window - i128::from(earlier) * slide;
        Place {
            start,
            from: cut(start),
            to: cut(end - 1),
            first_window,
            last_window,
            first_end: self.max_timestamp(first_window),
            expiry: self.max_timestamp(last_window).saturating_add(self.lateness),
        }
    }

    /// The first of the slice's windows whose end the watermark has not reached.
    pub(super) fn first_open(&self, place: &Place, watermark: Timestamp) -> Option<i128> {
        if watermark == Timestamp::MIN || place.first_end > watermark {
            return Some(place.first_window);
        }
        let behind = i128::from(watermark) - (self.end(place.first_window) - 1);
        let window = place.first_window + (behind / self.slide() + 1) * self.slide();
        (window <= place.last_window && self.max_timestamp(window) > watermark).then_some(window)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::window::TimeWindow;

    proptest! {
        /// The reference: all windows of a time, one after the other.
        #[test]
        fn a_slice_is_in_the_windows_of_each_of_its_times(
            timestamp in -100_i64..100, size in 1_i64..30, slide in 1_i64..30, offset in -30_i64..30, watermark in -150_i64..150,
        ) {
            let (slide, offset) = (slide.min(size), offset % slide.min(size));
            let layout = Layout::new(Slides { size, slide, offset }, 0);
            let windows = |time: i64| -> Vec<i128> {
                (time - size + 1..=time).filter(|start| (start - offset).rem_euclid(slide) == 0).map(i128::from).collect()
            };

            let place = layout.place(timestamp);

            prop_assert!(place.contains(timestamp));
            for time in place.from..=place.to {
                prop_assert_eq!(windows(time), windows(timestamp));
                prop_assert_eq!(layout.place(time).start, place.start);
            }
            prop_assert_eq!(windows(timestamp).first().copied(), Some(place.first_window));
            prop_assert_eq!(windows(timestamp).last().copied(), Some(place.last_window));
            prop_assert_eq!(layout.place_of(place.start).first_window, place.first_window);
            let open = windows(timestamp).into_iter().find(|start| layout.end(*start) - 1 > i128::from(watermark));
            prop_assert_eq!(layout.first_open(&place, watermark), open);
            let window = TimeWindow::aligned(timestamp, offset, slide);
            prop_assert_eq!(i128::from(window.start()), place.last_window);
        }
    }
}
