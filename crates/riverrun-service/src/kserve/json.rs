//! Requests and answers in JSON, with tensors as bytes behind it where somebody asks for that.

use riverrun_runner::wire::{Datatype, Map, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::raw;
use crate::fault::Fault;
use crate::predict::of_json_error;

/// How many of a body's bytes are JSON.
pub(super) const HEADER_LENGTH: http::HeaderName = http::HeaderName::from_static("inference-header-content-length");

/// A request.
pub(super) struct InferRequest {
    pub(super) id: Option<String>,
    pub(super) method: Option<String>,
    pub(super) inputs: Vec<Tensor>,
    /// The outputs that are asked for, and whether each is to be bytes; all, if there are none.
    pub(super) outputs: Vec<(String, bool)>,
    /// Whether outputs that are not asked for by name are to be bytes.
    pub(super) binary: bool,
}

#[derive(Deserialize)]
struct Body {
    id: Option<String>,
    #[serde(default)]
    parameters: Option<Map>,
    inputs: Vec<Input>,
    #[serde(default)]
    outputs: Option<Vec<Output>>,
}

#[derive(Deserialize)]
struct Input {
    name: String,
    shape: Vec<u64>,
    datatype: Datatype,
    #[serde(default)]
    parameters: Option<Map>,
    data: Option<Value>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    #[serde(default)]
    parameters: Option<Map>,
}

fn flag(parameters: Option<&Map>, name: &str) -> Option<bool> {
    parameters?.get(name)?.as_bool()
}

/// Reads a body, of which `header` bytes are JSON; all of them without it.
pub(super) fn read(body: &[u8], header: Option<usize>) -> Result<InferRequest, Fault> {
    let (json, mut bytes) = body.split_at_checked(header.unwrap_or(body.len())).ok_or_else(|| {
        Fault::malformed(format!("`Inference-Header-Content-Length` is more than the {} bytes of the body", body.len()))
    })?;
    let Body { id, parameters, inputs, outputs } =
        serde_json::from_slice(json).map_err(|error| of_json_error(&error))?;
    let mut tensors = Vec::with_capacity(inputs.len());
    for Input { name, shape, datatype, parameters, data } in inputs {
        let size = parameters.as_ref().and_then(|parameters| parameters.get("binary_data_size"));
        let tensor = match (size, data) {
            (Some(size), None) => {
                let size = size.as_u64().and_then(|size| usize::try_from(size).ok());
                let (own, rest) = size.and_then(|size| bytes.split_at_checked(size)).ok_or_else(|| {
                    Fault::invalid_input(format!(
                        "the `binary_data_size` of tensor `{name}` is more than the bytes that came"
                    ))
                })?;
                bytes = rest;
                raw::read(name, datatype, shape, own)?
            }
            (None, Some(data)) => Tensor::from_json(name, datatype, shape, &data)
                .map_err(|error| Fault::invalid_input(error.to_string()))?,
            (Some(_), Some(_)) => {
                return Err(Fault::invalid_input(format!(
                    "tensor `{name}` has both `data` and `binary_data_size`; send one of them"
                )));
            }
            (None, None) => {
                return Err(Fault::invalid_input(format!(
                    "tensor `{name}` has no `data`, and no `binary_data_size` either"
                )));
            }
        };
        tensors.push(tensor);
    }
    if !bytes.is_empty() {
        let message = format!("{} bytes came that no tensor's `binary_data_size` accounts for", bytes.len());
        return Err(Fault::invalid_input(message));
    }
    let binary = flag(parameters.as_ref(), "binary_data_output").unwrap_or(false);
    let outputs = outputs.unwrap_or_default().into_iter();
    Ok(InferRequest {
        id,
        method: parameters.and_then(|parameters| Some(parameters.get("method")?.as_str()?.to_owned())),
        inputs: tensors,
        outputs: outputs
            .map(|output| (output.name, flag(output.parameters.as_ref(), "binary_data").unwrap_or(binary)))
            .collect(),
        binary,
    })
}

/// An answer.
pub(super) struct InferResponse<'a> {
    pub(super) model: &'a str,
    pub(super) version: &'a str,
    pub(super) id: Option<String>,
    /// Each with whether it is to be bytes.
    pub(super) outputs: Vec<(Tensor, bool)>,
}

#[derive(Serialize)]
struct Answer<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: Vec<Given<'a>>,
}

#[derive(Serialize)]
struct Given<'a> {
    name: &'a str,
    shape: &'a [u64],
    datatype: Datatype,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Size>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
}

#[derive(Serialize)]
struct Size {
    binary_data_size: usize,
}

impl InferResponse<'_> {
    /// The body, and how many of its bytes are JSON if not all.
    pub(super) fn write(self) -> Result<(Vec<u8>, Option<usize>), Fault> {
        let mut bytes = Vec::new();
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for (tensor, binary) in &self.outputs {
            let (parameters, data) = if *binary {
                let own = raw::write(tensor)?;
                let size = Size { binary_data_size: own.len() };
                bytes.extend(own);
                (Some(size), None)
            } else {
                (None, Some(tensor.to_json().map_err(|error| Fault::invalid_input(error.to_string()))?))
            };
            outputs.push(Given {
                name: tensor.name(),
                shape: tensor.shape(),
                datatype: tensor.datatype(),
                parameters,
                data,
            });
        }
        let answer = Answer { model_name: self.model, model_version: self.version, id: self.id, outputs };
        let mut body = serde_json::to_vec(&answer)
            .map_err(|error| Fault::internal(format!("an answer could not be written: {error}")))?;
        let any_binary = self.outputs.iter().any(|(_, binary)| *binary);
        let header = any_binary.then_some(body.len());
        body.extend(bytes);
        Ok((body, header))
    }
}
