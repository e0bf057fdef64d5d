//! The connections to one endpoint, and requests on them.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};

use super::connect::{Sender, connect};
use super::failure::Failure;
use super::tls::Tls;
use crate::endpoint::Address;
use crate::sync::lock;

/// A request; sending it again costs no copy of its body.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Outgoing {
    pub(crate) fn get(target: impl Into<String>, headers: HeaderMap) -> Self {
        Self { method: Method::GET, target: target.into(), headers, body: Bytes::new() }
    }
}

/// A whole reply.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The media type, without its parameters, in lower case.
    pub(crate) fn media_type(&self) -> Option<String> {
        let value = self.headers.get(http::header::CONTENT_TYPE)?.to_str().ok()?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct PoolSettings {
    pub(crate) connect_timeout: Duration,
    /// A connection older than that is closed after its request: the next one resolves the name again.
    pub(crate) max_age: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) max_reply_bytes: usize,
}

struct Idle {
    sender: Sender,
    born: Instant,
    since: Instant,
}

pub(crate) struct Pool {
    address: Address,
    host: HeaderValue,
    tls: Option<Tls>,
    settings: PoolSettings,
    idle: Mutex<Vec<Idle>>,
}

impl Pool {
    pub(crate) fn new(address: Address, tls: Option<Tls>, settings: PoolSettings) -> Self {
        let host = HeaderValue::try_from(address.authority()).unwrap_or(HeaderValue::from_static("localhost"));
        Self { address, host, tls, settings, idle: Mutex::default() }
    }

    /// Sends a request and waits for its whole reply until `deadline`. Dropping the future closes the connection, which
    /// is how the service learns that nobody waits.
    pub(crate) async fn send(&self, outgoing: &Outgoing, deadline: Instant) -> Result<Reply, Failure> {
        match tokio::time::timeout_at(deadline.into(), self.exchange(outgoing)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::Late),
        }
    }

    async fn exchange(&self, outgoing: &Outgoing) -> Result<Reply, Failure> {
        let mut broken = None;
        while let Some(idle) = self.take() {
            match self.on(idle.sender, idle.born, outgoing).await {
                Ok(reply) => return Ok(reply),
                // Closed while it was idle: the next one is tried.
                Err(Attempt::Unsent(_)) => {}
                // Closed after the request was written: it may have been idle for too long, or the service may have died
                // of this very request. A new connection tells which.
                Err(Attempt::Unanswered(failure)) => {
                    broken = Some(failure);
                    break;
                }
                Err(Attempt::Answered(failure)) => return Err(failure),
            }
        }
        let connected = connect(self.address.place(), self.tls.as_ref(), self.settings.connect_timeout).await;
        let sender = connected.map_err(|reason| broken.unwrap_or(Failure::Unreachable(reason)))?;
        self.on(sender, Instant::now(), outgoing).await.map_err(Attempt::into_failure)
    }

    async fn on(&self, mut sender: Sender, born: Instant, outgoing: &Outgoing) -> Result<Reply, Attempt> {
        sender.ready().await.map_err(|error| Attempt::Unsent(error.into()))?;
        let request = self.request(outgoing);
        let response = sender.try_send_request(request).await.map_err(|mut error| {
            let unsent = error.take_message().is_some();
            let error = error.into_error();
            if unsent {
                Attempt::Unsent(error.into())
            } else if error.is_parse() {
                Attempt::Answered(error.into())
            } else {
                Attempt::Unanswered(error.into())
            }
        })?;
        let reply = self.read(response).await.map_err(Attempt::Answered)?;
        self.give_back(sender, born);
        Ok(reply)
    }

    fn request(&self, outgoing: &Outgoing) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(outgoing.body.clone()));
        *request.method_mut() = outgoing.method.clone();
        if let Ok(target) = outgoing.target.parse() {
            *request.uri_mut() = target;
        }
        *request.headers_mut() = outgoing.headers.clone();
        request.headers_mut().insert(HOST, self.host.clone());
        request
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Reply, Failure> {
        let limit = self.settings.max_reply_bytes;
        let too_large = || Failure::Malformed(format!("its reply is larger than {limit} bytes"));
        let (head, mut body) = response.into_parts();
        if let Some(length) = head.headers.get(CONTENT_LENGTH)
            && length.to_str().ok().and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > limit)
        {
            return Err(too_large());
        }
        let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(limit);
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if first.len() + rest.len() + data.len() > limit {
                return Err(too_large());
            }
            if first.is_empty() && rest.is_empty() {
                first = data;
            } else {
                if rest.is_empty() {
                    rest.reserve(expected.max(first.len() + data.len()));
                    rest.extend_from_slice(&first);
                    first = Bytes::new();
                }
                rest.extend_from_slice(&data);
            }
        }
        // A reply in one frame, as most are, is not copied.
        let body = if rest.is_empty() { first } else { rest.freeze() };
        Ok(Reply { status: head.status, headers: head.headers, body })
    }

    fn take(&self) -> Option<Idle> {
        let now = Instant::now();
        let mut idle = lock(&self.idle);
        while let Some(connection) = idle.pop() {
            if !self.is_over(&connection, now) {
                return Some(connection);
            }
        }
        None
    }

    fn is_over(&self, connection: &Idle, now: Instant) -> bool {
        connection.sender.is_closed()
            || now.duration_since(connection.born) >= self.settings.max_age
            || now.duration_since(connection.since) >= self.settings.idle_timeout
    }

    fn give_back(&self, sender: Sender, born: Instant) {
        let connection = Idle { sender, born, since: Instant::now() };
        let mut idle = lock(&self.idle);
        // The longest idle are at the front; the last used is used next.
        let now = connection.since;
        idle.retain(|other| !self.is_over(other, now));
        if !self.is_over(&connection, now) {
            idle.push(connection);
        }
    }

    /// Closes connections that wait for requests: what they lead to is gone.
    pub(crate) fn clear(&self) {
        lock(&self.idle).clear();
    }
}

/// How far a request came on a connection that broke.
enum Attempt {
    Unsent(Failure),
    Unanswered(Failure),
    Answered(Failure),
}

impl Attempt {
    fn into_failure(self) -> Failure {
        match self {
            Self::Unsent(failure) | Self::Unanswered(failure) | Self::Answered(failure) => failure,
        }
    }
}
