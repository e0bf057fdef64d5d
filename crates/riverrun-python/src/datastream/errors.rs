//! Python exceptions through the engine, and the engine's errors as Python exceptions.

use std::fmt;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use riverrun::stream::{Error, FunctionError};

/// An exception of the user's on its way through the engine, traceback and all.
#[derive(Debug)]
pub(crate) struct Raised(PyErr);

impl Raised {
    pub(crate) fn exception(&self, py: Python<'_>) -> PyErr {
        self.0.clone_ref(py)
    }
}

impl fmt::Display for Raised {
    /// `ValueError: what it says`, and the line it was raised in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Python::attach(|py| write!(f, "{}{}", self.0, place(py, &self.0).unwrap_or_default()))
    }
}

impl std::error::Error for Raised {}

/// The innermost line of the traceback.
fn place(py: Python<'_>, error: &PyErr) -> Option<String> {
    let mut traceback = error.traceback(py)?.into_any();
    while let Some(next) = traceback.getattr("tb_next").ok().filter(|next| !next.is_none()) {
        traceback = next;
    }
    let line: usize = traceback.getattr("tb_lineno").ok()?.extract().ok()?;
    let code = traceback.getattr("tb_frame").ok()?.getattr("f_code").ok()?;
    let file: String = code.getattr("co_filename").ok()?.extract().ok()?;
    let function: String = code.getattr("co_name").ok()?.extract().ok()?;
    Some(format!(" (in `{function}`, {file}:{line})"))
}

/// An exception as the failure of a task.
pub(crate) fn raised(error: PyErr) -> FunctionError {
    FunctionError::from(Raised(error))
}

/// The failure of a call into the engine as an exception.
pub(crate) fn in_call(error: &FunctionError) -> PyErr {
    if let Some(raised) = error.source().and_then(|source| source.downcast_ref::<Raised>()) {
        return Python::attach(|py| raised.exception(py));
    }
    PyRuntimeError::new_err(error.to_string())
}

/// What should not happen, as an exception.
pub(crate) fn internal(error: impl fmt::Display) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

/// The end of a job as an exception: `JobExecutionError`, its cause the user's own; `JobCancelledError`; `BadInput` for a mistake in the
/// program.
pub(crate) fn of_job(py: Python<'_>, error: &Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Job { cause, .. } => {
            let exception = job_exception(py, "JobExecutionError", message);
            if let Some(raised) = cause.source().and_then(|source| source.downcast_ref::<Raised>()) {
                exception.set_cause(py, Some(raised.exception(py)));
            }
            exception
        }
        Error::Cancelled { .. } => job_exception(py, "JobCancelledError", message),
        Error::Host { .. } => job_exception(py, "JobExecutionError", message),
        _ => crate::error::python::BadInput::new_err(message),
    }
}

fn job_exception(py: Python<'_>, name: &str, message: String) -> PyErr {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || py.import("riverrun.datastream.exceptions").map(Bound::unbind));
    match module.and_then(|module| module.bind(py).getattr(name)?.call1((message,))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}
