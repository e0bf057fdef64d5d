//! What is served, and whether it can be asked.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::find;
use super::failure;
use crate::context::RequestContext;
use crate::fault::Fault;
use crate::predict;
use crate::state::{AppState, SharedState};

/// What this server knows beyond the protocol.
pub(super) const EXTENSIONS: [&str; 2] = ["binary_tensor_data", "model_repository"];

/// What all models run on.
pub(super) const PLATFORM: &str = "riverrun";

/// A model, in a version or in the one that the service chooses.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) model: String,
    pub(super) version: Option<String>,
}

pub(super) async fn server(State(state): State<SharedState>) -> Response {
    let (name, version) = (&state.name, env!("CARGO_PKG_VERSION"));
    Json(json!({ "name": name, "version": version, "extensions": EXTENSIONS })).into_response()
}

pub(super) async fn live() -> Response {
    Json(json!({ "live": true })).into_response()
}

pub(super) async fn ready(State(state): State<SharedState>) -> Response {
    is_ready(state.is_ready(), json!({ "ready": state.is_ready() }))
}

fn is_ready(ready: bool, body: Value) -> Response {
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

pub(super) async fn model(State(state): State<SharedState>, Path(named): Path<Named>, request: Request) -> Response {
    let context = request.extensions().get::<RequestContext>();
    let described = describe(&state, &named, context.map_or("", RequestContext::id));
    described.map_or_else(|fault| failure::respond(fault, context), |value| Json(value).into_response())
}

fn describe(state: &AppState, named: &Named, request_id: &str) -> Result<Value, Fault> {
    let (model, version) = find(state, &named.model, named.version.as_deref(), request_id)?;
    let versions: Vec<String> = model.versions().iter().map(|version| version.version().to_owned()).collect();
    let runner = version.runner();
    Ok(json!({
        "name": model.name(),
        "versions": versions,
        "platform": PLATFORM,
        "inputs": runner.tensor_inputs(),
        "outputs": runner.tensor_outputs(),
    }))
}

pub(super) async fn model_ready(
    State(state): State<SharedState>, Path(named): Path<Named>, request: Request,
) -> Response {
    let context = request.extensions().get::<RequestContext>();
    match model_is_ready(&state, &named.model, named.version.as_deref()) {
        Ok(ready) => is_ready(ready, json!({ "name": named.model, "ready": ready })),
        Err(fault) => failure::respond(fault, context),
    }
}

/// Whether the model is, or one of its versions.
pub(super) fn model_is_ready(state: &AppState, name: &str, version: Option<&str>) -> Result<bool, Fault> {
    let model = state.models.get(name)?;
    let ready = match version.filter(|version| !version.is_empty()) {
        Some(version) => model.version(version)?.runner().is_ready(),
        None => model.is_ready(),
    };
    Ok(ready && !state.is_draining())
}

/// A version of a model, as the index of models has it.
pub(super) struct Indexed {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) ready: bool,
}

/// All versions of all models, or those that are ready.
pub(super) fn indexed(state: &AppState, ready_only: bool) -> Vec<Indexed> {
    let of_model = |model: &std::sync::Arc<crate::served_model::ServedModel>| -> Vec<Indexed> {
        let versions = model.versions();
        let version = |version: &std::sync::Arc<crate::served_model::ServedVersion>| Indexed {
            name: model.name().to_owned(),
            version: version.version().to_owned(),
            ready: version.runner().is_ready(),
        };
        versions.iter().map(version).collect()
    };
    state.models.iter().flat_map(of_model).filter(|indexed| indexed.ready || !ready_only).collect()
}

/// What the index is asked for. A body is optional.
#[derive(Debug, Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    ready: bool,
}

pub(super) async fn index(State(state): State<SharedState>, request: Request) -> Response {
    let context = request.extensions().get::<RequestContext>().cloned();
    match wanted(&state, request).await {
        Ok(Wanted { ready }) => {
            let models: Vec<Value> = indexed(&state, ready)
                .into_iter()
                .map(|Indexed { name, version, ready }| {
                    json!({ "name": name, "version": version, "state": state_of(ready), "reason": "" })
                })
                .collect();
            Json(models).into_response()
        }
        Err(fault) => failure::respond(fault, context.as_ref()),
    }
}

async fn wanted(state: &AppState, request: Request) -> Result<Wanted, Fault> {
    let (parts, body) = request.into_parts();
    let body = predict::read(state, &parts.headers, body, None).await?;
    if body.trim_ascii().is_empty() {
        return Ok(Wanted::default());
    }
    serde_json::from_slice(&body).map_err(|error| predict::of_json_error(&error))
}

/// Loading and unloading: this service's models are its configuration's.
pub(super) async fn fixed(State(state): State<SharedState>, Path(model): Path<String>, request: Request) -> Response {
    let context = request.extensions().get::<RequestContext>();
    let fault = match state.models.get(&model) {
        Ok(_) => Fault::Other {
            status: StatusCode::NOT_IMPLEMENTED,
            message: format!(
                "model `{model}` can't be loaded or unloaded by a request; its versions are those that the service is started with or follows"
            ),
        },
        Err(unknown) => unknown,
    };
    failure::respond(fault, context)
}

/// As Triton calls it.
pub(super) fn state_of(ready: bool) -> &'static str {
    if ready { "READY" } else { "UNAVAILABLE" }
}
