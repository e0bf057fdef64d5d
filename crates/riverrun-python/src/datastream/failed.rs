//! An exception in a place where the engine takes no error.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

/// What was raised first where the engine takes no error, in the functions of one job: it is kept for the end of that.
#[derive(Default)]
pub(crate) struct Failed(Mutex<Option<PyErr>>);

impl Failed {
    pub(crate) fn keep(&self, error: PyErr) {
        // Made now, so that no Python code runs while the lock is held.
        Python::attach(|py| drop(error.value(py).clone()));
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            *kept = Some(error);
            return;
        }
        // The end of an exception can run code of the user's, which may come here again.
        drop(kept);
        drop(error);
    }

    pub(crate) fn raised(&self, py: Python<'_>) -> Option<PyErr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|error| error.clone_ref(py))
    }
}
