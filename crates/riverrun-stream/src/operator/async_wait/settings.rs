//! What can be set of an async operator, and what all of them measure.

use std::time::Duration;

use crate::context::RuntimeContext;
use crate::element::Timestamp;
use crate::functions::AsyncRetryStrategy;
use crate::metrics::{Counter, Gauge, names};
use crate::operator::async_wait::OutputMode;

/// What can be set of an async operator.
pub struct AsyncSettings<R> {
    /// Whether results keep the order of their inputs.
    pub mode: OutputMode,
    /// How many elements may be in flight, at least 1.
    pub capacity: usize,
    /// How long a call may take, retries included; [`Duration::MAX`] for as long as it likes.
    pub timeout: Duration,
    /// When a call is made again.
    pub retry: Option<AsyncRetryStrategy<R>>,
}

impl<R> Clone for AsyncSettings<R> {
    fn clone(&self) -> Self {
        Self { retry: self.retry.clone(), ..*self }
    }
}

impl<R> AsyncSettings<R> {
    /// How many elements may be in flight unless said otherwise, as in Flink.
    pub const DEFAULT_CAPACITY: usize = 100;

    /// The default capacity, no retries.
    #[must_use]
    pub fn new(mode: OutputMode, timeout: Duration) -> Self {
        Self { mode, capacity: Self::DEFAULT_CAPACITY, timeout, retry: None }
    }

    /// When what begins now has taken too long.
    pub(super) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        (self.timeout < Duration::MAX).then(|| after(now, self.timeout))
    }

    /// How long to wait before another call, if there is one after the `attempts` made.
    pub(super) fn retry_after(&self, attempts: usize, outcome: Result<&R, &crate::FunctionError>) -> Option<Duration> {
        let retry = self.retry.as_ref()?;
        retry.calls_again(attempts, outcome).then(|| retry.delay_after(attempts))
    }
}

/// A time this much later: whole milliseconds, never less than was asked for.
pub(super) fn after(now: Timestamp, time: Duration) -> Timestamp {
    let millis = time.as_nanos().div_ceil(1_000_000);
    now.saturating_add(Timestamp::try_from(millis).unwrap_or(Timestamp::MAX))
}

/// What every async operator measures.
pub(super) struct AsyncMetrics {
    pub(super) in_flight: Gauge,
    pub(super) retries: Counter,
    pub(super) timeouts: Counter,
}

impl AsyncMetrics {
    pub(super) fn of(context: &RuntimeContext) -> Self {
        Self {
            in_flight: context.metrics.gauge(names::IN_FLIGHT),
            retries: context.metrics.counter(names::NUM_RETRIES),
            timeouts: context.metrics.counter(names::NUM_TIMEOUTS),
        }
    }
}
