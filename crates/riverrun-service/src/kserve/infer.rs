//! `POST /v2/models/{name}/infer`.

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::asked::{Head, compute, find};
use super::failure;
use super::json::{self, HEADER_LENGTH, InferRequest, InferResponse};
use super::metadata::Named;
use crate::context::{Deadline, priority};
use crate::fault::Fault;
use crate::predict::{self, mark};
use crate::state::SharedState;

pub(super) async fn infer(State(state): State<SharedState>, Path(named): Path<Named>, request: Request) -> Response {
    let context = predict::context(request.extensions()).ok();
    match answered(&state, &named, request).await {
        Ok(response) => response,
        Err(fault) => failure::respond(fault, context.as_ref()),
    }
}

async fn answered(state: &SharedState, named: &Named, request: Request) -> Result<Response, Fault> {
    let (parts, body) = request.into_parts();
    let context = predict::context(&parts.extensions)?;
    let deadline = Deadline::of(&parts.headers, &state.limits, &context)?;
    let priority = priority(&parts.headers)?;
    let (model, version) = find(state, &named.model, named.version.as_deref(), context.id())?;
    predict::admit(&version)?;
    let header = match parts.headers.get(HEADER_LENGTH) {
        None => None,
        Some(length) => Some(length.to_str().ok().and_then(|length| length.trim().parse().ok()).ok_or_else(|| {
            Fault::malformed("`Inference-Header-Content-Length` is not a number of bytes".to_owned())
        })?),
    };

    let body = predict::read(state, &parts.headers, body, Some(deadline)).await?;
    let InferRequest { id, method, inputs, outputs, binary } = json::read(&body, header)?;
    drop(body);
    let head = Head { context, deadline, priority };
    let names = outputs.iter().map(|(name, _)| name.clone()).collect();
    let tensors = compute(state, &head, &model, &version, method, inputs, Some(names)).await?;
    let as_bytes = |index: usize| outputs.get(index).map_or(binary, |(_, binary)| *binary);
    let outputs = tensors.into_iter().enumerate().map(|(index, tensor)| (tensor, as_bytes(index))).collect();
    let answer = InferResponse { model: model.name(), version: version.version(), id, outputs };
    let (body, header) = answer.write()?;
    let mut response = body.into_response();
    let kind = if header.is_some() { "application/octet-stream" } else { "application/json" };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(length) = header {
        response.headers_mut().insert(HEADER_LENGTH, HeaderValue::from(length));
    }
    mark(&mut response, &head.context, &version);
    Ok(response)
}
