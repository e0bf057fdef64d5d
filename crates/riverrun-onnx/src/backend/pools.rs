//! Thread pools for RTen, as large as the threads that a batch may use.

use std::sync::{Arc, Mutex, PoisonError};

use rten::ThreadPool;

/// Pools that no batch uses at the moment, of all models of the process: as many as batches ran at a time.
static IDLE: Mutex<Vec<(usize, Arc<ThreadPool>)>> = Mutex::new(Vec::new());

/// A pool that nobody else uses meanwhile. Two batches on one pool of one thread would wait for each other, though each has a permit.
pub(crate) struct Lent {
    threads: usize,
    pool: Arc<ThreadPool>,
}

impl Lent {
    pub(crate) fn of(threads: usize) -> Self {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let place = idle.iter().position(|pool| pool.0 == threads);
        let pool = match place {
            Some(place) => idle.swap_remove(place).1,
            None => {
                drop(idle);
                Arc::new(ThreadPool::with_num_threads(threads))
            }
        };
        Self { threads, pool }
    }

    pub(crate) fn pool(&self) -> Arc<ThreadPool> {
        self.pool.clone()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).push((self.threads, self.pool.clone()));
    }
}
