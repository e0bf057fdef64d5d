//! The knobs of batching.

use std::time::Duration;

/// How a runner batches. The defaults suit most models.
///
/// ```
/// use std::time::Duration;
/// use riverrun_runner::Batching;
///
/// let batching = Batching::default().max_batch_size(16).max_queue(256).timeout(Duration::from_secs(2));
/// assert_eq!(batching, batching.clone());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Batching {
    pub(crate) max_batch_size: usize,
    pub(crate) max_batch_cost: usize,
    pub(crate) max_latency: Duration,
    pub(crate) max_queue: usize,
    pub(crate) timeout: Option<Duration>,
}

impl Default for Batching {
    fn default() -> Self {
        Self {
            max_batch_size: 64,
            // Throughput of packed rows is flat from about 100 tokens on; far beyond 400, activations leave the L2 cache.
            max_batch_cost: 512,
            max_latency: Duration::from_millis(10),
            max_queue: 1024,
            timeout: None,
        }
    }
}

impl Batching {
    /// The most items in a batch; 64 by default, at least 1.
    #[must_use]
    pub fn max_batch_size(mut self, items: usize) -> Self {
        self.max_batch_size = items.max(1);
        self
    }

    /// The most that the items of a batch cost together (tokens for a text model); 512 by default. An item that costs
    /// more by itself runs alone.
    #[must_use]
    pub fn max_batch_cost(mut self, cost: usize) -> Self {
        self.max_batch_cost = cost.max(1);
        self
    }

    /// How long a request may be held back so that others can join its batch; 10 ms by default, zero to hold back none.
    ///
    /// A request is held back only while more callers are known to be about to come than permits are idle (they prepare their
    /// request, or were answered just before), and for a tenth of the time that a batch takes at most: this is the upper bound.
    /// It is no time-out of the request: see [`timeout`](Self::timeout).
    #[must_use]
    pub fn max_latency(mut self, latency: Duration) -> Self {
        self.max_latency = latency;
        self
    }

    /// How many requests may wait; 1,024 by default, at least 1.
    ///
    /// What is beyond is refused to those who asked not to wait (`try_…`, `submit…`); others wait for their turn.
    #[must_use]
    pub fn max_queue(mut self, requests: usize) -> Self {
        self.max_queue = requests.max(1);
        self
    }

    /// How long a request may take; without limit by default.
    ///
    /// A request that still waits by then is answered with [`TimedOut`](crate::RunnerError::TimedOut) and not computed.
    /// A computation that has begun is not interrupted.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}
