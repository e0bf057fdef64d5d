//! Waiting without the interpreter, and without being deaf to Ctrl-C.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

use crate::error::python::InternalError;
use crate::{forked, gate};

/// How often a waiting main thread looks whether Ctrl-C was pressed.
const SLICE: Duration = Duration::from_millis(50);

thread_local! {
    static IS_MAIN: Cell<Option<bool>> = const { Cell::new(None) };
    static COMPUTES: Cell<bool> = const { Cell::new(false) };
}

/// Where the futures of callers are polled. They compute nothing there.
fn runtime() -> PyResult<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    forked::claim()?;
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let made = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("riverrun-python")
        .enable_time()
        .build()
        .map_err(unstartable)?;
    Ok(RUNTIME.get_or_init(|| made))
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn unstartable(error: std::io::Error) -> PyErr {
    InternalError::new_err(format!("a thread cannot be started: {error}; raise the limit of threads"))
}

/// Whether the calling thread is the one that Python tells of Ctrl-C.
pub(crate) fn is_main(py: Python<'_>) -> PyResult<bool> {
    if let Some(known) = IS_MAIN.get() {
        return Ok(known);
    }
    let threading = py.import("threading")?;
    let main = threading.call_method0("main_thread")?.is(threading.call_method0("current_thread")?);
    IS_MAIN.set(Some(main));
    Ok(main)
}

/// Marks the calling thread, while `compute` runs, as one that has a compute permit.
pub(crate) fn computing<T>(compute: impl FnOnce() -> T) -> T {
    let before = COMPUTES.replace(true);
    let result = compute();
    COMPUTES.set(before);
    result
}

/// Whether the calling thread should wait by [`wait`]: it is told of Ctrl-C, and lends nobody a compute permit while it waits.
///
/// Other threads block in Rust, and compute there when a permit is idle.
pub(crate) fn listens(py: Python<'_>) -> PyResult<bool> {
    Ok(!COMPUTES.get() && is_main(py)?)
}

/// Waits for `future`, which other threads complete.
///
/// # Errors
/// What a signal handler raises (`KeyboardInterrupt`); the future is dropped then.
pub(crate) fn wait<T: Send + 'static>(py: Python<'_>, future: impl Future<Output = T> + Send + 'static) -> PyResult<T> {
    let (done, told) = sync_channel(1);
    let task = runtime()?.spawn(async move {
        // Nobody listens any more: then it does not matter.
        let _ = done.send(future.await);
    });
    listen(py, told).inspect_err(|_| task.abort())
}

/// Waits for what is told, and hears signals meanwhile.
fn listen<T: Send + 'static>(py: Python<'_>, mut told: Receiver<T>) -> PyResult<T> {
    loop {
        let (outcome, back) = py.detach(move || (told.recv_timeout(SLICE), told));
        told = back;
        match outcome {
            Ok(value) => return Ok(value),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(InternalError::new_err("a call ended without an answer; its panic is on standard error"));
            }
        }
    }
}

/// Does `work`, which takes long and blocks: on a thread of its own where the calling one is told of Ctrl-C, otherwise on that. After Ctrl-C
/// it goes on without anybody who waits for it.
///
/// # Errors
/// What a signal handler raises; no thread can be started.
pub(crate) fn blocking<T: Send + 'static>(py: Python<'_>, work: impl FnOnce() -> T + Send + 'static) -> PyResult<T> {
    if !listens(py)? {
        return Ok(py.detach(work));
    }
    // Not one of the runtime's, which a forked child would miss: a program may import a model, and fork.
    let (done, told) = sync_channel(1);
    thread::Builder::new().name("riverrun-work".into()).spawn(move || done.send(work())).map_err(unstartable)?;
    listen(py, told)
}

/// A call that was begun.
#[pyclass(frozen, module = "riverrun._native")]
pub(crate) struct Task {
    abort: AbortHandle,
}

#[pymethods]
impl Task {
    /// Gives it up: what is not computed yet never will be.
    fn cancel(&self) {
        self.abort.abort();
    }
}

/// Begins `future` and has `on_done(result, None)` or `on_done(None, exception)` called when it is done, on a thread of Rust.
pub(crate) fn begin<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static, on_done: Py<PyAny>,
    convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> PyResult<Task> {
    let task = runtime()?.spawn(async move {
        let value = future.await;
        gate::attach(|py| {
            let told = match convert(py, value) {
                Ok(result) => on_done.call1(py, (result, py.None())),
                Err(error) => on_done.call1(py, (py.None(), error.into_value(py))),
            };
            if let Err(error) = told {
                error.write_unraisable(py, Some(on_done.bind(py)));
            }
        });
    });
    Ok(Task { abort: task.abort_handle() })
}
