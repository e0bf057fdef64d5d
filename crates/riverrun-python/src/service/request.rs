//! [`ServiceRequest`]: a request as Python has it, and its answer.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use riverrun::service::{Fault, RawRequest};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::server::Answer;
use crate::error::python::{BadInput, StateError};

/// A request to an endpoint, which wants one answer. One that ends without is a fault of the service.
#[pyclass(frozen, module = "riverrun._native")]
pub(crate) struct ServiceRequest {
    number: u64,
    endpoint: usize,
    request: RawRequest,
    reply: Mutex<Option<oneshot::Sender<Answer>>>,
    _admitted: OwnedSemaphorePermit,
}

impl ServiceRequest {
    pub(super) fn new(
        number: u64, endpoint: usize, request: RawRequest, reply: oneshot::Sender<Answer>,
        admitted: OwnedSemaphorePermit,
    ) -> Self {
        Self { number, endpoint, request, reply: Mutex::new(Some(reply)), _admitted: admitted }
    }

    fn reply(&self, answer: Answer) -> PyResult<bool> {
        let reply = self.reply.lock().unwrap_or_else(PoisonError::into_inner).take();
        let reply = reply.ok_or_else(|| StateError::new_err("the request has its answer already"))?;
        Ok(reply.send(answer).is_ok())
    }
}

#[pymethods]
impl ServiceRequest {
    /// Whether nobody waits for its answer.
    #[getter]
    pub(super) fn is_abandoned(&self) -> bool {
        let reply = self.reply.lock().unwrap_or_else(PoisonError::into_inner);
        reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Tells it from all others of the server.
    #[getter]
    fn number(&self) -> u64 {
        self.number
    }

    /// Which of the server's endpoints it is for.
    #[getter]
    fn endpoint(&self) -> usize {
        self.endpoint
    }

    /// What the logs call it.
    #[getter]
    fn id(&self) -> &str {
        self.request.context().id()
    }

    /// What is behind the path, without the question mark.
    #[getter]
    fn query(&self) -> &str {
        self.request.uri().query().unwrap_or_default()
    }

    /// Names, in lower case, and values.
    #[getter]
    fn headers(&self) -> Vec<(String, String)> {
        let latin1 = |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
        self.request.headers().iter().map(|(name, value)| (name.as_str().to_owned(), latin1(value))).collect()
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.request.body())
    }

    /// Answers; whether anybody still waited.
    fn answer(&self, status: u16, headers: Vec<(String, String)>, body: PyBackedBytes) -> PyResult<bool> {
        let mut response = Response::new(Bytes::from_owner(body));
        *response.status_mut() = StatusCode::from_u16(status)
            .map_err(|_| BadInput::new_err(format!("{status} is no status of HTTP; it is a number from 100 to 999")))?;
        for (name, value) in headers {
            let unfit = || BadInput::new_err(format!("{name:?}: {value:?} cannot be a header"));
            let header = HeaderName::try_from(&name).map_err(|_| unfit())?;
            response.headers_mut().append(header, HeaderValue::try_from(&value).map_err(|_| unfit())?);
        }
        self.reply(Ok(response))
    }

    /// Answers with an error that is the caller's, and what is wrong.
    fn refuse(&self, status: u16, message: String) -> PyResult<bool> {
        self.reply(Err(match StatusCode::from_u16(status) {
            Ok(StatusCode::BAD_REQUEST) => Fault::malformed(message),
            Ok(StatusCode::UNPROCESSABLE_ENTITY) => Fault::invalid_input(message),
            Ok(StatusCode::TOO_MANY_REQUESTS) => {
                Fault::Overloaded { reason: message, retry_after: Duration::from_secs(1) }
            }
            Ok(status) if status.is_client_error() || status.is_server_error() => Fault::Other { status, message },
            _ => return Err(BadInput::new_err(format!("{status} is no status of an error"))),
        }))
    }

    /// Answers that the service failed; `detail` is for the log.
    fn fail(&self, detail: String) -> PyResult<bool> {
        self.reply(Err(Fault::internal(detail)))
    }
}
