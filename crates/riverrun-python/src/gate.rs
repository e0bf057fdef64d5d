//! The end of the interpreter, as threads of Rust meet it.
//!
//! Python ends a thread that takes or gives back the interpreter while it is being shut down, which code in Rust does not survive. So threads
//! of Rust go through a gate on their way into it; the shutdown closes the gate once they have come out, and who comes later waits for
//! the end of the process.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::error::python::StateError;
use crate::waiting;

/// Who is inside reads it.
static GATE: RwLock<()> = RwLock::new(());

/// Whether nobody comes in any more, though some may still be inside.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// How long the shutdown waits for those inside, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(2);

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The thread that shuts the interpreter down may do so from within.
    static CLOSED_IT: Cell<bool> = const { Cell::new(false) };
}

/// Does `work` with the interpreter, on a thread that does not have it yet, or has it by this.
pub(crate) fn attach<R>(work: impl for<'py> FnOnce(Python<'py>) -> R) -> R {
    let inside = Inside::enter();
    let result = Python::attach(work);
    drop(inside);
    result
}

/// The calling thread is inside until this goes.
struct Inside(#[allow(dead_code, reason = "held so that the gate stays open")] Option<RwLockReadGuard<'static, ()>>);

impl Inside {
    fn enter() -> Self {
        let guard = if DEPTH.get() > 0 || CLOSED_IT.get() { None } else { Some(open()) };
        DEPTH.set(DEPTH.get() + 1);
        Self(guard)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

fn open() -> RwLockReadGuard<'static, ()> {
    let guard = GATE.read().unwrap_or_else(PoisonError::into_inner);
    if !CLOSED.load(Ordering::Acquire) {
        return guard;
    }
    drop(guard);
    loop {
        thread::park();
    }
}

/// Refuses what would have a thread of Rust call Python, which none does any more once the gate is closed: the main thread would wait for it
/// for ever. Another thread, a daemon by then, may: it ends with the process, and without a word.
///
/// # Errors
/// The interpreter is being shut down.
pub(crate) fn check(py: Python<'_>) -> PyResult<()> {
    if !CLOSED.load(Ordering::Acquire) || !waiting::is_main(py)? {
        return Ok(());
    }
    Err(StateError::new_err(
        "the interpreter is being shut down, and no thread calls Python code any more; do this before the program ends, or in a \
         function given to `atexit.register` after `import riverrun`",
    ))
}

/// Closes the gate and waits until nobody is inside, for two seconds at most.
#[pyfunction]
pub(crate) fn close_gate(py: Python<'_>) {
    // A forked child has none of the threads of its parent.
    if crate::forked::check().is_err() {
        return;
    }
    CLOSED_IT.set(true);
    let until = Instant::now() + PATIENCE;
    py.detach(|| {
        // Not `write`: those who wait for that would keep threads out that are inside already.
        while Instant::now() < until {
            // Who is inside may wait for another who has to come in, so that is let in at first. But threads that take turns would be
            // inside for ever.
            if until.saturating_duration_since(Instant::now()) < PATIENCE / 2 {
                CLOSED.store(true, Ordering::Release);
            }
            match GATE.try_write() {
                Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
                _nobody_inside => {
                    CLOSED.store(true, Ordering::Release);
                    return;
                }
            }
        }
    });
}
