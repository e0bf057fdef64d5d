//! What can be read of a remote runner while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use crate::endpoint::BreakerState;

/// A remote runner's counters and gauges at one moment. Counters only grow.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ClientStats {
    /// Batches that were taken from the queue and are not answered yet.
    pub in_flight: usize,
    /// How many batches may be under way: the sum over the endpoints.
    pub limit: usize,
    /// Batches taken from the queue.
    pub batches: u64,
    /// Items in them.
    pub items: u64,
    /// Items that got an error.
    pub failed_items: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Batches that were split because something in them failed.
    pub splits: u64,
    /// Batches whose callers all went away before the answer.
    pub abandoned: u64,
    /// Each endpoint's own.
    pub endpoints: Vec<EndpointStats>,
}

/// One endpoint's part of [`ClientStats`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EndpointStats {
    /// Its URL.
    pub endpoint: Arc<str>,
    /// Requests that are under way.
    pub in_flight: usize,
    /// How many of them it gets at a time.
    pub limit: usize,
    /// Whether it is called.
    pub breaker: BreakerState,
    /// What its health check said last.
    pub is_ready: bool,
    /// A round trip, newer ones weighing more.
    pub latency: Option<Duration>,
    /// Requests that it got, retries included.
    pub requests: u64,
    /// Requests that it failed: no connection, a broken one, 502 to 504, no answer in time.
    pub failures: u64,
    /// What went wrong last.
    pub last_failure: Option<String>,
    /// The exact tag of the model that answered last, where the service says it.
    pub model: Option<Arc<str>>,
}

/// The counters behind [`ClientStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) in_flight: AtomicUsize,
    pub(crate) batches: AtomicU64,
    pub(crate) items: AtomicU64,
    pub(crate) failed_items: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) splits: AtomicU64,
    pub(crate) abandoned: AtomicU64,
}
