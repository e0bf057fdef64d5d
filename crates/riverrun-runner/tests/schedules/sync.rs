//! As the crate's `sync`, with primitives whose schedule is decided.

use std::sync::PoisonError;
use std::time::Duration;

use shuttle::sync::MutexGuard;
pub(crate) use shuttle::sync::{Condvar, Mutex};
pub(crate) use shuttle::thread;

macro_rules! process_static {
    ($name:ident: $type:ty = $value:expr;) => {
        shuttle::lazy_static! {
            static ref $name: $type = $value;
        }
    };
}

macro_rules! per_thread {
    ($name:ident: $type:ty = $value:expr;) => {
        shuttle::thread_local! {
            static $name: $type = $value;
        }
    };
}

pub(crate) use {per_thread, process_static};

pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn wait_timeout<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>, _: Duration) -> MutexGuard<'a, T> {
    // No time passes in a model: whoever is not woken waits for ever, and that is found.
    wait(condvar, guard)
}
