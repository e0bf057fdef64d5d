//! Which threads are inside the user's Python code.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

/// By what Python calls them.
static THREADS: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

thread_local! {
    static IDENT: Cell<Option<u64>> = const { Cell::new(None) };
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

fn threads() -> MutexGuard<'static, BTreeSet<u64>> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The calling thread is inside the user's code until this goes.
pub(super) struct Inside(Option<u64>);

impl Inside {
    pub(super) fn enter(py: Python<'_>) -> Self {
        if IDENT.get().is_none() {
            let ident = || py.import("_thread")?.getattr("get_ident")?.call0()?.extract();
            // Without a name it cannot be told to leave; nothing else hangs on that.
            IDENT.set(ident().ok());
        }
        DEPTH.set(DEPTH.get() + 1);
        if let (Some(ident), 1) = (IDENT.get(), DEPTH.get()) {
            threads().insert(ident);
        }
        Self(IDENT.get())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        if let (Some(ident), 0) = (self.0, DEPTH.get()) {
            threads().remove(&ident);
        }
    }
}

/// The threads of jobs that are inside the user's code, as `_thread.get_ident` names them.
#[pyfunction]
pub(crate) fn threads_inside() -> Vec<u64> {
    // A forked child has none of the threads of its parent.
    if crate::forked::check().is_err() {
        return Vec::new();
    }
    threads().iter().copied().collect()
}
