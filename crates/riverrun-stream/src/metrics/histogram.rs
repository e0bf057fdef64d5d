//! How values are distributed, in bounded memory: [`Histogram`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Each power of two is cut into this many buckets: a quantile is at most 1/32, some 3 %, above the value it stands for.
const BUCKETS_PER_OCTAVE: usize = 1 << OCTAVE_BITS;
const OCTAVE_BITS: u32 = 5;
const BUCKETS: usize = (u64::BITS - OCTAVE_BITS + 1) as usize * BUCKETS_PER_OCTAVE;

/// The distribution of values that were recorded since the subtask was opened.
///
/// The unit is in the metric's name (`…Ms`, `…Us`). It takes some 15 KiB, however many values come; the first makes it.
#[derive(Debug, Clone, Default)]
pub struct Histogram(Arc<Mutex<Recorded>>);

#[derive(Debug, Default)]
struct Recorded {
    /// Empty until the first value.
    buckets: Vec<u64>,
    count: u64,
    min: u64,
    max: u64,
    sum: u128,
}

impl Histogram {
    /// Takes in a value.
    pub fn record(&self, value: u64) {
        let mut recorded = self.recorded();
        if recorded.buckets.is_empty() {
            recorded.buckets = vec![0; BUCKETS];
            recorded.min = u64::MAX;
        }
        if let Some(count) = recorded.buckets.get_mut(bucket_of(value)) {
            *count += 1;
        }
        recorded.count += 1;
        recorded.min = recorded.min.min(value);
        recorded.max = recorded.max.max(value);
        recorded.sum += u128::from(value);
    }

    /// What the values come to.
    #[must_use]
    pub fn statistics(&self) -> HistogramStatistics {
        let recorded = self.recorded();
        HistogramStatistics {
            buckets: recorded.buckets.clone(),
            count: recorded.count,
            min: recorded.min,
            max: recorded.max,
            sum: recorded.sum,
        }
    }

    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the values of a [`Histogram`] come to at one time.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HistogramStatistics {
    buckets: Vec<u64>,
    count: u64,
    min: u64,
    max: u64,
    sum: u128,
}

impl HistogramStatistics {
    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The lowest value, to the letter; 0 where there was none.
    #[must_use]
    pub fn min(&self) -> u64 {
        self.min
    }

    /// The highest value, to the letter; 0 where there was none.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The mean of the values; 0 where there was none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// The value that this share of the values does not exceed (0.5 is the median), at most 1/32 too high; 0 where there was
    /// no value. A share outside 0 to 1 is taken as the nearer of the two.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u64 {
        let rank = ((share.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return highest_in(bucket).clamp(self.min, self.max);
            }
        }
        self.max
    }

    /// The values of both: what several subtasks come to together.
    #[must_use]
    pub fn merged(mut self, other: &Self) -> Self {
        if self.count == 0 {
            return other.clone();
        }
        if other.count == 0 {
            return self;
        }
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(count, more)| *count += more);
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self
    }
}

impl std::fmt::Debug for HistogramStatistics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistogramStatistics")
            .field("count", &self.count)
            .field("min", &self.min)
            .field("mean", &self.mean())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max)
            .finish()
    }
}

/// Values below 32 have a bucket each; above, the highest six bits of a value say which.
fn bucket_of(value: u64) -> usize {
    let octave = (u64::BITS - value.leading_zeros()).saturating_sub(OCTAVE_BITS + 1);
    octave as usize * BUCKETS_PER_OCTAVE + (value >> octave) as usize
}

/// The highest value of a bucket.
fn highest_in(bucket: usize) -> u64 {
    let octave = (bucket / BUCKETS_PER_OCTAVE).saturating_sub(1);
    let first = ((bucket - octave * BUCKETS_PER_OCTAVE) as u64) << octave;
    first + ((1_u64 << octave) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> HistogramStatistics {
        let histogram = Histogram::default();
        values.iter().for_each(|&value| histogram.record(value));
        histogram.statistics()
    }

    #[test]
    fn a_histogram_of_nothing_is_all_zeros() {
        let nothing = of(&[]);

        assert_eq!((nothing.count(), nothing.min(), nothing.max(), nothing.quantile(0.5)), (0, 0, 0, 0));
        assert_eq!(nothing.mean(), 0.0);
    }

    #[test]
    fn small_values_are_told_to_the_letter() {
        let statistics = of(&(0..=40).collect::<Vec<_>>());

        assert_eq!((statistics.min(), statistics.max(), statistics.mean()), (0, 40, 20.0));
        assert_eq!((statistics.quantile(0.5), statistics.quantile(0.0), statistics.quantile(1.0)), (20, 0, 40));
    }

    #[test]
    fn the_highest_value_of_all_has_a_bucket() {
        assert_eq!(of(&[u64::MAX, u64::MAX]).quantile(0.9), u64::MAX);
        assert_eq!(of(&[u64::MAX, u64::MAX]).mean(), u64::MAX as f64);
    }

    proptest! {
        #[test]
        fn a_quantile_is_the_sorted_value_or_a_little_above(mut values in proptest::collection::vec(any::<u64>(), 1..200), share in 0.0..=1.0_f64) {
            let statistics = of(&values);

            values.sort_unstable();
            let rank = ((share * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let exact = values[rank - 1];
            let told = statistics.quantile(share);
            prop_assert!(told >= exact && told - exact <= exact / 32, "{told} for {exact}");
        }

        #[test]
        fn merged_histograms_are_the_histogram_of_all_values(left in proptest::collection::vec(0..1_000_000_u64, 0..50), right in proptest::collection::vec(0..1_000_000_u64, 0..50)) {
            let all: Vec<u64> = left.iter().chain(&right).copied().collect();

            prop_assert_eq!(of(&left).merged(&of(&right)), of(&all));
        }
    }
}
