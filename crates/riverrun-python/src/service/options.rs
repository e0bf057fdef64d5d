//! What a server is told: endpoints and limits.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use riverrun::service::{Limits, Server, Service};
use serde_json::Value;

use crate::client::{at_least_one, optional, seconds};
use crate::error::python::{BadInput, InternalError};

/// An endpoint as Python describes it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Described {
    pub(super) route: String,
    /// Whether its function is a coroutine function.
    pub(super) is_async: bool,
    pub(super) summary: String,
    pub(super) description: String,
    /// OpenAPI's `content`, in JSON.
    input: String,
    output: String,
}

impl Described {
    pub(super) fn input(&self) -> PyResult<Value> {
        content(&self.input)
    }

    pub(super) fn output(&self) -> PyResult<Value> {
        content(&self.output)
    }
}

fn content(json: &str) -> PyResult<Value> {
    serde_json::from_str(json)
        .map_err(|error| InternalError::new_err(format!("an endpoint's documentation is no JSON: {error}")))
}

/// The service without its endpoints.
pub(super) fn service(name: String, options: &Bound<'_, PyDict>) -> PyResult<Service> {
    let mut service = Service::new(name).limits(limits(options)?);
    for token in optional::<Vec<String>>(options, "tokens")?.unwrap_or_default() {
        service = service.token(token);
    }
    for origin in optional::<Vec<String>>(options, "cors")?.unwrap_or_default() {
        service = service.allow_origin(origin);
    }
    Ok(service)
}

fn limits(options: &Bound<'_, PyDict>) -> PyResult<Limits> {
    let mut limits = Limits::default();
    if let Some(bytes) = optional(options, "max_body")? {
        limits = limits.max_body(at_least_one("max_body", bytes)?);
    }
    if let Some(timeout) = time(options, "timeout")? {
        limits = limits.timeout(timeout);
    }
    Ok(limits)
}

/// The most requests that handlers have at a time.
pub(super) fn max_concurrency(options: &Bound<'_, PyDict>) -> PyResult<usize> {
    const DEFAULT: usize = 1024;
    let given = optional(options, "max_concurrency")?.map(|requests| at_least_one("max_concurrency", requests));
    Ok(given.transpose()?.unwrap_or(DEFAULT).min(tokio::sync::Semaphore::MAX_PERMITS))
}

/// Where it listens, and how it treats connections.
pub(super) fn server(host: &str, port: Option<u16>, options: &Bound<'_, PyDict>) -> PyResult<Server> {
    let mut server = Server::new();
    if let Some(port) = port {
        server = server.listen(SocketAddr::new(address(host)?, port));
    }
    if let Some(path) = optional::<PathBuf>(options, "unix_socket")? {
        server = server.listen_unix(path);
    }
    match (optional::<PathBuf>(options, "tls_cert")?, optional::<PathBuf>(options, "tls_key")?) {
        (Some(certificate), Some(key)) => server = server.tls(certificate, key),
        (None, None) => {}
        _ => return Err(BadInput::new_err("tls_cert and tls_key are given together, or neither")),
    }
    if let Some(connections) = optional(options, "max_connections")? {
        server = server.max_connections(at_least_one("max_connections", connections)?);
    }
    if let Some(timeout) = time(options, "keep_alive")? {
        server = server.keep_alive(timeout);
    }
    if let Some(timeout) = optional(options, "drain_timeout")? {
        server = server.drain_timeout(seconds("drain_timeout", timeout)?);
    }
    Ok(server)
}

fn address(host: &str) -> PyResult<IpAddr> {
    let host = if host == "localhost" { "127.0.0.1" } else { host };
    host.parse().map_err(|_| {
        BadInput::new_err(format!(
            "host is an IP address of this machine, such as \"127.0.0.1\", or \"0.0.0.0\" for all, not {host:?}"
        ))
    })
}

fn time(options: &Bound<'_, PyDict>, name: &str) -> PyResult<Option<Duration>> {
    let Some(value) = optional(options, name)? else { return Ok(None) };
    let time = seconds(name, value)?;
    if time.is_zero() { Err(BadInput::new_err(format!("{name} must be a time above 0"))) } else { Ok(Some(time)) }
}
