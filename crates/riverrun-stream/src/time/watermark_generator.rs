//! What makes watermarks of the records that pass: [`WatermarkGenerator`].

use std::time::Duration;

use crate::element::{StreamRecord, Timestamp};
use crate::time::millis;

/// Makes watermarks of the records that pass, on each record or periodically. Same as Flink's `WatermarkGenerator`.
///
/// A watermark of `t` says that no record with a timestamp at or below `t` will follow. What is put out never goes back: a
/// watermark at or below an earlier one is ignored.
pub trait WatermarkGenerator<T>: Send + 'static {
    /// Called for each record, with its timestamp ([`Timestamp::MIN`] if it has none). A watermark put out here comes right
    /// behind the record.
    fn on_event(&mut self, event: &T, timestamp: Timestamp, output: &mut WatermarkOutput);

    /// Called once in each auto watermark interval (200 ms unless set), and at the end of the input.
    fn on_periodic_emit(&mut self, output: &mut WatermarkOutput);
}

/// Where a generator puts its watermarks.
#[derive(Debug, Default)]
pub struct WatermarkOutput {
    /// How many records of the batch at hand come before what is put out now.
    position: usize,
    pub(super) signals: Vec<(usize, Signal)>,
}

/// What a generator can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Watermark(Timestamp),
    Idle,
    Active,
}

impl WatermarkOutput {
    /// Says that event time has come this far. The stream is active again.
    pub fn emit_watermark(&mut self, watermark: Timestamp) {
        self.signals.push((self.position, Signal::Watermark(watermark)));
    }

    /// Says that the stream is idle: it does not hold back its consumers until the next watermark or record.
    pub fn mark_idle(&mut self) {
        self.signals.push((self.position, Signal::Idle));
    }

    /// Says that the stream is active again.
    pub fn mark_active(&mut self) {
        self.signals.push((self.position, Signal::Active));
    }
}

/// For records that come at most so much later than the latest before them. Same as Flink's
/// `BoundedOutOfOrdernessWatermarks`.
#[derive(Debug, Clone)]
pub struct BoundedOutOfOrdernessWatermarks {
    bound: i64,
    max_timestamp: Timestamp,
}

impl BoundedOutOfOrdernessWatermarks {
    /// Watermarks that stay this much, and a millisecond, behind the highest timestamp.
    #[must_use]
    pub fn new(max_out_of_orderness: Duration) -> Self {
        let bound = millis(max_out_of_orderness);
        // So that the first watermark is the lowest there is, and never an overflow.
        Self { bound, max_timestamp: Timestamp::MIN.saturating_add(bound).saturating_add(1) }
    }
}

impl<T> WatermarkGenerator<T> for BoundedOutOfOrdernessWatermarks {
    fn on_event(&mut self, _: &T, timestamp: Timestamp, _: &mut WatermarkOutput) {
        self.max_timestamp = self.max_timestamp.max(timestamp);
    }

    fn on_periodic_emit(&mut self, output: &mut WatermarkOutput) {
        output.emit_watermark(self.max_timestamp.saturating_sub(self.bound).saturating_sub(1));
    }
}

/// For records whose timestamps never fall. Same as Flink's `AscendingTimestampsWatermarks`.
#[derive(Debug, Clone)]
pub struct AscendingTimestampsWatermarks(BoundedOutOfOrdernessWatermarks);

impl Default for AscendingTimestampsWatermarks {
    fn default() -> Self {
        Self(BoundedOutOfOrdernessWatermarks::new(Duration::ZERO))
    }
}

impl<T> WatermarkGenerator<T> for AscendingTimestampsWatermarks {
    fn on_event(&mut self, event: &T, timestamp: Timestamp, output: &mut WatermarkOutput) {
        self.0.on_event(event, timestamp, output);
    }

    fn on_periodic_emit(&mut self, output: &mut WatermarkOutput) {
        WatermarkGenerator::<T>::on_periodic_emit(&mut self.0, output);
    }
}

/// Makes none. Same as Flink's `NoWatermarksGenerator`.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoWatermarksGenerator;

impl<T> WatermarkGenerator<T> for NoWatermarksGenerator {
    fn on_event(&mut self, _: &T, _: Timestamp, _: &mut WatermarkOutput) {}

    fn on_periodic_emit(&mut self, _: &mut WatermarkOutput) {}
}

/// A generator called through one dynamic call per batch.
pub(super) trait BatchGenerator<T>: Send {
    fn on_batch(&mut self, records: &[StreamRecord<T>], output: &mut WatermarkOutput);

    fn on_periodic_emit(&mut self, now: Timestamp, output: &mut WatermarkOutput);
}

/// Calls a generator for each record of a batch.
pub(super) struct EachEvent<G>(pub(super) G);

impl<T, G: WatermarkGenerator<T>> BatchGenerator<T> for EachEvent<G> {
    fn on_batch(&mut self, records: &[StreamRecord<T>], output: &mut WatermarkOutput) {
        for (index, record) in records.iter().enumerate() {
            output.position = index + 1;
            self.0.on_event(&record.value, record.timestamp.unwrap_or(Timestamp::MIN), output);
        }
        output.position = 0;
    }

    fn on_periodic_emit(&mut self, _: Timestamp, output: &mut WatermarkOutput) {
        self.0.on_periodic_emit(output);
    }
}

/// Declares the stream idle when no record has come for a while. Same as Flink's `WatermarksWithIdleness`: the time runs from
/// the first periodic call without a record before it.
pub(super) struct WithIdleness<T> {
    pub(super) generator: Box<dyn BatchGenerator<T>>,
    timeout: i64,
    active: bool,
    quiet_since: Option<Timestamp>,
    is_idle: bool,
}

impl<T> WithIdleness<T> {
    pub(super) fn new(generator: Box<dyn BatchGenerator<T>>, timeout: Duration) -> Self {
        Self { generator, timeout: millis(timeout), active: false, quiet_since: None, is_idle: false }
    }

    fn has_become_idle(&mut self, now: Timestamp) -> bool {
        if std::mem::take(&mut self.active) {
            self.quiet_since = None;
            return false;
        }
        let since = *self.quiet_since.get_or_insert(now);
        now.saturating_sub(since) > self.timeout
    }
}

impl<T> BatchGenerator<T> for WithIdleness<T> {
    fn on_batch(&mut self, records: &[StreamRecord<T>], output: &mut WatermarkOutput) {
        self.generator.on_batch(records, output);
        self.active = true;
        self.is_idle = false;
    }

    fn on_periodic_emit(&mut self, now: Timestamp, output: &mut WatermarkOutput) {
        if !self.has_become_idle(now) {
            self.generator.on_periodic_emit(now, output);
        } else if !std::mem::replace(&mut self.is_idle, true) {
            output.mark_idle();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watermarks_of(bound: Duration, timestamps: &[Timestamp]) -> Vec<Timestamp> {
        let mut generator = BoundedOutOfOrdernessWatermarks::new(bound);
        let mut output = WatermarkOutput::default();
        WatermarkGenerator::<()>::on_periodic_emit(&mut generator, &mut output);
        for &timestamp in timestamps {
            generator.on_event(&(), timestamp, &mut output);
            WatermarkGenerator::<()>::on_periodic_emit(&mut generator, &mut output);
        }
        let watermark = |(_, signal)| match signal {
            Signal::Watermark(watermark) => Some(watermark),
            _ => None,
        };
        output.signals.into_iter().filter_map(watermark).collect()
    }

    #[test]
    fn a_watermark_stays_the_bound_and_a_millisecond_behind_the_highest_timestamp() {
        assert_eq!(watermarks_of(Duration::from_millis(5), &[10, 7, 20]), [Timestamp::MIN, 4, 4, 14]);
        assert_eq!(watermarks_of(Duration::ZERO, &[-10, -12, 0]), [Timestamp::MIN, -11, -11, -1]);
    }

    #[test]
    fn timestamps_and_bounds_at_the_ends_of_their_range_do_not_overflow() {
        let (min, max) = (Timestamp::MIN, Timestamp::MAX);

        assert_eq!(watermarks_of(Duration::ZERO, &[min, max]), [min, min, max - 1]);
        assert_eq!(watermarks_of(Duration::from_millis(5), &[min, min + 5, max]), [min, min, min, max - 6]);
        assert_eq!(watermarks_of(Duration::MAX, &[min, 0, max]), [min, min, min, -1]);
    }
}
