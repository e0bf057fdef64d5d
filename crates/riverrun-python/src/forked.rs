//! A child process made by `fork` has the memory of its parent but none of its threads.

use std::sync::OnceLock;

use pyo3::prelude::*;

use crate::error::python::StateError;

static OWNER: OnceLock<u32> = OnceLock::new();

/// Notes, before the first thread starts, whose process the compute threads are in.
///
/// # Errors
/// Another process's: the calling one was forked from it.
pub(crate) fn claim() -> PyResult<()> {
    same(*OWNER.get_or_init(std::process::id))
}

/// Whether the calling process may compute: no parent of it has started compute threads before the fork.
///
/// # Errors
/// One has. Locks may be held for ever by threads that the child does not have, so going on could hang.
pub(crate) fn check() -> PyResult<()> {
    OWNER.get().map_or(Ok(()), |owner| same(*owner))
}

fn same(owner: u32) -> PyResult<()> {
    if owner == std::process::id() {
        return Ok(());
    }
    Err(StateError::new_err(format!(
        "this process was forked from process {owner} after that had initialised a runner or started a job, whose threads a \
         fork does not copy; do so in the child only, or start it with the `spawn` or `forkserver` method of `multiprocessing`"
    )))
}
