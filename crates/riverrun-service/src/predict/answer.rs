//! Answers as they are sent.

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use riverrun_runner::Answers;
use riverrun_runner::wire::{self, Map, WireError, WireResponse};
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::compute::Each;
use crate::context::{MODEL, RequestContext, SERVER_TIMING};
use crate::fault::Fault;
use crate::served_model::ServedVersion;

/// The output of the only input, alone.
pub(super) fn alone(answers: &Answers) -> Result<Vec<u8>, Fault> {
    match answers.get(0) {
        Some(Ok(output)) => write(output),
        Some(Err(error)) => Err(Fault::from(error.clone())),
        None => Err(Fault::internal("the runner gave no answer")),
    }
}

/// A list with one output per input. An input that failed fails the list.
pub(super) fn list(answers: &Answers, parameters: &Map) -> Result<Vec<u8>, Fault> {
    check(answers)?;
    write(&List { answers, parameters })
}

/// KServe's version 1: the list as `predictions`.
pub(super) fn predictions(answers: &Answers, parameters: &Map) -> Result<Vec<u8>, Fault> {
    #[derive(Serialize)]
    struct Predictions<'a> {
        predictions: List<'a>,
    }
    check(answers)?;
    write(&Predictions { predictions: List { answers, parameters } })
}

fn check(answers: &Answers) -> Result<(), Fault> {
    match answers.first_error() {
        Some((index, error)) => Err(Fault::from(error.clone()).at(index)),
        None => Ok(()),
    }
}

struct List<'a> {
    answers: &'a Answers,
    parameters: &'a Map,
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.answers.len()))?;
        for index in 0..self.answers.len() {
            if let Some(Ok(output)) = self.answers.in_list(index, self.parameters) {
                list.serialize_element(output)?;
            }
        }
        list.end()
    }
}

fn write<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(value).map_err(|error| Fault::internal(format!("an answer could not be written: {error}")))
}

/// A JSON answer with what is said of its making.
pub(super) fn json(context: &RequestContext, version: &Arc<ServedVersion>, body: Vec<u8>) -> Response {
    respond(context, version, "application/json", body)
}

/// An answer in the binary form, in which an input that failed fails alone.
pub(super) fn binary(context: &RequestContext, version: &Arc<ServedVersion>, each: &Each) -> Result<Response, Fault> {
    let outputs = each.results().map(|result| {
        result.map_err(|fault| {
            if let Fault::Internal { detail } = &fault {
                tracing::error!(target: "riverrun::service", request_id = context.id(), detail, "an input failed");
            }
            WireError { code: fault.code().to_owned(), message: fault.to_string() }
        })
    });
    let response = WireResponse { outputs: outputs.collect() };
    let body =
        response.encode().map_err(|error| Fault::internal(format!("an answer could not be written: {error}")))?;
    Ok(respond(context, version, wire::CONTENT_TYPE, body))
}

fn respond(
    context: &RequestContext, version: &Arc<ServedVersion>, content_type: &'static str, body: Vec<u8>,
) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    mark(&mut response, context, version);
    response
}

/// `X-Model` and `Server-Timing`.
pub(crate) fn mark(response: &mut Response, context: &RequestContext, version: &Arc<ServedVersion>) {
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(version.tag()) {
        headers.insert(MODEL, tag);
    }
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    if let (Some(queued), Some(computed)) = (context.timing().queued(), context.timing().computed()) {
        let timing = format!("queue;dur={:.3}, compute;dur={:.3}", millis(queued), millis(computed));
        headers.extend(HeaderValue::from_str(&timing).ok().map(|timing| (SERVER_TIMING, timing)));
    }
}
