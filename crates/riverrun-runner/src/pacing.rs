//! How long a batch waits for requests that are about to arrive, and how many it leaves to the batches beside it.

use std::time::{Duration, Instant};

use crate::core::Core;
use crate::runnable::Runnable;

/// Held back for others at most this part of a batch's time, and not at all below what a timer can do.
const LINGER_PART: u32 = 10;
const LEAST_LINGER: Duration = Duration::from_micros(100);

impl<R: Runnable> Core<R> {
    /// How long a batch is held back for others.
    pub(crate) fn patience(&self) -> Duration {
        (self.counters.likely_batch() / LINGER_PART).min(self.batching.max_latency)
    }

    /// Whether a batch that begins now would leave others to begin without a permit.
    pub(crate) fn others_come(&self) -> bool {
        self.arrivals.expected(self.patience()) > self.permits.idle()
    }

    /// The most items that a batch should have so that those computed at a time take about as long: the permits would have
    /// large and small ones otherwise, and keep them as long as the same callers come back.
    pub(crate) fn share(&self) -> usize {
        let likely_cost = self.counters.likely_cost();
        let waiting = self.queue.len() + self.arrivals.expected(self.patience());
        match self.computing.share(waiting.saturating_mul(likely_cost)) {
            Some(cost) => cost.div_ceil(likely_cost).max(1),
            // Alone, a batch is lent the idle permits.
            None => usize::MAX,
        }
    }

    /// Gives requests that are about to arrive a chance to be in the next batch.
    pub(crate) fn linger(&self) {
        if self.queue.len() == 0 || !self.others_come() {
            return;
        }
        let patience = self.patience();
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let waiting = self.queue.len();
            let filled = waiting >= self.batching.max_batch_size.min(self.share())
                || waiting * self.counters.likely_cost() >= self.batching.max_batch_cost;
            if waiting == 0 || filled || left < LEAST_LINGER || !self.others_come() {
                return;
            }
            if !self.queue.linger(waiting, left) {
                return;
            }
        }
    }
}
