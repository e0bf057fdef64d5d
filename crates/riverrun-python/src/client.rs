//! Where a runner is bound to: options as Python gives them.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use riverrun::client::{Client, ClientOptions, ProtocolKind};
use riverrun::runner::Batching;

use crate::error::caused;
use crate::error::python::{BadInput, BadInputType};

/// The value under a key, if there is one that is not `None`.
///
/// # Errors
/// It is of another type.
pub(crate) fn optional<'py, T: for<'a> FromPyObject<'a, 'py, Error: Into<PyErr>>>(
    arguments: &Bound<'py, PyDict>, key: &str,
) -> PyResult<Option<T>> {
    let Some(value) = arguments.get_item(key)?.filter(|value| !value.is_none()) else { return Ok(None) };
    match value.extract::<T>() {
        Ok(value) => Ok(Some(value)),
        Err(cause) => {
            let message = format!("{key} cannot be {}", value.repr()?);
            Err(caused(arguments.py(), BadInputType::new_err(message), cause.into()))
        }
    }
}

/// How a runner batches; absent is the default.
pub(crate) fn batching(arguments: &Bound<'_, PyDict>) -> PyResult<Batching> {
    let mut batching = Batching::default();
    if let Some(items) = optional(arguments, "max_batch_size")? {
        batching = batching.max_batch_size(at_least_one("max_batch_size", items)?);
    }
    if let Some(cost) = optional(arguments, "max_batch_cost")? {
        batching = batching.max_batch_cost(at_least_one("max_batch_cost", cost)?);
    }
    if let Some(milliseconds) = optional::<f64>(arguments, "max_latency_ms")? {
        batching = batching.max_latency(seconds("max_latency_ms", milliseconds / 1000.0)?);
    }
    if let Some(requests) = optional(arguments, "max_queue")? {
        batching = batching.max_queue(at_least_one("max_queue", requests)?);
    }
    if let Some(timeout) = optional(arguments, "timeout")? {
        batching = batching.timeout(seconds("timeout", timeout)?);
    }
    Ok(batching)
}

/// How many results a runner remembers; none unless it is said.
pub(crate) fn cached(batching: &Bound<'_, PyDict>) -> PyResult<usize> {
    Ok(optional(batching, "cached")?.unwrap_or_default())
}

/// How a runner is bound to a service; absent is the default.
pub(crate) fn options(urls: Vec<String>, arguments: &Bound<'_, PyDict>) -> PyResult<ClientOptions> {
    let mut options = ClientOptions::from(urls);
    if let Some(name) = optional::<String>(arguments, "protocol")? {
        options = options.protocol(protocol(&name)?);
    }
    if let Some(model) = optional::<String>(arguments, "model")? {
        options = options.model(model);
    }
    if let Some(argument) = optional::<String>(arguments, "argument")? {
        options = options.argument(argument);
    }
    if optional(arguments, "lazy")? == Some(true) {
        options = options.lazy();
    }
    if let Some(timeout) = optional(arguments, "timeout")? {
        options = options.timeout(seconds("timeout", timeout)?);
    }
    if let Some(timeout) = optional(arguments, "attempt_timeout")? {
        options = options.attempt_timeout(seconds("attempt_timeout", timeout)?);
    }
    if let Some(timeout) = optional(arguments, "connect_timeout")? {
        options = options.connect_timeout(seconds("connect_timeout", timeout)?);
    }
    if let Some(token) = optional::<String>(arguments, "bearer_token")? {
        options = options.bearer_token(token);
    }
    for (name, value) in optional::<Vec<(String, String)>>(arguments, "headers")?.unwrap_or_default() {
        options = options.header(name, value);
    }
    if let Some(path) = optional::<PathBuf>(arguments, "root_certificates")? {
        options = options.root_certificates(path);
    }
    Ok(options)
}

fn protocol(name: &str) -> PyResult<ProtocolKind> {
    match name.to_lowercase().as_str() {
        "riverrun" => Ok(ProtocolKind::Riverrun),
        "kserve" => Ok(ProtocolKind::Kserve),
        "bentoml" => Ok(ProtocolKind::Bentoml),
        "plain" => Ok(ProtocolKind::Plain),
        _ => Err(BadInput::new_err(format!(
            "protocol must be \"riverrun\", \"kserve\", \"bentoml\" or \"plain\", not {name:?}"
        ))),
    }
}

pub(crate) fn at_least_one(name: &str, value: usize) -> PyResult<usize> {
    if value == 0 { Err(BadInput::new_err(format!("{name} must be at least 1"))) } else { Ok(value) }
}

pub(crate) fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value)
        .map_err(|_| BadInput::new_err(format!("{name} must be a time that is not negative, not {value}")))
}

/// What was agreed on with the service, as a dictionary.
pub(crate) fn info<'py>(py: Python<'py>, client: &Client) -> PyResult<Bound<'py, PyDict>> {
    let info = client.info();
    let dict = PyDict::new(py);
    dict.set_item("protocol", info.protocol.map(|protocol| protocol.to_string()))?;
    dict.set_item("endpoints", info.endpoints.iter().map(|url| url.to_string()).collect::<Vec<_>>())?;
    dict.set_item("route", info.route)?;
    dict.set_item("model", info.model.as_deref())?;
    dict.set_item("methods", info.methods)?;
    Ok(dict)
}
