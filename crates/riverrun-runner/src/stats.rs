//! What a runner has done so far.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

const BUCKETS: usize = 8;

/// Parts of one, so that small costs have a mean too.
const FINE: usize = 256;

/// A runner's counts since it was loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunnerStats {
    /// Batches computed.
    pub batches: u64,
    /// Items computed, failed ones included.
    pub items: u64,
    /// Items that were answered with an error, in either stage.
    pub failed_items: u64,
    /// Items that were cut to what can be computed, such as texts that are longer than what a model reads.
    pub truncated: u64,
    /// Items not computed because their caller was gone or their time was up.
    pub abandoned: u64,
    /// Items whose result was in the [cache](crate::Runner::cached); they are not among the computed ones.
    pub cache_hits: u64,
    /// Items that were looked for in the cache without success.
    pub cache_misses: u64,
    /// Requests that wait now.
    pub queue_length: usize,
    /// How long a batch takes, as a running mean; zero before the first.
    pub batch_time: Duration,
    /// How many batches had 1, 2, 3–4, 5–8, 9–16, 17–32, 33–64 and more items.
    pub batch_sizes: [u64; BUCKETS],
}

impl RunnerStats {
    /// The part of the items looked for in the cache that were there; 0 before the first, or without a cache.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn cache_hit_rate(&self) -> f64 {
        let looked_up = self.cache_hits + self.cache_misses;
        if looked_up == 0 { 0.0 } else { self.cache_hits as f64 / looked_up as f64 }
    }

    /// Items per batch, on average; 0 before the first.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn mean_batch_size(&self) -> f64 {
        if self.batches == 0 { 0.0 } else { self.items as f64 / self.batches as f64 }
    }
}

#[derive(Default)]
pub(crate) struct Counters {
    failed: AtomicU64,
    abandoned: AtomicU64,
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
    items: AtomicU64,
    sizes: [AtomicU64; BUCKETS],
    /// Running means, for estimates: the cost of an item (in parts of `FINE`), and a batch's microseconds.
    mean_cost: AtomicUsize,
    batch_micros: AtomicUsize,
}

impl Counters {
    pub(crate) fn batch(&self, items: usize) {
        let bucket = items.next_power_of_two().trailing_zeros() as usize;
        self.sizes[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
        self.items.fetch_add(items as u64, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, items: usize) {
        if items > 0 {
            self.failed.fetch_add(items as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn abandoned(&self, items: usize) {
        if items > 0 {
            self.abandoned.fetch_add(items as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn looked_up(&self, found: bool) {
        let counter = if found { &self.cache_hits } else { &self.cache_misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn cost(&self, cost: usize) {
        approach(&self.mean_cost, cost.saturating_mul(FINE));
    }

    pub(crate) fn batch_took(&self, time: Duration) {
        approach(&self.batch_micros, usize::try_from(time.as_micros()).unwrap_or(usize::MAX));
    }

    /// What an item that is not prepared yet is likely to cost.
    pub(crate) fn likely_cost(&self) -> usize {
        (self.mean_cost.load(Ordering::Relaxed) / FINE).max(1)
    }

    /// How long a batch is likely to take.
    pub(crate) fn likely_batch(&self) -> Duration {
        Duration::from_micros(self.batch_micros.load(Ordering::Relaxed) as u64)
    }

    pub(crate) fn snapshot(&self, queue_length: usize) -> RunnerStats {
        let batch_sizes = std::array::from_fn(|bucket| self.sizes[bucket].load(Ordering::Relaxed));
        RunnerStats {
            batches: batch_sizes.iter().sum(),
            items: self.items.load(Ordering::Relaxed),
            failed_items: self.failed.load(Ordering::Relaxed),
            // The runnable knows.
            truncated: 0,
            abandoned: self.abandoned.load(Ordering::Relaxed),
            cache_hits: self.cache_hits.load(Ordering::Relaxed),
            cache_misses: self.cache_misses.load(Ordering::Relaxed),
            queue_length,
            batch_time: self.likely_batch(),
            batch_sizes,
        }
    }
}

// Lost updates between threads do not matter to an estimate.
fn approach(mean: &AtomicUsize, value: usize) {
    let before = mean.load(Ordering::Relaxed);
    let after = if before == 0 { value } else { before - before / 8 + value / 8 };
    mean.store(after, Ordering::Relaxed);
}
