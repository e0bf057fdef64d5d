//! Every answer that is an error says so in the service's own form.

use std::panic::AssertUnwindSafe;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};

use crate::context::RequestContext;
use crate::endpoint::OwnForm;
use crate::fault::{Fault, panic_message};
use crate::state::SharedState;

/// The most bytes of a message that another layer gave.
const LONGEST: usize = 4 << 10;

/// Gives errors of other layers the service's form, makes a panic a 500, and keeps what is internal for the log.
pub(crate) async fn faults(State(state): State<SharedState>, request: Request, next: Next) -> Response {
    let context = request.extensions().get::<RequestContext>().cloned();
    let grpc = is_grpc(request.headers());
    let method = request.method().clone();
    let uri = request.uri().clone();
    let id = || context.as_ref().map_or("", |context| context.id());

    let mut response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => Fault::internal(format!("the handler panicked: {}", panic_message(&*panic))).into_response(),
    };
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || grpc {
        return response;
    }
    if let Some(fault) = response.extensions_mut().remove::<Fault>() {
        let Fault::Internal { detail } = &fault else { return response };
        tracing::error!(target: "riverrun::service", request_id = id(), path = uri.path(), detail, "a request failed");
        let message = format!("{fault} under request id {}", id());
        let model = response.headers_mut().remove(crate::context::MODEL);
        let mut response = fault.response(Some(message));
        response.extensions_mut().remove::<Fault>();
        response.headers_mut().extend(model.map(|model| (crate::context::MODEL, model)));
        return response;
    }
    if !is_plain(response.headers()) || response.extensions_mut().remove::<OwnForm>().is_some() {
        // A handler's own form.
        return response;
    }
    in_our_form(response, &state, method, uri.path().to_owned(), id()).await
}

async fn in_our_form(response: Response, state: &SharedState, method: Method, path: String, id: &str) -> Response {
    let status = response.status();
    let (mut parts, body) = response.into_parts();
    let fault = match status {
        StatusCode::NOT_FOUND => Fault::UnknownRoute { path, routes: state.routes.clone() },
        StatusCode::METHOD_NOT_ALLOWED => {
            // The router gives the header only to what has left its layers.
            let allowed = match &state.methods_at(&path)[..] {
                [] => "another method".to_owned(),
                methods => methods.join(", ").replace("GET", "GET, HEAD"),
            };
            Fault::MethodNotAllowed { method: method.to_string(), path, allowed }
        }
        _ => {
            let text = to_bytes(body, LONGEST).await.unwrap_or_default();
            let text = String::from_utf8_lossy(&text).trim().to_owned();
            let reason = status.canonical_reason().unwrap_or("the request failed").to_owned();
            if status.is_server_error() {
                tracing::error!(target: "riverrun::service", request_id = id, %path, detail = %text, "a request failed");
                Fault::Other { status, message: reason }
            } else {
                Fault::Other { status, message: if text.is_empty() { reason } else { text } }
            }
        }
    };
    let mut answer = fault.into_response();
    answer.extensions_mut().remove::<Fault>();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(CONTENT_TYPE);
    let own = std::mem::take(answer.headers_mut());
    parts.headers.extend(own);
    *answer.headers_mut() = parts.headers;
    answer
}

/// Without a content type, or plain text: what layers and extractors give that know no better.
fn is_plain(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

/// gRPC has a form of its own for errors.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}
