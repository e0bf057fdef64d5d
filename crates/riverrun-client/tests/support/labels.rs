//! A runnable that is only called remotely, and what its service answers.

use std::time::Duration;

use riverrun_runner::wire::{CONTENT_TYPE, Payload, Portable, WireError, WireRequest, WireResponse};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable, Runner};
use serde::{Deserialize, Serialize};

use super::{Answer, Seen};

const PER_ITEM: Duration = Duration::from_micros(100);

/// Computes nothing unless it is where it is to be computed.
pub struct Labels {
    here: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    pub label: String,
    pub score: f32,
}

/// The answer that belongs to this text, and to no other.
pub fn label(text: &str) -> Label {
    Label { label: text.to_uppercase(), score: text.len() as f32 / 7.0 }
}

impl Runnable for Labels {
    type Input = String;
    type Prepared = String;
    type Output = Label;

    fn prepare(&self, input: String) -> Result<Prepared<String>, ItemError> {
        if input.contains("bad") {
            return Err(ItemError::new(format!("`{input}` is bad")));
        }
        Ok(Prepared { cost: 1, value: input })
    }

    fn run(&self, batch: Vec<String>, _: &Compute) -> Result<Vec<Result<Label, ItemError>>, ItemError> {
        if !self.here {
            return Err(ItemError::new("computed in the wrong place"));
        }
        // What a model takes, more or less.
        std::thread::sleep(PER_ITEM * u32::try_from(batch.len()).unwrap());
        Ok(batch.into_iter().map(|text| Ok(label(&text))).collect())
    }
}

impl Portable for Labels {
    fn to_payload(input: &String) -> Payload {
        Payload::Text(input.clone())
    }

    fn from_payload(payload: Payload) -> Result<String, ItemError> {
        match payload {
            Payload::Text(text) => Ok(text),
            other => Err(ItemError::new(format!("{} came", other.kind()))),
        }
    }
}

pub fn runner() -> Runner<Labels> {
    Runner::new("labels", Labels { here: false })
}

/// What a service runs.
pub fn computing_runner(name: &str) -> Runner<Labels> {
    let runner = Runner::new(name, Labels { here: true });
    runner.init_local().unwrap();
    runner
}

/// The right answer to a request in the binary form. A text with `bad` in it is an item error.
pub fn wire_answer(body: &[u8]) -> Answer {
    let request = WireRequest::decode(body).unwrap();
    let outputs = request.inputs.into_iter().map(|payload| {
        let Payload::Text(text) = payload else { panic!("no text") };
        if text.contains("bad") {
            return Err(WireError { code: "invalid_input".into(), message: format!("`{text}` is bad") });
        }
        Ok(label(&text))
    });
    let body = WireResponse { outputs: outputs.collect() }.encode().unwrap();
    Answer::reply(200, CONTENT_TYPE, body).header("x-model", "labels:3")
}

/// What a Riverrun service with the route `/classify` answers.
pub fn riverrun_service(request: &Seen) -> Answer {
    match request.path.as_str() {
        "/docs.json" => Answer::json(&serde_json::json!({
            "openapi": "3.1.0",
            "paths": { "/classify": { "post": { "requestBody": { "content": { CONTENT_TYPE: {} } } } } },
        })),
        "/readyz" => Answer::reply(200, "text/plain", "ready"),
        "/classify" => wire_answer(&request.body),
        _ => Answer::reply(
            404,
            "application/json",
            r#"{"error": {"code": "unknown_route", "message": "no such route"}}"#,
        ),
    }
}
