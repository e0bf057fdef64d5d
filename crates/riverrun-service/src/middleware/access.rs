//! The outermost layer: gives a request its id and logs what became of it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use tonic::Code;

use crate::context::{REQUEST_ID, RequestContext};
use crate::guarded::{Guard, Guarded};
use crate::server::{Activity, Peer};
use crate::state::SharedState;

/// Gives the request its [`RequestContext`] and the answer its `X-Request-Id`; logs one line when the last byte is out.
pub(crate) async fn access(State(state): State<SharedState>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Arc<Activity>>().map_or(Peer::Local, |connection| connection.peer());
    let context = RequestContext::new(request.headers(), peer, state.observe.begin(&request));
    let mut line = Line {
        state,
        context: context.clone(),
        method: request.method().clone(),
        uri: request.uri().clone(),
        status: None,
        grpc: None,
        bytes: 0,
        complete: false,
    };
    request.extensions_mut().insert(context.clone());
    let mut response = next.run(request).await;
    line.status = Some(response.status());
    // A refusal has it here, any other answer behind its body.
    line.grpc = grpc_status(response.headers());
    if let Ok(id) = HeaderValue::from_str(context.id()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response.map(|body| Body::new(Guarded::new(body, line)))
}

/// The line of one request, written when it is dropped.
struct Line {
    state: SharedState,
    context: RequestContext,
    method: Method,
    uri: Uri,
    status: Option<StatusCode>,
    /// What became of a call of gRPC, whose status on HTTP is 200 whatever it was.
    grpc: Option<Code>,
    bytes: u64,
    complete: bool,
}

impl Guard for Line {
    fn sent(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        self.grpc = grpc_status(trailers).or(self.grpc);
    }

    fn complete(&mut self) {
        self.complete = true;
    }
}

fn grpc_status(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|status| Code::from_bytes(status.as_bytes()))
}

impl Drop for Line {
    fn drop(&mut self) {
        let millis = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        let context = &self.context;
        self.state.observe.end(context, self.status, self.grpc, self.complete);
        tracing::info!(
            target: "riverrun::access",
            method = %self.method,
            path = self.uri.path(),
            // Of a request that its client gave up there may be no status.
            status = self.status.map(|status| status.as_u16()),
            grpc_status = self.grpc.map(i32::from),
            complete = self.complete,
            bytes = self.bytes,
            duration_ms = millis(context.arrived().elapsed()),
            queued_ms = context.timing().queued().map(millis),
            computed_ms = context.timing().computed().map(millis),
            request_id = context.id(),
            peer = %context.peer(),
            model = context.answered_by().map(|version| version.tag()),
            items = context.items(),
            "request"
        );
    }
}
