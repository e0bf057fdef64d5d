//! [`Pace`]: how fast a runner's queue empties, for `Retry-After`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use riverrun_runner::{AnyRunner, BatchObserver, BatchReport};

const LONGEST: Duration = Duration::from_secs(60);

/// The recent time per item of one runner, as its batches report it.
pub(crate) struct Pace {
    nanos_per_item: Arc<AtomicU64>,
    _observer: Option<BatchObserver>,
}

impl Pace {
    /// Watches this runner. One that cannot be watched has the least estimate.
    pub(crate) fn of(runner: &dyn AnyRunner) -> Self {
        let nanos_per_item = Arc::new(AtomicU64::new(0));
        let mean = nanos_per_item.clone();
        let observer = runner.observe(Box::new(move |report: &BatchReport| {
            let nanos = u64::try_from(report.took.as_nanos()).unwrap_or(u64::MAX) / (report.items as u64).max(1);
            let before = mean.load(Ordering::Relaxed);
            // Lost updates between threads do not matter to an estimate.
            let after = if before == 0 { nanos } else { before - before / 8 + nanos / 8 };
            mean.store(after, Ordering::Relaxed);
        }));
        Self { nanos_per_item, _observer: observer.ok() }
    }

    /// When a queue of this length is likely to be empty: between a second and a minute.
    ///
    /// It takes one batch at a time for granted, so it errs on the side of too long where several are computed.
    pub(crate) fn retry_after(&self, waiting: usize) -> Duration {
        let nanos = self.nanos_per_item.load(Ordering::Relaxed).saturating_mul(waiting as u64);
        Duration::from_nanos(nanos).clamp(Duration::from_secs(1), LONGEST)
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("nanos_per_item", &self.nanos_per_item).finish_non_exhaustive()
    }
}
