//! KServe's version 1: `{"instances": […]}` in, `{"predictions": […]}` out.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use riverrun_runner::Inputs;

use super::compute::{Asked, admit};
use super::{Media, answer, context, inputs, parameters, read};
use crate::context::{Deadline, priority};
use crate::fault::Fault;
use crate::predict::inputs::{Items, Message};
use crate::served_model::ServedModel;
use crate::state::SharedState;

/// Answers `POST /v1/models/{name}:predict`.
pub(crate) async fn predict(state: SharedState, model: Arc<ServedModel>, request: Request) -> Response {
    match answered(&state, &model, request).await {
        Ok(response) => response,
        Err(fault) => fault.into_response(),
    }
}

async fn answered(state: &SharedState, model: &Arc<ServedModel>, request: Request) -> Result<Response, Fault> {
    let (parts, body) = request.into_parts();
    let context = context(&parts.extensions)?;
    let deadline = Deadline::of(&parts.headers, &state.limits, &context)?;
    let priority = priority(&parts.headers)?;
    Media::of(&parts.headers)?.one_of(&[Media::Json], "`application/json` as the `Content-Type`")?;
    let query = parameters::of_query(parts.uri.query())?;
    let version = model.pick(context.id())?;
    admit(&version)?;

    let body = read(state, &parts.headers, body, Some(deadline)).await?;
    let Message { method, items, parameters } = inputs::of_instances(&body, state.limits.max_items)?;
    drop(body);
    let parameters = parameters::merge(query, parameters);
    let payloads = match items {
        Items::One(payload) => vec![payload],
        Items::Many(payloads) => payloads,
    };
    let payloads = payloads.into_iter().map(|payload| version.runner().beside(payload, &parameters)).collect();

    let asked = Asked { context: &context, deadline, priority, method, model, version: &version };
    let answers = asked.compute(Inputs::Payloads(payloads)).await?;
    Ok(answer::json(&context, &version, answer::predictions(&answers, &parameters)?))
}
