//! Tensors as they stand in a request and an answer of the Open Inference Protocol.

use riverrun_runner::wire::{Datatype, Tensor};
use serde_json::{Value, json};

/// A tensor as JSON, under the name and of the shape that the model wants.
pub(super) fn write(tensor: &Tensor, name: &str, shape: &[u64]) -> Result<Value, String> {
    let data = tensor.to_json().map_err(|error| error.to_string())?;
    Ok(json!({ "name": name, "datatype": tensor.datatype(), "shape": shape, "data": data }))
}

/// Reads a tensor under the name that the runner knows it by.
pub(super) fn read(value: &Value, name: &str) -> Result<Tensor, String> {
    let datatype = value["datatype"].as_str().ok_or_else(|| format!("tensor `{name}` has no `datatype`"))?;
    let datatype: Datatype = datatype.parse().map_err(|error| format!("tensor `{name}`: {error}"))?;
    let shape = value["shape"].as_array().and_then(|shape| shape.iter().map(Value::as_u64).collect::<Option<Vec<_>>>());
    let shape = shape.ok_or_else(|| format!("tensor `{name}` has no `shape`"))?;
    Tensor::from_json(name.to_owned(), datatype, shape, &value["data"]).map_err(|error| error.to_string())
}
