//! A stream of inputs in, a stream of events out, one per result and in the order of the inputs.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use riverrun_runner::Priority;
use riverrun_runner::wire::{Map, Payload};

use super::compute::{Asked, admit};
use super::inputs::{self, Items, Message};
use super::lines::Lines;
use super::{Media, answer, context, parameters, read};
use crate::context::{Deadline, RequestContext, priority};
use crate::fault::Fault;
use crate::served_model::{ServedModel, ServedVersion};
use crate::state::SharedState;

const ACCEPTED: &str = "`text/plain` with one text per line, `application/x-ndjson` with one input per line, or a list in `application/json`, as the `Content-Type`";

/// Answers with events: `result` with an output or `error` with an error body, each with the input's number from 0 as its id;
/// at the end `end`, without which the stream was cut off.
pub(crate) async fn stream(state: SharedState, model: Arc<ServedModel>, request: Request) -> Response {
    match begun(state, model, request).await {
        Ok(response) => response,
        Err(fault) => fault.into_response(),
    }
}

type Input = Result<Payload, Fault>;

async fn begun(state: SharedState, model: Arc<ServedModel>, request: Request) -> Result<Response, Fault> {
    let (parts, body) = request.into_parts();
    let context = context(&parts.extensions)?;
    let deadline = Deadline::of(&parts.headers, &state.limits, &context)?;
    let readable = [Media::Text, Media::JsonLines, Media::Json];
    let media = Media::of(&parts.headers)?.one_of(&readable, ACCEPTED)?;
    let mut parameters = parameters::of_query(parts.uri.query())?;
    let version = model.pick(context.id())?;
    admit(&version)?;

    let inputs = match media {
        Media::Json => {
            let body = read(&state, &parts.headers, body, Some(deadline)).await?;
            let message = inputs::of_json(&body, state.limits.max_items)?;
            parameters = parameters::merge(parameters, message.parameters.clone());
            stream::iter(items(message).into_iter().map(Ok)).left_stream()
        }
        media => Lines::new(state.clone(), body).into_stream().map(move |line| of_line(media, line?)).right_stream(),
    };
    let one = One {
        context: context.clone(),
        timeout: deadline.timeout(),
        priority: priority(&parts.headers)?,
        parameters: Arc::new(parameters),
        model,
        version: version.clone(),
    };
    let events = events(inputs, one, state.limits.stream_window);
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    answer::mark(&mut response, &context, &version);
    Ok(response)
}

fn items(message: Message) -> Vec<Payload> {
    match message.items {
        Items::One(payload) => vec![payload],
        Items::Many(payloads) => payloads,
    }
}

fn of_line(media: Media, line: Vec<u8>) -> Input {
    if media == Media::JsonLines {
        return inputs::of_json_line(&line);
    }
    String::from_utf8(line).map(Payload::Text).map_err(|error| {
        let byte = error.utf8_error().valid_up_to();
        Fault::malformed(format!("the line is not UTF-8: its byte {byte} is not part of a character"))
    })
}

fn events(
    inputs: impl Stream<Item = Input> + Send + 'static, one: One, window: usize,
) -> impl Stream<Item = Result<Event, Infallible>> + Send + 'static {
    let results = inputs.enumerate().map(move |(index, input)| one.clone().event(index, input)).buffered(window);
    let end = stream::once(async { Event::default().event("end").data("{}") });
    results.chain(end).map(Ok)
}

/// What the inputs of a stream have in common.
#[derive(Clone)]
struct One {
    context: RequestContext,
    timeout: Duration,
    priority: Priority,
    parameters: Arc<Map>,
    model: Arc<ServedModel>,
    version: Arc<ServedVersion>,
}

impl One {
    async fn event(self, index: usize, input: Input) -> Event {
        let event = Event::default().id(index.to_string());
        match self.answer(input).await {
            Ok(json) => event.event("result").data(json),
            Err(fault) => {
                let id = self.context.id();
                if let Fault::Internal { detail } = &fault {
                    tracing::error!(target: "riverrun::service", request_id = id, detail, "an input failed");
                }
                event.event("error").data(fault.to_json().to_string())
            }
        }
    }

    async fn answer(&self, input: Input) -> Result<String, Fault> {
        let payload = self.version.runner().beside(input?, &self.parameters);
        let asked = Asked {
            context: &self.context,
            deadline: Deadline::from_now(self.timeout),
            priority: self.priority,
            method: None,
            model: &self.model,
            version: &self.version,
        };
        // A stream does not fail where the queue is full, as a single request would: it is read more slowly.
        let json = answer::alone(&asked.patiently(payload).await?)?;
        String::from_utf8(json).map_err(|error| Fault::internal(error.to_string()))
    }
}
