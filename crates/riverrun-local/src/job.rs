//! What the tasks of one job share: its failure, its cancellation, and how many have not drained yet.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use riverrun_stream::Error;

use crate::channel::Waker;

pub(crate) struct Job {
    pub(crate) name: String,
    stopped: AtomicBool,
    failure: Mutex<Option<Error>>,
    undrained: AtomicUsize,
    wakers: Vec<Arc<Waker>>,
}

impl Job {
    pub(crate) fn new(name: String, wakers: Vec<Arc<Waker>>) -> Self {
        let undrained = AtomicUsize::new(wakers.len());
        Self { name, stopped: AtomicBool::new(false), failure: Mutex::default(), undrained, wakers }
    }

    /// Stops every task; the first reason is the job's.
    pub(crate) fn fail(&self, error: Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stopped.store(true, Ordering::Release);
        self.wake_all();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// One more task has emitted everything.
    pub(crate) fn drained(&self) {
        if self.undrained.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake_all();
        }
    }

    /// Whether all tasks have: what waits for the end of the job may be committed.
    pub(crate) fn is_drained(&self) -> bool {
        self.undrained.load(Ordering::Acquire) == 0
    }

    pub(crate) fn outcome(&self) -> Result<(), Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    fn wake_all(&self) {
        self.wakers.iter().for_each(|waker| waker.wake());
    }
}
