//! Thread pools for RTen, as large as the threads that a batch may use.

use std::sync::Arc;

use riverrun_runner::Compute;
use rten::ThreadPool;

use super::idle::{Idle, threads};

/// Pools that no batch uses at the moment, of all models of the process.
static IDLE: Idle<Arc<ThreadPool>> = Idle::new();

/// A pool that nobody else uses meanwhile. Two batches on one pool of one thread would wait for each other, though each has a permit.
pub(crate) struct Lent {
    threads: usize,
    pool: Arc<ThreadPool>,
}

impl Lent {
    pub(crate) fn of(compute: &Compute) -> Self {
        let threads = threads(compute);
        let pool = IDLE.take(threads).unwrap_or_else(|| Arc::new(ThreadPool::with_num_threads(threads)));
        Self { threads, pool }
    }

    pub(crate) fn pool(&self) -> Arc<ThreadPool> {
        self.pool.clone()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        IDLE.give_back(self.threads, self.pool.clone());
    }
}
