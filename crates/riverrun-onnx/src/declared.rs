//! What a model's file says of itself, read before any backend loads it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use riverrun_runner::wire::{Datatype, TensorSpec};
use rten_onnx::onnx::{DataType, GraphProto, ModelProto, ValueInfoProto};

use crate::error::OnnxError;
use crate::external::{self, External, ExternalTensor};
use crate::walk::{self, Message};

/// A tensor that a model takes or gives, as its file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    pub(crate) name: Arc<str>,
    pub(crate) datatype: Datatype,
    /// None where the file leaves it open.
    pub(crate) shape: Option<Vec<Dimension>>,
}

/// One dimension of a declared tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// Always this many.
    Fixed(usize),
    /// As many as there are, by this name in the file.
    Open(String),
}

impl Declared {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of its elements.
    #[must_use]
    pub fn datatype(&self) -> Datatype {
        self.datatype
    }

    /// Its dimensions; nothing where the file leaves open how many there are.
    #[must_use]
    pub fn shape(&self) -> Option<&[Dimension]> {
        self.shape.as_deref()
    }

    /// As the Open Inference Protocol describes it.
    #[must_use]
    pub fn spec(&self) -> TensorSpec {
        let size = |dimension: &Dimension| match dimension {
            Dimension::Fixed(size) => i64::try_from(*size).unwrap_or(-1),
            Dimension::Open(_) => -1,
        };
        let shape = self.shape.iter().flatten().map(size).collect();
        TensorSpec { name: self.name.to_string(), datatype: self.datatype, shape }
    }

    /// Its shape for a message: `[batch, 1, 784]`.
    pub(crate) fn shape_text(&self) -> String {
        let Some(shape) = &self.shape else { return "any shape".to_owned() };
        shape_text(shape)
    }
}

pub(crate) fn shape_text<'a>(shape: impl IntoIterator<Item = &'a Dimension>) -> String {
    let texts: Vec<String> = shape
        .into_iter()
        .map(|dimension| match dimension {
            Dimension::Fixed(size) => size.to_string(),
            Dimension::Open(name) if name.is_empty() => "?".to_owned(),
            Dimension::Open(name) => name.clone(),
        })
        .collect();
    format!("[{}]", texts.join(", "))
}

/// A model's file as far as it is needed to use it.
#[derive(Debug)]
pub(crate) struct ModelFile {
    pub(crate) inputs: Vec<Declared>,
    pub(crate) outputs: Vec<Declared>,
    /// `domain::Operator`, or the operator alone where it is ONNX's own; sorted, those of subgraphs too.
    pub(crate) operators: Vec<String>,
    pub(crate) external: Vec<External>,
}

impl ModelFile {
    /// Reads what `bytes`, the content of `path`, declares; checks that external weights are where they may be.
    pub(crate) fn read(path: &Path, bytes: &[u8], outputs: Option<&[String]>) -> Result<Self, OnnxError> {
        let damaged = |problem: String| OnnxError::Damaged { path: path.to_owned(), problem };
        if bytes.is_empty() {
            return Err(damaged("it is empty".to_owned()));
        }
        // The decoders recurse, so the depth is looked at before them.
        let found = Found::read(bytes).map_err(damaged)?;
        let model = ModelProto::parse_buf(bytes).map_err(|error| damaged(error.to_string()))?;
        // It stands last in most files, so one that was cut between two fields lacks it.
        if !walk::fields(bytes).any(|field| matches!(field, Ok((OPSET_IMPORT, _)))) {
            return Err(damaged("it ends before it says which version of the operators it is made of".to_owned()));
        }
        let graph = model.graph.ok_or_else(|| damaged("it has no graph".to_owned()))?;
        if graph.output.is_empty() {
            return Err(damaged("it gives nothing".to_owned()));
        }
        check_names(&graph).map_err(damaged)?;
        // An input with an initializer of its name has a value already.
        let given: BTreeSet<&str> = graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref()).collect();
        let open = graph.input.iter().filter(|input| !input.name.as_deref().is_some_and(|name| given.contains(name)));
        let inputs = open.map(|input| declared(path, "takes", input)).collect::<Result<Vec<_>, _>>()?;
        let wanted = |output: &&ValueInfoProto| {
            outputs.is_none_or(|names| names.iter().any(|name| Some(name.as_str()) == output.name.as_deref()))
        };
        let wanted_outputs: Vec<_> = graph
            .output
            .iter()
            .filter(wanted)
            .map(|output| declared(path, "gives", output))
            .collect::<Result<_, _>>()?;
        if let Some(missing) =
            outputs.into_iter().flatten().find(|name| !wanted_outputs.iter().any(|output| *output.name == ***name))
        {
            let all: Vec<_> = graph.output.iter().filter_map(|output| output.name.as_deref()).collect();
            return Err(OnnxError::Unsupported {
                path: path.to_owned(),
                problem: format!("gives no `{missing}`; its outputs are {}", all.join(", ")),
            });
        }
        let mut external = Vec::new();
        for tensor in &found.external {
            let weights = external::check(path, tensor)?;
            if !external.contains(&weights) {
                external.push(weights);
            }
        }
        Ok(Self { inputs, outputs: wanted_outputs, operators: found.operators.into_iter().collect(), external })
    }
}

/// What a model is made of, wherever in it: the graphs of attributes, functions and training included, which backends read, too.
#[derive(Default)]
struct Found<'a> {
    operators: BTreeSet<String>,
    external: Vec<ExternalTensor<'a>>,
}

impl<'a> Found<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut found = Self::default();
        walk::walk(bytes, |message, bytes| {
            match message {
                Message::Node => {
                    let operator = walk::text(bytes, OP_TYPE)?;
                    found.operators.insert(match walk::text(bytes, DOMAIN)? {
                        "" | "ai.onnx" => operator.to_owned(),
                        domain => format!("{domain}::{operator}"),
                    });
                }
                Message::Tensor => found.external.extend(ExternalTensor::read(bytes)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// The numbers of `op_type` and `domain` in `NodeProto`.
const OP_TYPE: u64 = 4;
const DOMAIN: u64 = 7;

/// The number of `opset_import` in `ModelProto`.
const OPSET_IMPORT: u64 = 8;

/// What backends take for granted, and stop at without words.
fn check_names(graph: &GraphProto) -> Result<(), String> {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    known.extend(graph.input.iter().filter_map(|input| input.name.as_deref()));
    known.extend(graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref()));
    known.extend(graph.node.iter().flat_map(|node| &node.output).map(String::as_str));
    match graph.output.iter().find(|output| output.name.as_deref().is_none_or(|name| !known.contains(name))) {
        Some(output) => Err(format!("nothing in it makes its output `{}`", output.name.as_deref().unwrap_or_default())),
        None => Ok(()),
    }
}

fn declared(path: &Path, does: &str, value: &ValueInfoProto) -> Result<Declared, OnnxError> {
    let name = value.name.clone().unwrap_or_default();
    let unsupported =
        |what: String| OnnxError::Unsupported { path: path.to_owned(), problem: format!("{does} `{name}`, {what}") };
    let Some(tensor) = value.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref()) else {
        return Err(unsupported(
            "which is no tensor but a sequence or a map; export it with tensors alone (`zipmap=False` of skl2onnx), or choose \
             other outputs"
                .to_owned(),
        ));
    };
    let datatype = match tensor.elem_type {
        Some(DataType::FLOAT) => Datatype::Fp32,
        Some(DataType::DOUBLE) => Datatype::Fp64,
        Some(DataType::INT8) => Datatype::Int8,
        Some(DataType::INT16) => Datatype::Int16,
        Some(DataType::INT32) => Datatype::Int32,
        Some(DataType::INT64) => Datatype::Int64,
        Some(DataType::UINT8) => Datatype::Uint8,
        Some(DataType::UINT16) => Datatype::Uint16,
        Some(DataType::UINT32) => Datatype::Uint32,
        Some(DataType::UINT64) => Datatype::Uint64,
        Some(DataType::BOOL) => Datatype::Bool,
        Some(DataType::STRING) => Datatype::Bytes,
        other => {
            let kind = other.map_or_else(|| "no type".to_owned(), |kind| format!("type {kind}"));
            return Err(unsupported(format!("a tensor of {kind}; export it with inputs and outputs of FLOAT")));
        }
    };
    let shape = tensor.shape.as_ref().map(|shape| {
        let dimension = |dimension: &rten_onnx::onnx::Dimension| {
            match dimension.dim_value.map(usize::try_from) {
                Some(Ok(size)) => Dimension::Fixed(size),
                // Some exporters write -1 for what is open.
                Some(Err(_)) | None => Dimension::Open(dimension.dim_param.clone().unwrap_or_default()),
            }
        };
        shape.dim.iter().map(dimension).collect()
    });
    Ok(Declared { name: name.into(), datatype, shape })
}
