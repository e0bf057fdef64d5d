//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::future::BoxFuture;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::time::Instant;
use tower::Service as _;

use super::Server;
use super::activity::{Activity, Patience, UnderWay};
use super::drain::{Phase, Phases};
use super::listener::Duplex;
use super::socket::Socket;
use crate::guarded::{Guard, Guarded};

/// How long a connection without a request may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// How the HTTP library is to treat all connections of a server.
pub(super) fn builder(server: &Server) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // The watch over idle connections is `Activity`'s: this time-out also runs between two requests.
        .header_read_timeout(None)
        .max_headers(server.max_headers)
        .max_buf_size(server.max_header_bytes.max(8 << 10));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(server.max_streams)
        .max_header_list_size(u32::try_from(server.max_header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// Serves a connection until the client or the server ends it.
pub(super) async fn serve(
    stream: Box<dyn Duplex>, activity: Arc<Activity>, builder: &Builder<TokioExecutor>, router: Router,
    server: &Server, mut phases: Phases,
) {
    let patience = Patience { head: server.header_timeout, idle: server.keep_alive };
    let service = Requests {
        router,
        activity: activity.clone(),
        phases: phases.clone(),
        max_requests: server.max_requests.unwrap_or(u64::MAX),
    };
    let socket = Socket::new(stream, activity.clone(), server.write_timeout);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
    let beat = (patience.head.min(patience.idle) / 4).clamp(Duration::from_millis(20), Duration::from_secs(5));
    let mut ticks = tokio::time::interval(beat);
    // Whether it was asked to end, and when it has to have done so, unless requests are under way.
    let mut asked = false;
    let mut by: Option<Instant> = None;
    loop {
        let end = tokio::select! {
            done = connection.as_mut() => {
                if let Err(error) = done {
                    tracing::debug!(target: "riverrun::connection", peer = %activity.peer(), %error, "connection ended");
                }
                return;
            }
            () = tokio::time::sleep_until(by.unwrap_or_else(Instant::now)), if by.is_some() => {
                if activity.under_way() == 0 {
                    return;
                }
                by = Some(Instant::now() + GOODBYE);
                false
            }
            _ = ticks.tick() => {
                let expired = !asked && activity.is_expired(patience);
                if expired && activity.give_up_on_head() {
                    return;
                }
                expired
            }
            () = activity.closed() => true,
            phase = phases.changed() => match phase {
                Phase::Serving => false,
                // A client that is about to send on an idle connection still gets its answer.
                Phase::Refusing => activity.under_way() > 0 || activity.speaks_http2(),
                // So does one that has just connected.
                Phase::Closing => {
                    by = Some(Instant::now() + GOODBYE);
                    activity.requests() > 0 || activity.speaks_http2()
                }
                Phase::Over => return,
            },
        };
        if end && !asked {
            connection.as_mut().graceful_shutdown();
            asked = true;
            by = Some(Instant::now() + GOODBYE);
        }
    }
}

/// The service of one connection: the router, with what its requests must know of the connection.
struct Requests {
    router: Router,
    activity: Arc<Activity>,
    phases: Phases,
    max_requests: u64,
}

impl hyper::service::Service<Request<Incoming>> for Requests {
    type Response = Response<Guarded<Body, UnderWay>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (under_way, count) = self.activity.begin();
        let last = count >= self.max_requests || self.phases.now() != Phase::Serving;
        if last {
            self.activity.close();
        }
        // HTTP/2 has a frame for it, which the library sends.
        let say_so = last && !self.activity.speaks_http2();
        let reading = Reading { activity: self.activity.clone(), complete: false };
        let mut request = request.map(|body| Body::new(Guarded::new(body, reading)));
        request.extensions_mut().insert(self.activity.clone());
        let answer = self.router.clone().call(request);
        Box::pin(async move {
            let mut response = match answer.await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            if say_so {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| Guarded::new(body, under_way)))
        })
    }
}

impl Guard for UnderWay {}

/// The body of a request, which may be left unread.
struct Reading {
    activity: Arc<Activity>,
    complete: bool,
}

impl Guard for Reading {
    fn complete(&mut self) {
        self.complete = true;
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if !self.complete {
            self.activity.linger();
        }
    }
}
