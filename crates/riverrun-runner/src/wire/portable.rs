//! Runnables whose items can leave the process.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Datatype, Map, Payload, Tensor, TensorSpec};
use crate::runnable::{ItemError, Runnable};

/// A [`Runnable`] whose items can leave the process: what services serve and remote runners call.
///
/// Nothing that crosses takes `self`: the side that calls has no model loaded. What is `loaded_…` is what a service says of its model.
///
/// The tensors are those of the Open Inference Protocol (KServe V2). By default there is one `BYTES` tensor `input` with an
/// item's text, or its JSON where it is none, and one `output` with JSON; a lone tensor is taken by any name.
pub trait Portable: Runnable<Input: Sync, Output: Serialize + DeserializeOwned + Sync> {
    /// The item as it crosses the process.
    fn to_payload(input: &Self::Input) -> Payload;

    /// The item that arrived.
    ///
    /// # Errors
    /// It is not of the shape that the runnable takes; the message says which that is.
    fn from_payload(payload: Payload) -> Result<Self::Input, ItemError>;

    /// How an output stands in the answer to a list of inputs; as it would alone, by default.
    fn in_list<'a>(output: &'a Self::Output, parameters: &Map) -> &'a dyn erased_serde::Serialize {
        let _ = parameters;
        output
    }

    /// The tensors that it takes.
    fn tensor_inputs() -> Vec<TensorSpec> {
        vec![TensorSpec::per_item("input", Datatype::Bytes)]
    }

    /// The tensors that it gives.
    fn tensor_outputs() -> Vec<TensorSpec> {
        vec![TensorSpec::per_item("output", Datatype::Bytes)]
    }

    /// The tensors that this one takes, where that depends on what was loaded.
    fn loaded_inputs(&self) -> Vec<TensorSpec> {
        Self::tensor_inputs()
    }

    /// The tensors that this one gives, where that depends on what was loaded.
    fn loaded_outputs(&self) -> Vec<TensorSpec> {
        Self::tensor_outputs()
    }

    /// What the numbers of a row are called, in their order, where items are rows.
    fn feature_names(&self) -> Option<Vec<String>> {
        None
    }

    /// The items that a request's tensors hold.
    ///
    /// # Errors
    /// They are not those of [`tensor_inputs`](Self::tensor_inputs).
    fn inputs_from_tensors(tensors: Vec<Tensor>) -> Result<Vec<Self::Input>, ItemError> {
        let strings = only(tensors, "input")?.into_strings()?;
        strings.into_iter().map(|string| Self::from_payload(payload(string)?)).collect()
    }

    /// The tensors that hold these items.
    ///
    /// # Errors
    /// An item can't be written.
    fn inputs_to_tensors(inputs: &[&Self::Input]) -> Result<Vec<Tensor>, ItemError> {
        let string = |input: &&Self::Input| match Self::to_payload(input) {
            Payload::Text(text) => Ok(text.into_bytes()),
            Payload::Bytes(bytes) => Ok(bytes),
            Payload::Value(value) => serde_json::to_vec(&value).map_err(|error| ItemError::new(error.to_string())),
        };
        Ok(vec![Tensor::strings("input", inputs.iter().map(string).collect::<Result<_, _>>()?)])
    }

    /// The tensors that hold these outputs.
    ///
    /// # Errors
    /// An output can't be written.
    fn outputs_to_tensors(outputs: &[&Self::Output]) -> Result<Vec<Tensor>, ItemError> {
        let string =
            |output: &&Self::Output| serde_json::to_vec(output).map_err(|error| ItemError::new(error.to_string()));
        Ok(vec![Tensor::strings("output", outputs.iter().map(string).collect::<Result<_, _>>()?)])
    }

    /// The outputs that a response's tensors hold, one for each of `items`.
    ///
    /// # Errors
    /// They are not those of [`tensor_outputs`](Self::tensor_outputs), or not one per item.
    fn outputs_from_tensors(tensors: Vec<Tensor>, items: usize) -> Result<Vec<Self::Output>, ItemError> {
        let strings = only(tensors, "output")?.into_strings()?;
        if strings.len() != items {
            return Err(ItemError::new(format!("{} outputs came for {items} items", strings.len())));
        }
        let output = |string: Vec<u8>| {
            serde_json::from_slice(&string)
                .map_err(|error| ItemError::new(format!("an output is not as expected: {error}")))
        };
        strings.into_iter().map(output).collect()
    }

    /// The media types of the files that are an item by themselves, as [`Payload::Bytes`]: `image/png`, say. None by default.
    #[must_use]
    fn media_types() -> &'static [&'static str] {
        &[]
    }

    /// A request's parameters beside an item that arrived: [`Payload::with_parameters`], unless its own form has another place for them.
    #[must_use]
    fn beside(payload: Payload, parameters: &Map) -> Payload {
        payload.with_parameters(parameters)
    }

    /// The JSON Schema of an item.
    fn input_schema() -> Value {
        json!({})
    }

    /// The JSON Schema of an item of this one, where that depends on what was loaded.
    fn loaded_schema(&self) -> Value {
        Self::input_schema()
    }

    /// The JSON Schema of an output.
    fn output_schema() -> Value {
        json!({})
    }
}

/// The one tensor that there has to be, whatever it is called: services of others have names of their own.
fn only(tensors: Vec<Tensor>, name: &str) -> Result<Tensor, ItemError> {
    let names: Vec<String> = tensors.iter().map(|tensor| format!("`{}`", tensor.name())).collect();
    let mut tensors = tensors.into_iter();
    match (tensors.next(), tensors.next()) {
        (Some(tensor), None) => Ok(tensor),
        _ => Err(ItemError::new(format!("one tensor `{name}` is wanted, {} came: {}", names.len(), names.join(", ")))),
    }
}

/// A string of a tensor: JSON where it is an object or list, text otherwise.
fn payload(string: Vec<u8>) -> Result<Payload, ItemError> {
    if matches!(string.first(), Some(b'{' | b'['))
        && let Ok(value) = serde_json::from_slice::<Value>(&string)
    {
        return Ok(Payload::Value(value));
    }
    let text = String::from_utf8(string).map_err(|error| ItemError::new(format!("a string is not UTF-8: {error}")))?;
    Ok(Payload::Text(text))
}
