//! [`ServiceServer`]: the server, on threads of its own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use riverrun::service::{Address, BoundServer, Endpoint, Fault, RawRequest, Running, ServiceError, start_logging};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};

use super::lane::{Lane, Mail};
use super::options::{self, Described};
use super::request::ServiceRequest;
use crate::client::optional;
use crate::error::python::{BadInput, InternalError, StateError};
use crate::{forked, waiting};

/// What Python answers a request with.
pub(super) type Answer = Result<Response<Bytes>, Fault>;

/// How long the threads of a server that has drained may take to end.
const LEAVING: Duration = Duration::from_secs(1);

/// A server that has its address, answers once it is started, and does so until it is shut down.
#[pyclass(frozen, module = "riverrun._native")]
pub(crate) struct ServiceServer {
    stage: Mutex<Stage>,
    addresses: Vec<String>,
}

enum Stage {
    Bound(BoundServer, Runtime),
    Serving(Running, Runtime),
    Ended,
}

#[pymethods]
impl ServiceServer {
    /// Takes the address. Requests for coroutine functions will go to `coroutines`, those for other functions to `functions`.
    #[new]
    #[allow(clippy::too_many_arguments, reason = "it is called by one place in Python, by name")]
    fn new(
        py: Python<'_>, name: String, host: &str, port: Option<u16>, endpoints: Vec<Described>, functions: &Lane,
        coroutines: &Lane, options: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        forked::claim()?;
        let server = options::server(host, port, options)?;
        let scheme = if optional::<PathBuf>(options, "tls_cert")?.is_some() { "https" } else { "http" };
        if optional(options, "access_log")? == Some(true) {
            start_logging(true);
        }
        let handlers = Arc::new(Handlers::new(options::max_concurrency(options)?));
        let mut service = options::service(name, options)?;
        for (index, endpoint) in endpoints.into_iter().enumerate() {
            let lane = if endpoint.is_async { coroutines } else { functions };
            let (input, output) = (endpoint.input()?, endpoint.output()?);
            let handler = handlers.clone().endpoint(index, lane.clone(), endpoint.is_async);
            let handler = handler.summary(endpoint.summary).description(endpoint.description);
            service = service.endpoint(endpoint.route, handler.input_content(input).output_content(output));
        }
        let runtime =
            Builder::new_multi_thread().thread_name("riverrun-service").enable_all().build().map_err(|error| {
                InternalError::new_err(format!("a thread cannot be started: {error}; raise the limit of threads"))
            })?;
        let bound = py.detach(|| runtime.block_on(server.bind(service))).map_err(|error| refused(&error))?;
        let addresses = bound.addresses().into_iter().map(|address| match address {
            Address::Tcp(address) => format!("{scheme}://{address}"),
            Address::Unix(path) => format!("unix:{}", path.display()),
        });
        let addresses = addresses.collect();
        Ok(Self { stage: Mutex::new(Stage::Bound(bound, runtime)), addresses })
    }

    /// Where it listens, as URLs.
    #[getter]
    fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }

    /// Begins to answer.
    fn start(&self) -> PyResult<()> {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *stage, Stage::Ended) {
            Stage::Bound(bound, runtime) => {
                let running = {
                    let _inside = runtime.enter();
                    bound.start()
                };
                *stage = Stage::Serving(running, runtime);
                Ok(())
            }
            other => {
                *stage = other;
                Err(StateError::new_err("the server was started already"))
            }
        }
    }

    /// Drains and ends; what became of it, in words, or nothing if it did not answer. Signals are looked at meanwhile.
    fn shutdown(&self, py: Python<'_>) -> PyResult<Option<String>> {
        forked::check()?;
        match self.end() {
            Stage::Serving(running, runtime) => {
                let summary = waiting::wait(py, running.shutdown());
                // Also where a signal cut the wait short: it ends what is left.
                py.detach(|| runtime.shutdown_timeout(LEAVING));
                Ok(Some(summary?.to_string()))
            }
            stage => {
                py.detach(|| stage.abandon());
                Ok(None)
            }
        }
    }
}

impl ServiceServer {
    fn end(&self) -> Stage {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *stage, Stage::Ended)
    }
}

impl Stage {
    /// Ends it without waiting for anything.
    fn abandon(self) {
        match self {
            Self::Bound(bound, runtime) => {
                drop(bound);
                runtime.shutdown_background();
            }
            Self::Serving(running, runtime) => {
                drop(running);
                runtime.shutdown_background();
            }
            Self::Ended => {}
        }
    }
}

impl Drop for ServiceServer {
    fn drop(&mut self) {
        self.end().abandon();
    }
}

fn refused(error: &ServiceError) -> PyErr {
    let message = error.to_string();
    match error {
        ServiceError::PortInUse { .. } | ServiceError::Listen { .. } => StateError::new_err(message),
        _ => BadInput::new_err(message),
    }
}

/// What the endpoints of a server share.
struct Handlers {
    room: Arc<Semaphore>,
    concurrency: usize,
    requests: AtomicU64,
}

impl Handlers {
    fn new(concurrency: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(concurrency)), concurrency, requests: AtomicU64::new(0) }
    }

    fn endpoint(self: Arc<Self>, index: usize, lane: Lane, tells: bool) -> Endpoint {
        Endpoint::raw(move |request| {
            let (handlers, lane) = (self.clone(), lane.clone());
            async move { handlers.answer(index, lane, tells, request).await }
        })
    }

    async fn answer(
        &self, endpoint: usize, lane: Lane, tells: bool, request: RawRequest,
    ) -> Result<Response<Full<Bytes>>, Fault> {
        let admitted = self.room.clone().try_acquire_owned().map_err(|_| Fault::Overloaded {
            reason: format!("the service has the {} requests that it may have at a time", self.concurrency),
            retry_after: Duration::from_secs(1),
        })?;
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        let mut patience = Patience { lane: tells.then(|| lane.clone()), number };
        lane.push(Mail::Request(Box::new(ServiceRequest::new(number, endpoint, request, reply, admitted))));
        let answer = answer.await;
        patience.lane = None;
        answer
            .unwrap_or_else(|_| Err(Fault::internal("the service ended before the handler had answered")))
            .map(|response| response.map(Full::new))
    }
}

/// Tells, when it is dropped too early, that nobody waits any more, so that a coroutine can be cancelled. A function cannot.
struct Patience {
    lane: Option<Lane>,
    number: u64,
}

impl Drop for Patience {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            lane.push(Mail::Abandoned(self.number));
        }
    }
}
