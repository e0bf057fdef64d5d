//! How a task is woken.

use std::time::Duration;

use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering, PoisonError};

/// Says to a task that something has changed for it.
#[derive(Default)]
pub(crate) struct Waker {
    notified: AtomicBool,
    sleeper: Mutex<Sleeper>,
    condition: Condvar,
}

#[derive(Default)]
struct Sleeper {
    asleep: bool,
    /// The task has ended.
    gone: bool,
    /// How often it has fallen asleep.
    times: u64,
}

impl Waker {
    fn sleeper(&self) -> MutexGuard<'_, Sleeper> {
        self.sleeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wake(&self) {
        if !self.notified.swap(true, Ordering::AcqRel) {
            // The lock is taken so that a sleeper is either before its check of the flag or inside the wait.
            drop(self.sleeper());
            self.condition.notify_one();
        }
    }

    /// Whether it was woken since it last waited or was asked: what a driver without threads does instead of sleeping.
    pub(crate) fn take(&self) -> bool {
        self.notified.swap(false, Ordering::AcqRel)
    }

    /// Sleeps until woken, or for at most this long.
    pub(crate) fn wait(&self, at_most: Option<Duration>) {
        let mut sleeper = self.sleeper();
        sleeper.asleep = true;
        sleeper.times += 1;
        while !self.notified.swap(false, Ordering::AcqRel) {
            sleeper = match at_most {
                None => self.condition.wait(sleeper).unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let (guard, _) = self.condition.wait_timeout(sleeper, time).unwrap_or_else(PoisonError::into_inner);
                    sleeper = guard;
                    // A swap, not a store: a load of what the waker said must not move before it, or its news is lost.
                    self.notified.swap(false, Ordering::AcqRel);
                    break;
                }
            };
        }
        sleeper.asleep = false;
    }

    /// The task has ended: nothing wakes it any more.
    pub(crate) fn retire(&self) {
        self.sleeper().gone = true;
    }

    /// Which sleep the task is in, if it is in one that nobody has ended; always one and the same once it has ended.
    pub(crate) fn asleep_since(&self) -> Option<u64> {
        let sleeper = self.sleeper();
        let asleep = sleeper.gone || sleeper.asleep && !self.notified.load(Ordering::Acquire);
        asleep.then_some(sleeper.times)
    }
}
