//! Locks that outlive a panic, and what else threads meet at.
//!
//! Everything else takes these from here, so that `tests/schedules` can compile the same code with primitives whose
//! schedule it decides.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use std::sync::{Condvar, Mutex};
pub(crate) use std::thread;

/// A static of the process.
macro_rules! process_static {
    ($name:ident: $type:ty = $value:expr;) => {
        static $name: $type = $value;
    };
}

/// A static of each thread.
macro_rules! per_thread {
    ($name:ident: $type:ty = $value:expr;) => {
        thread_local! {
            static $name: $type = const { $value };
        }
    };
}

pub(crate) use {per_thread, process_static};

/// Locks, poisoned or not: user code never runs under these locks, so what they guard is consistent.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn wait_timeout<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>, timeout: Duration) -> MutexGuard<'a, T> {
    condvar.wait_timeout(guard, timeout).unwrap_or_else(PoisonError::into_inner).0
}
