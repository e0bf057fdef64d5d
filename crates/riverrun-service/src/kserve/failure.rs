//! Errors in the protocol's form.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::json;

use crate::context::RequestContext;
use crate::fault::Fault;

/// What the caller is told; what is internal goes to the log.
pub(super) fn message(fault: &Fault, context: Option<&RequestContext>) -> String {
    let Fault::Internal { detail } = fault else { return fault.to_string() };
    let id = context.map_or("", RequestContext::id);
    tracing::error!(target: "riverrun::service", request_id = id, detail, "a request failed");
    format!("{fault} under request id {id}")
}

/// `{"error": "…"}`. A request that is not what the model takes is 400, as the protocol has no other status for it.
pub(super) fn respond(fault: Fault, context: Option<&RequestContext>) -> Response {
    let status = match &fault {
        Fault::InvalidInput { .. } => StatusCode::BAD_REQUEST,
        fault => fault.status(),
    };
    let body = json!({ "error": message(&fault, context) }).to_string();
    let mut response = (status, [(CONTENT_TYPE, "application/json")], body).into_response();
    if let Some(after) = fault.into_response().headers_mut().remove(RETRY_AFTER) {
        response.headers_mut().insert(RETRY_AFTER, after);
    }
    response
}
