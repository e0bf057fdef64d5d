//! What is served, and in which versions; KServe's version 1.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::predict;
use crate::served_model::ServedModel;
use crate::state::SharedState;

/// The verb of KServe's version 1.
const PREDICT: &str = ":predict";

pub(super) async fn list(State(state): State<SharedState>) -> Response {
    let models: Vec<Value> = state.models.iter().map(|model| describe(&state, model)).collect();
    Json(json!({ "models": models })).into_response()
}

pub(super) async fn one(State(state): State<SharedState>, Path(name): Path<String>) -> Response {
    if name.ends_with(PREDICT) {
        let path = format!("/v1/models/{name}");
        return Fault::MethodNotAllowed { method: "GET".into(), path, allowed: "POST".into() }.into_response();
    }
    match state.models.get(&name) {
        Ok(model) => Json(describe(&state, model)).into_response(),
        Err(fault) => fault.into_response(),
    }
}

pub(super) async fn act(State(state): State<SharedState>, Path(name): Path<String>, request: Request) -> Response {
    let Some(name) = name.strip_suffix(PREDICT) else {
        let path = format!("/v1/models/{name}");
        return Fault::MethodNotAllowed { method: "POST".into(), path, allowed: "GET, HEAD".into() }.into_response();
    };
    match state.models.get(name) {
        Ok(model) => {
            let model = model.clone();
            predict::predict_v1(state, model, request).await
        }
        Err(fault) => fault.into_response(),
    }
}

fn describe(state: &SharedState, model: &ServedModel) -> Value {
    let weights = model.weights();
    let versions: Vec<Value> = model
        .versions()
        .iter()
        .map(|served| {
            let runner = served.runner();
            let stats = runner.stats();
            let weight = weights.iter().find(|(version, _)| version == served.version()).map(|(_, weight)| weight);
            json!({
                "version": served.version(),
                "tag": served.tag(),
                "weight": weight,
                "ready": runner.is_ready(),
                "methods": runner.methods().unwrap_or_default(),
                "queued": stats.queue_length,
                "items": stats.items,
            })
        })
        .collect();
    let shadow = model.shadow().map(|shadow| {
        let counts = shadow.counts();
        json!({
            "version": shadow.version(),
            "same": counts.same,
            "different": counts.different,
            "failed": counts.failed,
            "skipped": counts.skipped,
        })
    });
    let failure = model.failure().map(|failure| json!({ "version": failure.version, "reason": failure.reason }));
    json!({
        "name": model.name(),
        "ready": model.is_ready(),
        "routes": state.models.routes_of(model.name()),
        "versions": versions,
        "shadow": shadow,
        "failed_version": failure,
    })
}
