//! [`Histogram`]: counts per bucket, without a lock.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

/// Bounds of latencies, in nanoseconds: 0.25 ms to a minute.
const LATENCIES: [u64; 16] = [
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    15_000_000_000,
    60_000_000_000,
];
/// Bounds of batch sizes, in items.
const SIZES: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/// Bounds of batch costs: tokens, for a text model.
const COSTS: [u64; 12] = [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384];

/// A histogram of whole numbers. The library's own takes a lock for each value.
pub(super) struct Histogram {
    bounds: &'static [u64],
    /// One more than bounds, for what is above them all.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
    /// How many of its numbers make one of the unit that is shown.
    per_unit: f64,
}

impl Histogram {
    /// Of times, shown in seconds.
    pub(super) fn of_times() -> Self {
        Self::new(&LATENCIES, 1e9)
    }

    /// Of batch sizes.
    pub(super) fn of_sizes() -> Self {
        Self::new(&SIZES, 1.0)
    }

    /// Of batch costs.
    pub(super) fn of_costs() -> Self {
        Self::new(&COSTS, 1.0)
    }

    fn new(bounds: &'static [u64], per_unit: f64) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0), per_unit }
    }

    pub(super) fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub(super) fn observe_time(&self, time: Duration) {
        self.observe(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The sum of all values.
    pub(super) fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }

    #[allow(clippy::cast_precision_loss)]
    pub(super) fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let unit = |value: u64| value as f64 / self.per_unit;
        // The library takes the greatest number for infinity.
        let bounds = self.bounds.iter().map(|bound| unit(*bound)).chain([f64::MAX]);
        let buckets: Vec<(f64, u64)> =
            bounds.zip(&self.counts).map(|(bound, count)| (bound, count.load(Ordering::Relaxed))).collect();
        // Of what is shown, so that it agrees with the buckets while others are counting.
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(unit(self.sum()), count, &buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_a_bound_is_below_it_as_in_prometheus() {
        let histogram = Histogram::of_sizes();

        [1, 2, 3, 256, 257].into_iter().for_each(|size| histogram.observe(size));

        let counts: Vec<u64> = histogram.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        assert_eq!(counts, [1, 1, 1, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(histogram.sum(), 519);
    }
}
