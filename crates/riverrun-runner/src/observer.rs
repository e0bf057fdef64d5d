//! Who is told of the batches that a runner computes: [`BatchObserver`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use crate::sync::lock;

/// One batch that a runner has computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchReport {
    /// How many items it had.
    pub items: usize,
    /// What they cost together: tokens for a text model.
    pub cost: usize,
    /// How many of them failed.
    pub failed: usize,
    /// How long the one that waited longest had waited.
    pub queued: Duration,
    /// How long the computation took.
    pub took: Duration,
}

type Observe = dyn Fn(BatchReport) + Send + Sync;

/// Told of every batch until this is dropped. Made by [`Runner::observe`](crate::Runner::observe).
pub struct BatchObserver(#[allow(dead_code, reason = "held so that the runner finds it")] Arc<Observe>);

#[derive(Default)]
pub(crate) struct Observers {
    list: Mutex<Vec<Weak<Observe>>>,
    any: AtomicBool,
}

impl Observers {
    pub(crate) fn add(&self, observe: impl Fn(BatchReport) + Send + Sync + 'static) -> BatchObserver {
        let observe: Arc<Observe> = Arc::new(observe);
        lock(&self.list).push(Arc::downgrade(&observe));
        self.any.store(true, Ordering::Release);
        BatchObserver(observe)
    }

    pub(crate) fn tell(&self, report: impl FnOnce() -> BatchReport) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let observers: Vec<Arc<Observe>> = {
            let mut list = lock(&self.list);
            list.retain(|observer| observer.strong_count() > 0);
            self.any.store(!list.is_empty(), Ordering::Release);
            list.iter().filter_map(Weak::upgrade).collect()
        };
        if observers.is_empty() {
            return;
        }
        let report = report();
        for observe in observers {
            // A panic of it is its owner's; the batch goes on.
            drop(catch_unwind(AssertUnwindSafe(|| observe(report))));
        }
    }
}
