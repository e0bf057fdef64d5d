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

/// As [`ready`], for people: with what it is, and since when.
pub(super) async fn health(State(state): State<SharedState>) -> Response {
    match refusal(&state) {
        Some(fault) => fault.into_response(),
        None => Json(json!({
            "status": "ready",
            "service": state.name,
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_s": state.started.elapsed().as_secs(),
        }))
        .into_response(),
    }
}

/// Requests should be sent here.
pub(super) async fn ready(State(state): State<SharedState>) -> Response {
    match refusal(&state) {
        Some(fault) => fault.into_response(),
        None => Json(json!({ "status": "ready" })).into_response(),
    }
}

fn refusal(state: &SharedState) -> Option<Fault> {
    if state.is_draining() {
        return Some(Fault::Draining);
    }
    state.unready_model().map(|model| Fault::NotReady { model: model.name().to_owned() })
}
