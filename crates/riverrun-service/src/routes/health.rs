//! What an orchestrator asks.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::fault::Fault;
use crate::state::SharedState;

/// The process lives. It depends on nothing else: a full queue is no reason to kill it.
pub(super) async fn live() -> Response {
    Json(json!({ "status": "live" })).into_response()
}

/// Requests should be sent here.
pub(super) async fn ready(State(state): State<SharedState>) -> Response {
    if state.is_draining() {
        return Fault::Draining.into_response();
    }
    match state.unready_model() {
        Some(model) => Fault::NotReady { model: model.name().to_owned() }.into_response(),
        None => Json(json!({ "status": "ready" })).into_response(),
    }
}
