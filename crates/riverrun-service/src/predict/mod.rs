//! A model's own route: a text, JSON or the binary form in; JSON or the binary form out.

mod answer;
mod body;
mod compute;
mod inputs;
mod lines;
mod media;
mod parameters;
mod stream;
mod v1;

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use riverrun_runner::Inputs;
use riverrun_runner::wire::Payload;

pub(crate) use answer::mark;
pub(crate) use body::{BodyBudget, ReadBody, read};
pub(crate) use compute::{Asked, admit};
pub(crate) use inputs::of_json_error;
pub(crate) use media::Media;
pub(crate) use stream::stream;
pub(crate) use v1::predict as predict_v1;

use crate::context::{Deadline, RequestContext, priority};
use crate::fault::Fault;
use crate::served_model::ServedModel;
use crate::state::SharedState;
use inputs::{Items, Message};

/// What a model's route reads, which takes files of these media types, for the message that says so.
fn accepted(files: &[&str]) -> String {
    let own = match files {
        [] => "`text/plain; charset=utf-8`".to_owned(),
        files => files.iter().map(|file| format!("`{file}`")).collect::<Vec<_>>().join(", "),
    };
    format!("{own}, `application/json` or `application/x-riverrun` as the `Content-Type`")
}

/// Answers a request on a model's route.
pub(crate) async fn predict(state: SharedState, model: Arc<ServedModel>, request: Request) -> Response {
    if media::wants_events(request.headers()) {
        return stream(state, model, request).await;
    }
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
    let given = Media::of(&parts.headers)?;
    let version = model.pick(context.id())?;
    let files = version.runner().media_types();
    let readable = [Media::Text, Media::Json, Media::Riverrun, Media::File];
    let media = given.or_file(files).one_of(&readable, &accepted(files))?;
    let binary = media::answers_binary(&parts.headers, media);
    let query = parameters::of_query(parts.uri.query())?;
    // Before the body is read, so that a refusal is quick and costs little.
    admit(&version)?;

    let body = read(state, &parts.headers, body, Some(deadline)).await?;
    let Message { method, items, parameters } = match media {
        Media::Text => Message::text(body.text()?),
        Media::Json => inputs::of_json(&body, state.limits.max_items)?,
        Media::File => Message::file(body.to_vec()),
        _ => inputs::of_binary(&body, state.limits.max_items)?,
    };
    drop(body);
    let parameters = parameters::merge(query, parameters);
    let (payloads, alone) = match items {
        Items::One(payload) => (vec![payload], true),
        Items::Many(payloads) => (payloads, false),
    };
    let payloads: Vec<Payload> =
        payloads.into_iter().map(|payload| version.runner().beside(payload, &parameters)).collect();

    let asked = Asked { context: &context, deadline, priority, method, model, version: &version };
    if binary {
        let results = asked.each(payloads).await?;
        return answer::binary(&context, &version, &results);
    }
    let answers = asked.compute(Inputs::Payloads(payloads)).await?;
    let body = if alone { answer::alone(&answers)? } else { answer::list(&answers, &parameters)? };
    Ok(answer::json(&context, &version, body))
}

/// The context that the outermost layer gave the request.
pub(crate) fn context(extensions: &http::Extensions) -> Result<RequestContext, Fault> {
    extensions.get::<RequestContext>().cloned().ok_or_else(|| Fault::internal("a request came past the access layer"))
}
