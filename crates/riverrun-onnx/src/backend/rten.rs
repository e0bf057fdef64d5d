//! RTen. It computes in `f32`, `i32`, `i8` and `u8`; other types are converted at its edge. There `f64` is rounded to `f32`; a number that
//! would become infinite, or an integer beyond 32 bits, is an error.

use std::path::Path;

use riverrun_runner::Compute;
use riverrun_runner::wire::Datatype;
use rten::{Model, ModelOptions, NodeId, RunOptions, Value};
use rten_tensor::prelude::*;
use rten_tensor::{Tensor, TensorView};

use super::Session;
use super::pools::Lent;
use crate::array::{Array, Elements, rounded};
use crate::declared::ModelFile;

struct Rten {
    model: Model,
    inputs: Vec<NodeId>,
    outputs: Vec<NodeId>,
    datatypes: Vec<Datatype>,
}

/// # Errors
/// In words: which operator it lacks, or what else is in the way.
pub(crate) fn load(path: &Path, bytes: Vec<u8>, file: &ModelFile) -> Result<Box<dyn Session>, String> {
    if let Some(tensor) = file.inputs.iter().chain(&file.outputs).find(|tensor| !converts(tensor.datatype)) {
        return Err(format!("`{}` is of type {}, which it does not have", tensor.name, tensor.datatype));
    }
    let mut options = ModelOptions::with_all_ops();
    options.prepack_weights(true);
    for external in &file.external {
        if !names_weights(&external.location) {
            return Err(format!(
                "it takes weights from files called *.data or *.onnx_data beside the model alone, not from `{}`",
                external.location
            ));
        }
        let data = std::fs::read(&external.file)
            .map_err(|error| format!("{} of {}: {error}", external.location, path.display()))?;
        options.external_data(&external.location, data);
    }
    let model = options.load(bytes).map_err(|error| error.to_string())?;
    let nodes = |tensors: &[crate::declared::Declared]| {
        let node = |tensor: &crate::declared::Declared| model.node_id(&tensor.name).map_err(|error| error.to_string());
        tensors.iter().map(node).collect::<Result<Vec<_>, _>>()
    };
    let (inputs, outputs) = (nodes(&file.inputs)?, nodes(&file.outputs)?);
    let datatypes = file.outputs.iter().map(|output| output.datatype).collect();
    Ok(Box::new(Rten { model, inputs, outputs, datatypes }))
}

/// RTen's own rule against reading what is no weights.
fn names_weights(location: &str) -> bool {
    let extension = Path::new(location).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    !location.contains('/') && (extension.starts_with("data") || extension.starts_with("onnx_data"))
}

fn converts(datatype: Datatype) -> bool {
    use Datatype::{Bool, Fp32, Fp64, Int8, Int32, Int64, Uint8};
    matches!(datatype, Bool | Fp32 | Fp64 | Int8 | Int32 | Int64 | Uint8)
}

impl Session for Rten {
    fn run(&self, inputs: Vec<Array>, compute: &Compute) -> Result<Vec<Array>, String> {
        let lent = Lent::of(compute);
        let options = RunOptions::default().with_thread_pool(Some(lent.pool()));
        let values = inputs.into_iter().map(value).collect::<Result<Vec<Value>, _>>()?;
        let inputs = self.inputs.iter().copied().zip(values.into_iter().map(Into::into)).collect();
        let outputs = self.model.run(inputs, &self.outputs, Some(options)).map_err(|error| error.to_string())?;
        outputs.into_iter().zip(&self.datatypes).map(|(value, datatype)| array(value, *datatype)).collect()
    }
}

/// Takes the elements as they are where RTen has their type.
fn value(array: Array) -> Result<Value, String> {
    let shape = array.shape().to_vec();
    macro_rules! tensor {
        ($data:expr) => {
            Tensor::try_from_data(shape.as_slice(), $data).map(Value::from).map_err(|error| error.to_string())
        };
    }
    match array.into_data() {
        Elements::F32(data) => tensor!(data),
        Elements::F64(data) => {
            let narrow = |number: f64| {
                rounded(number).ok_or_else(|| format!("it computes with 32-bit floats and cannot take {number:e}"))
            };
            tensor!(data.into_iter().map(narrow).collect::<Result<Vec<_>, _>>()?)
        }
        Elements::I32(data) => tensor!(data),
        Elements::I8(data) => tensor!(data),
        Elements::U8(data) => tensor!(data),
        Elements::Bool(data) => tensor!(data.into_iter().map(i32::from).collect::<Vec<_>>()),
        Elements::I64(data) => {
            let narrow = |number: i64| {
                i32::try_from(number).map_err(|_| format!("it computes with 32-bit integers and cannot take {number}"))
            };
            tensor!(data.into_iter().map(narrow).collect::<Result<Vec<_>, _>>()?)
        }
        other => Err(format!("it has no tensors of type {}", other.datatype())),
    }
}

fn array(value: Value, declared: Datatype) -> Result<Array, String> {
    fn owned<T: Copy>(tensor: Tensor<T>) -> (Vec<usize>, Vec<T>) {
        let shape = tensor.shape().to_vec();
        if tensor.is_contiguous() {
            return (shape, tensor.into_data());
        }
        let view: TensorView<'_, T> = tensor.view();
        (shape, view.iter().copied().collect())
    }
    let (shape, data) = match value {
        Value::FloatTensor(tensor) => {
            let (shape, data) = owned(tensor);
            let wide = declared == Datatype::Fp64;
            (shape, if wide { Elements::F64(data.into_iter().map(f64::from).collect()) } else { Elements::F32(data) })
        }
        Value::Int32Tensor(tensor) => {
            let (shape, data) = owned(tensor);
            let elements = match declared {
                Datatype::Int64 => Elements::I64(data.into_iter().map(i64::from).collect()),
                Datatype::Bool => Elements::Bool(data.into_iter().map(|number| number != 0).collect()),
                _ => Elements::I32(data),
            };
            (shape, elements)
        }
        Value::Int8Tensor(tensor) => {
            let (shape, data) = owned(tensor);
            (shape, Elements::I8(data))
        }
        Value::UInt8Tensor(tensor) => {
            let (shape, data) = owned(tensor);
            (shape, Elements::U8(data))
        }
        other => return Err(format!("it gave {:?} instead of a tensor", other.dtype())),
    };
    Array::with(shape, data).map_err(|error| error.to_string())
}
