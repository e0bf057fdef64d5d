//! Who is told of the batches that a runner computes: [`BatchObserver`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::batcher::BatchCut;
use crate::sync::{Mutex, lock};

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
    /// What was computed for them: more than `cost` where shorter items are padded to the longest.
    pub computed_cost: usize,
    /// How long the one that waited longest had waited.
    pub queued: Duration,
    /// How long they had waited on average.
    pub queued_mean: Duration,
    /// How long the computation took.
    pub took: Duration,
    /// Why it had no more items.
    pub cut: BatchCut,
    /// How many requests waited behind it.
    pub waiting: usize,
}

/// Where batches are logged.
const LOG: &str = "riverrun::batcher";

impl BatchReport {
    fn log(&self, runner: &str) {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        tracing::debug!(
            target: LOG,
            runner,
            items = self.items,
            cost = self.cost,
            cut = self.cut.name(),
            waiting = self.waiting,
            queued_ms = millis(self.queued),
            took_ms = millis(self.took),
            failed = self.failed,
            "batch"
        );
    }
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

    /// Reports to those of `before`, too.
    pub(crate) fn take_over(&self, before: &Self) {
        let theirs = lock(&before.list).clone();
        let mut ours = lock(&self.list);
        for observer in theirs {
            // Known already when a runner goes back to what it ran before.
            if !ours.iter().any(|one| one.ptr_eq(&observer)) {
                ours.push(observer);
            }
        }
        self.any.store(true, Ordering::Release);
    }

    /// Logs a batch and tells of it.
    pub(crate) fn tell(&self, runner: &str, report: impl FnOnce() -> BatchReport) {
        let any = self.any.load(Ordering::Acquire);
        if !any && !tracing::enabled!(target: LOG, tracing::Level::DEBUG) {
            return;
        }
        let report = report();
        report.log(runner);
        if !any {
            return;
        }
        let observers: Vec<Arc<Observe>> = {
            let mut list = lock(&self.list);
            list.retain(|observer| observer.strong_count() > 0);
            self.any.store(!list.is_empty(), Ordering::Release);
            list.iter().filter_map(Weak::upgrade).collect()
        };
        for observe in observers {
            // A panic of it is its owner's; the batch goes on.
            drop(catch_unwind(AssertUnwindSafe(|| observe(report))));
        }
    }
}
