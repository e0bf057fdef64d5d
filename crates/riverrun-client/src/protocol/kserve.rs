//! The Open Inference Protocol (KServe V2) over HTTP, in JSON.

use bytes::Bytes;
use riverrun_runner::wire::{Map, Portable, Tensor, TensorSpec};
use serde_json::{Value, json};

use super::json::{self, JSON, headers};
use super::{Decoded, Encoded, Protocol, describe, tensor_json};
use crate::http::Reply;

/// What `/v2/models/{name}` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) versions: Vec<String>,
    pub(crate) inputs: Vec<TensorSpec>,
    pub(crate) outputs: Vec<TensorSpec>,
}

impl Metadata {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| format!("its metadata is no JSON: {error}"))?;
        let specs = |field: &str| {
            let list = value[field].as_array().ok_or_else(|| format!("its metadata has no `{field}`"))?;
            list.iter().map(spec).collect::<Result<Vec<_>, String>>()
        };
        let versions = value["versions"].as_array().into_iter().flatten();
        Ok(Self {
            name: value["name"].as_str().unwrap_or_default().to_owned(),
            versions: versions.filter_map(Value::as_str).map(str::to_owned).collect(),
            inputs: specs("inputs")?,
            outputs: specs("outputs")?,
        })
    }

    /// How many items a request can have: as many as the first dimension allows.
    fn max_items(&self) -> usize {
        let fixed = self.inputs.iter().filter_map(|spec| usize::try_from(*spec.shape.first()?).ok());
        fixed.min().unwrap_or(usize::MAX).max(1)
    }
}

fn spec(value: &Value) -> Result<TensorSpec, String> {
    let name = value["name"].as_str().ok_or_else(|| "its metadata has a tensor without a name".to_owned())?;
    let datatype = value["datatype"].as_str().unwrap_or_default();
    // Triton names the type of its configuration in some versions.
    let datatype = match datatype.strip_prefix("TYPE_").unwrap_or(datatype) {
        "STRING" => "BYTES",
        other => other,
    };
    let datatype = datatype.parse().map_err(|error| format!("its tensor `{name}`: {error}"))?;
    let shape = value["shape"].as_array().into_iter().flatten();
    let dimension = |size: &Value| size.as_i64().or_else(|| size.as_str()?.parse().ok()).unwrap_or(-1);
    Ok(TensorSpec { name: name.to_owned(), datatype, shape: shape.map(dimension).collect() })
}

pub(crate) struct Kserve {
    pub(crate) metadata: Metadata,
}

impl Kserve {
    /// Checks that the model takes and gives the tensors that the runner knows: by name, or by place where there are as
    /// many.
    ///
    /// # Errors
    /// It does not; the reason lists both.
    pub(crate) fn new<R: Portable>(metadata: Metadata) -> Result<Self, String> {
        for (what, theirs, ours) in
            [("takes", &metadata.inputs, R::tensor_inputs()), ("gives", &metadata.outputs, R::tensor_outputs())]
        {
            for (index, spec) in ours.iter().enumerate() {
                let Some(found) = matching(theirs, ours.len(), index, &spec.name) else {
                    return Err(format!(
                        "its model `{}` {what} the tensors {}, and the runner knows {}",
                        metadata.name,
                        names(theirs),
                        names(&ours)
                    ));
                };
                if found.datatype != spec.datatype {
                    return Err(format!(
                        "the tensor `{}` of its model `{}` is of type {}, and the runner's `{}` is of type {}",
                        found.name, metadata.name, found.datatype, spec.name, spec.datatype
                    ));
                }
            }
        }
        Ok(Self { metadata })
    }
}

/// The service's tensor for the runner's tensor `name` at `index` of `count`.
fn matching<'a>(theirs: &'a [TensorSpec], count: usize, index: usize, name: &str) -> Option<&'a TensorSpec> {
    let by_name = theirs.iter().find(|spec| spec.name == name);
    by_name.or_else(|| theirs.get(index).filter(|_| theirs.len() == count))
}

fn names(specs: &[TensorSpec]) -> String {
    let each: Vec<String> = specs.iter().map(|spec| format!("`{}` ({})", spec.name, spec.datatype)).collect();
    each.join(", ")
}

/// The runner's shape, with the ones at its end that the model's has: `[n]` for `[-1, 1]` is `[n, 1]`.
fn shape_for(tensor: &Tensor, spec: &TensorSpec) -> Vec<u64> {
    let mut shape = tensor.shape().to_vec();
    while shape.len() < spec.shape.len() && matches!(spec.shape[shape.len()], 1 | -1) {
        shape.push(1);
    }
    shape
}

impl<R: Portable> Protocol<R> for Kserve {
    fn max_items(&self) -> usize {
        self.metadata.max_items()
    }

    fn encode(&self, method: Option<&str>, inputs: &[R::Input], parameters: &Map) -> Result<Encoded, String> {
        if let Some(method) = method {
            return Err(format!("the protocol KServe V2 has no methods, so `{method}` can't be called"));
        }
        let refs: Vec<&R::Input> = inputs.iter().collect();
        let tensors = R::inputs_to_tensors(&refs).map_err(|error| error.to_string())?;
        let mut written = Vec::with_capacity(tensors.len());
        for (index, tensor) in tensors.iter().enumerate() {
            let spec = matching(&self.metadata.inputs, tensors.len(), index, tensor.name())
                .ok_or_else(|| format!("the service's model has no tensor `{}`", tensor.name()))?;
            written.push(tensor_json::write(tensor, &spec.name, &shape_for(tensor, spec))?);
        }
        let ours = R::tensor_outputs();
        let wanted: Vec<Value> = ours
            .iter()
            .enumerate()
            .filter_map(|(index, spec)| matching(&self.metadata.outputs, ours.len(), index, &spec.name))
            .map(|spec| json!({ "name": spec.name }))
            .collect();
        let mut request = json!({ "inputs": written, "outputs": wanted });
        if !parameters.is_empty() {
            request["parameters"] = Value::Object(parameters.clone());
        }
        let body = serde_json::to_vec(&request).map_err(|error| format!("an item can't be written: {error}"))?;
        Ok(Encoded { headers: headers(JSON, JSON), body: Bytes::from(body) })
    }

    fn decode(&self, reply: &Reply, items: usize) -> Result<Decoded<R::Output>, String> {
        let value = json::read(reply)?;
        let outputs = value["outputs"]
            .as_array()
            .ok_or_else(|| format!("`outputs` was expected, and {} came", describe(reply)))?;
        let ours = R::tensor_outputs();
        let mut tensors = Vec::with_capacity(ours.len());
        for (index, spec) in ours.iter().enumerate() {
            let theirs = matching(&self.metadata.outputs, ours.len(), index, &spec.name)
                .ok_or_else(|| format!("the service's model has no tensor `{}`", spec.name))?;
            let found = outputs.iter().find(|output| output["name"] == theirs.name.as_str());
            let found = found.ok_or_else(|| format!("its reply has no tensor `{}`", theirs.name))?;
            let tensor = tensor_json::read(found, &spec.name)?;
            if tensor.items() != items {
                return Err(super::wrong_count(tensor.items(), items));
            }
            tensors.push(tensor);
        }
        let outputs = R::outputs_from_tensors(tensors, items).map_err(|error| error.to_string())?;
        if outputs.len() != items {
            return Err(super::wrong_count(outputs.len(), items));
        }
        Ok(outputs.into_iter().map(Ok).collect())
    }
}
