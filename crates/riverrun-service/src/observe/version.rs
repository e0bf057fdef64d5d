//! [`VersionMetrics`]: what is counted of one version of a model, and [`Changes`] of a model's versions.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use riverrun_runner::{AnyRunner, BatchCut, BatchObserver, BatchReport, RequestTiming};

use super::histogram::Histogram;

/// Counts of one version, for as long as it is served: a version that is released takes its series with it, so that there are
/// never more than versions that are loaded.
pub(crate) struct VersionMetrics {
    pub(super) batches: Arc<BatchMetrics>,
    pub(super) queue: Histogram,
    pub(super) compute: Histogram,
    rejected: AtomicU64,
    expired: AtomicU64,
    _observer: Option<BatchObserver>,
}

impl VersionMetrics {
    /// Watches this runner. One that cannot be watched reports no batches.
    pub(crate) fn of(runner: &dyn AnyRunner) -> Self {
        let batches = Arc::new(BatchMetrics::new());
        let observed = batches.clone();
        let observer = runner.observe(Box::new(move |report| observed.count(report)));
        Self {
            batches,
            queue: Histogram::of_times(),
            compute: Histogram::of_times(),
            rejected: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            _observer: observer.ok(),
        }
    }

    /// A request was refused because the queue is full.
    pub(crate) fn rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn expired(&self) {
        self.expired.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answered(&self, timing: &RequestTiming) {
        if let (Some(queued), Some(computed)) = (timing.queued(), timing.computed()) {
            self.queue.observe_time(queued);
            self.compute.observe_time(computed);
        }
    }

    pub(super) fn rejections(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    pub(super) fn expirations(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for VersionMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VersionMetrics").finish_non_exhaustive()
    }
}

/// Counts of the batches of one version: some additions per batch, none per item.
pub(super) struct BatchMetrics {
    pub(super) sizes: Histogram,
    pub(super) costs: Histogram,
    pub(super) times: Histogram,
    computed_cost: AtomicU64,
    cuts: [AtomicU64; BatchCut::ALL.len()],
}

impl BatchMetrics {
    fn new() -> Self {
        Self {
            sizes: Histogram::of_sizes(),
            costs: Histogram::of_costs(),
            times: Histogram::of_times(),
            computed_cost: AtomicU64::new(0),
            cuts: Default::default(),
        }
    }

    fn count(&self, report: &BatchReport) {
        self.sizes.observe(report.items as u64);
        self.costs.observe(report.cost as u64);
        self.times.observe_time(report.took);
        self.computed_cost.fetch_add(report.computed_cost as u64, Ordering::Relaxed);
        if let Some(place) = BatchCut::ALL.iter().position(|cut| *cut == report.cut) {
            self.cuts[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many batches were cut for which reason.
    pub(super) fn cuts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        BatchCut::ALL.iter().zip(&self.cuts).map(|(cut, count)| (cut.name(), count.load(Ordering::Relaxed)))
    }

    pub(super) fn computed_cost(&self) -> u64 {
        self.computed_cost.load(Ordering::Relaxed)
    }

    /// The part of what was computed that was asked for; 1 before the first batch.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn efficiency(&self) -> f64 {
        match self.computed_cost() {
            0 => 1.0,
            computed => self.costs.sum() as f64 / computed as f64,
        }
    }
}

/// How a model's versions came into place.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    succeeded: AtomicU64,
    failed: AtomicU64,
    /// Of the version that was loaded last, in nanoseconds; 0 while it is not known.
    load_nanos: AtomicU64,
}

impl Changes {
    pub(crate) fn succeeded(&self) {
        self.succeeded.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn loaded_in(&self, took: Duration) {
        self.load_nanos.store(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> [(&'static str, u64); 2] {
        [("ok", self.succeeded.load(Ordering::Relaxed)), ("failed", self.failed.load(Ordering::Relaxed))]
    }

    pub(super) fn load_time(&self) -> Option<Duration> {
        Some(self.load_nanos.load(Ordering::Relaxed)).filter(|nanos| *nanos > 0).map(Duration::from_nanos)
    }
}
