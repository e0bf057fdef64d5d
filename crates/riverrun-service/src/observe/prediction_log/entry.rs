//! One line of the log.

use std::time::{Duration, SystemTime};

use riverrun_runner::wire::{Payload, Tensor, TensorData};
use riverrun_runner::{Answers, Inputs, RequestTiming, RunnerError};
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use serde_json::{Value, json};

use crate::fault::Fault;

/// What is logged of one computation.
pub(crate) struct Entry<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) model: &'a str,
    pub(crate) route: &'a str,
    pub(crate) status: &'static str,
    pub(crate) timing: &'a RequestTiming,
    pub(crate) inputs: Option<Value>,
    pub(crate) outcome: &'a Result<Result<Answers, RunnerError>, Fault>,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    request_id: &'a str,
    model: &'a str,
    route: &'a str,
    status: &'static str,
    items: usize,
    queue_ms: Option<f64>,
    compute_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<&'a Value>,
    outputs: Option<Outputs<'a>>,
    errors: Vec<Failed>,
}

#[derive(Serialize)]
struct Failed {
    /// The item; none where it is all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    message: String,
}

impl Entry<'_> {
    /// The line with its end; none of an output that is not JSON.
    pub(super) fn line(&self) -> Option<Vec<u8>> {
        let millis = |time: Option<Duration>| time.map(|time| (time.as_secs_f64() * 1e6).round() / 1e3);
        let whole = |message: String| vec![Failed { index: None, message }];
        let (answers, errors) = match self.outcome {
            Ok(Ok(answers)) => (Some(answers), failed(answers)),
            Ok(Err(error)) => (None, whole(error.to_string())),
            Err(Fault::Internal { detail }) => (None, whole(detail.clone())),
            Err(fault) => (None, whole(fault.to_string())),
        };
        let line = Line {
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            request_id: self.request_id,
            model: self.model,
            route: self.route,
            status: self.status,
            items: answers.map_or(0, Answers::len),
            queue_ms: millis(self.timing.queued()),
            compute_ms: millis(self.timing.computed()),
            inputs: self.inputs.as_ref(),
            outputs: answers.map(Outputs),
            errors,
        };
        let mut line = serde_json::to_vec(&line).ok()?;
        line.push(b'\n');
        Some(line)
    }
}

fn failed(answers: &Answers) -> Vec<Failed> {
    let error = |index| Some(Failed { index: Some(index), message: answers.get(index)?.err()?.to_string() });
    (0..answers.len()).filter_map(error).collect()
}

/// An output per item; `null` for one that failed.
struct Outputs<'a>(&'a Answers);

impl Serialize for Outputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for index in 0..self.0.len() {
            list.serialize_element(&self.0.get(index).and_then(Result::ok))?;
        }
        list.end()
    }
}

/// Inputs as JSON. Bytes are written as hexadecimal digits.
pub(crate) fn written_inputs(inputs: &Inputs) -> Value {
    let written = match inputs {
        Inputs::Payloads(payloads) => {
            let payload = |payload: &Payload| match payload {
                Payload::Text(text) => Value::String(text.clone()),
                Payload::Bytes(bytes) => json!({ "hex": hex(bytes) }),
                Payload::Value(value) => value.clone(),
            };
            payloads.iter().map(payload).collect::<Vec<_>>()
        }
        Inputs::Tensors(tensors) => tensors.iter().map(of_tensor).collect(),
    };
    Value::Array(written)
}

fn of_tensor(tensor: &Tensor) -> Value {
    let data = match tensor.data() {
        TensorData::Fixed(bytes) => json!({ "hex": hex(bytes) }),
        TensorData::Strings(strings) => strings.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect(),
    };
    json!({ "name": tensor.name(), "datatype": tensor.datatype().to_string(), "shape": tensor.shape(), "data": data })
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
