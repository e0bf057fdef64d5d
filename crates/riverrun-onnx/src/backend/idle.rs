//! What batches compute with and leave behind for others: sessions, thread pools.

use std::sync::{Mutex, OnceLock, PoisonError};

use riverrun_runner::Compute;

/// The threads that a batch computes on: all of the process, or one.
///
/// A session or a pool has as many as it was made with. Where idle threads are few, a number of them for each would make as many sessions
/// or pools of every model as there are numbers.
pub(super) fn threads(compute: &Compute) -> usize {
    match compute.threads() {
        // Without a look at the process's permits, which would settle their number.
        1 => 1,
        some if some == Compute::permits() => some,
        _ => 1,
    }
}

/// Those that no batch uses at the moment, by their threads: one with all threads, and as many with a single one as compute at a time.
#[derive(Debug)]
pub(super) struct Idle<T>(Mutex<Vec<(usize, T)>>);

impl<T> Idle<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// One with so many threads, if one is there; the caller makes one otherwise.
    pub(super) fn take(&self, threads: usize) -> Option<T> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = idle.iter().position(|one| one.0 == threads)?;
        Some(idle.swap_remove(place).1)
    }

    /// Keeps it for the next batch, or releases it where enough are kept.
    pub(super) fn give_back(&self, threads: usize, one: T) {
        let most = if threads == 1 { most_single() } else { 1 };
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.iter().filter(|one| one.0 == threads).count() < most {
            idle.push((threads, one));
            return;
        }
        drop(idle);
        // Outside the lock: threads end here, and memory is given back.
        drop(one);
    }
}

/// Asked once: the system reads files to say it, which takes longer than many a batch.
fn most_single() -> usize {
    static MOST: OnceLock<usize> = OnceLock::new();
    *MOST.get_or_init(|| std::thread::available_parallelism().map_or(1, Into::into))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_was_given_back_is_taken_again_by_its_threads() {
        let idle = Idle::new();
        assert_eq!(idle.take(1), None);
        idle.give_back(1, "single");
        idle.give_back(8, "all");
        assert_eq!((idle.take(8), idle.take(8), idle.take(1)), (Some("all"), None, Some("single")));
    }

    #[test]
    fn no_more_are_kept_than_can_compute_at_a_time() {
        let (idle, counted) = (Idle::new(), Arc::new(()));
        for _ in 0..most_single() + 20 {
            idle.give_back(1, counted.clone());
            idle.give_back(64, counted.clone());
        }
        // Besides the one that counts.
        assert_eq!(Arc::strong_count(&counted) - 1, most_single() + 1);
    }

    #[test]
    fn a_batch_without_helpers_has_one_thread() {
        assert_eq!(threads(&Compute::single()), 1);
    }
}
