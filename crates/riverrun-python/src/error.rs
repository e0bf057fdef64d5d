//! Errors of the Rust side as exceptions of `riverrun.exceptions`.

use pyo3::exceptions::PyNotADirectoryError;
use pyo3::prelude::*;
use riverrun::client::ClientError;
use riverrun::inference::InferenceError;
use riverrun::model::Error;
use riverrun::runner::RunnerError;

/// The classes, which are written in Python.
pub(crate) mod python {
    use pyo3::import_exception;

    import_exception!(riverrun.exceptions, AlreadyExists);
    import_exception!(riverrun.exceptions, BadInput);
    import_exception!(riverrun.exceptions, BadInputType);
    import_exception!(riverrun.exceptions, ComputeError);
    import_exception!(riverrun.exceptions, InternalError);
    import_exception!(riverrun.exceptions, ModelError);
    import_exception!(riverrun.exceptions, NotFound);
    import_exception!(riverrun.exceptions, QueueFull);
    import_exception!(riverrun.exceptions, RemoteError);
    import_exception!(riverrun.exceptions, RiverrunError);
    import_exception!(riverrun.exceptions, StateError);
    import_exception!(riverrun.exceptions, StoreError);
    import_exception!(riverrun.exceptions, TimedOut);
    import_exception!(riverrun.exceptions, UnknownMethod);
}

use python::{
    AlreadyExists, BadInput, ComputeError, ModelError, NotFound, QueueFull, RemoteError, RiverrunError, StateError,
    StoreError, TimedOut, UnknownMethod,
};

pub(crate) fn of_runner(error: &RunnerError) -> PyErr {
    let message = error.to_string();
    match error {
        RunnerError::NotInitialised { .. }
        | RunnerError::AlreadyInitialised { .. }
        | RunnerError::Closed { .. }
        | RunnerError::BlockingInAsync { .. } => StateError::new_err(message),
        RunnerError::Load { .. } => ModelError::new_err(message),
        RunnerError::InvalidInput { .. } => BadInput::new_err(message),
        RunnerError::Item { .. } => ComputeError::new_err(message),
        RunnerError::QueueFull { .. } => QueueFull::new_err(message),
        RunnerError::TimedOut { .. } => TimedOut::new_err(message),
        RunnerError::Remote { .. } => RemoteError::new_err(message),
        RunnerError::UnknownMethod { .. } => UnknownMethod::new_err(message),
        _ => RiverrunError::new_err(message),
    }
}

pub(crate) fn of_model(py: Python<'_>, error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::NotFound { .. } | Error::NoLatest { .. } | Error::NoSuchFile { .. } => NotFound::new_err(message),
        Error::AlreadyExists { .. } | Error::KeptOtherwise { .. } | Error::FileExists { .. } => {
            AlreadyExists::new_err(message)
        }
        Error::InvalidTag { .. }
        | Error::EmptyVersion { .. }
        | Error::NotExact { .. }
        | Error::ReservedVersion { .. }
        | Error::UnwritableMetadata { .. } => BadInput::new_err(message),
        Error::NotADirectory { path } => {
            caused(py, BadInput::new_err(message), PyNotADirectoryError::new_err(path.display().to_string()))
        }
        Error::NoHome => StoreError::new_err(message),
        Error::Io { source, .. } => caused(py, StoreError::new_err(message), PyErr::from(source)),
        // The others are about what is, or should become, a model.
        _ => ModelError::new_err(message),
    }
}

pub(crate) fn of_inference(error: &InferenceError) -> PyErr {
    match error {
        InferenceError::Runner(error) => of_runner(error),
        InferenceError::WrongTask { .. } | InferenceError::MaxLength { .. } | InferenceError::Option { .. } => {
            BadInput::new_err(error.to_string())
        }
        _ => ModelError::new_err(error.to_string()),
    }
}

pub(crate) fn of_client(error: &ClientError) -> PyErr {
    match error {
        ClientError::Runner(error) => of_runner(error),
        ClientError::NoEndpoints { .. } | ClientError::Url { .. } | ClientError::Option { .. } => {
            BadInput::new_err(error.to_string())
        }
        _ => RemoteError::new_err(error.to_string()),
    }
}

/// `error`, raised from `cause`.
pub(crate) fn caused(py: Python<'_>, error: PyErr, cause: PyErr) -> PyErr {
    error.set_cause(py, Some(cause));
    error
}
