//! What operators and hosts count and measure: [`MetricGroup`], and what a running job shows: [`JobMetrics`].
//!
//! An operator asks its [`RuntimeContext`](crate::RuntimeContext) once, in `open`, and keeps what it got. The names are
//! Flink's where Flink has the metric: see [`names`].

mod histogram;
pub mod names;
mod snapshot;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

pub use histogram::{Histogram, HistogramStatistics};
pub use snapshot::{JobMetrics, MetricValue, OperatorMetrics, SubtaskMetrics};

/// A count that only grows.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A value that is set, and goes up and down: 0 until then.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// The value is now this.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value is now higher by this, or lower.
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Ordering::Relaxed);
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where an operator registers its metrics. A host brings its own registry.
///
/// Each metric is made when its name is first asked for; asking again gives the same one. A name stands for one kind of
/// metric: asked for as another kind, it gives one that nobody is shown.
pub trait MetricGroup: Send + Sync {
    /// The counter of this name.
    fn counter(&self, name: &str) -> Counter;

    /// The gauge of this name.
    fn gauge(&self, name: &str) -> Gauge;

    /// The histogram of this name.
    fn histogram(&self, name: &str) -> Histogram;
}

/// A metric group that counts and shows nobody.
#[derive(Debug, Default)]
pub struct UnregisteredMetrics;

impl MetricGroup for UnregisteredMetrics {
    fn counter(&self, _: &str) -> Counter {
        Counter::default()
    }

    fn gauge(&self, _: &str) -> Gauge {
        Gauge::default()
    }

    fn histogram(&self, _: &str) -> Histogram {
        Histogram::default()
    }
}
