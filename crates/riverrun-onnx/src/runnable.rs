//! An ONNX model as what a runner runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use riverrun_runner::wire::{Datatype, Payload, Portable, Tensor, TensorSpec};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable};
use serde_json::{Value, json};

use crate::array::{Array, Elements, rounded};
use crate::backend::BackendKind;
use crate::batch::{Stacking, places, stack, unstack};
use crate::declared::Declared;
use crate::error::OnnxError;
use crate::model::{OnnxModel, PreparedTensors};
use crate::tensors::Tensors;

impl From<OnnxError> for ItemError {
    fn from(error: OnnxError) -> Self {
        Self::new(error.to_string())
    }
}

/// An item is what the model takes without the batch's dimension, and so is its output.
impl Runnable for OnnxModel {
    type Input = Tensors;
    type Prepared = PreparedTensors;
    type Output = Tensors;

    fn prepare(&self, input: Tensors) -> Result<Prepared<PreparedTensors>, ItemError> {
        let arrays = self.arranged(self.converted(input)?, self.stacking.axis())?;
        Ok(Prepared { value: PreparedTensors(Arc::new(arrays)), cost: 1 })
    }

    fn run(
        &self, batch: Vec<PreparedTensors>, compute: &Compute,
    ) -> Result<Vec<Result<Tensors, ItemError>>, ItemError> {
        let Stacking::Along(axis) = self.stacking else {
            return Ok(batch.into_iter().map(|item| self.alone(&item, compute)).collect());
        };
        let mut results: Vec<Option<Result<Tensors, ItemError>>> = batch.iter().map(|_| None).collect();
        for group in by_shape(&batch) {
            let members: Vec<&PreparedTensors> = group.iter().map(|&index| &batch[index]).collect();
            let outputs = self.together(&members, axis, compute)?;
            for (index, output) in group.into_iter().zip(outputs) {
                results[index] = Some(Ok(output));
            }
        }
        let missing = || Err(ItemError::new("the model gave no output for this item"));
        Ok(results.into_iter().map(|result| result.unwrap_or_else(missing)).collect())
    }

    /// Computes one item of zeros; nothing where a dimension is open and any size may be wrong, or where they would be enormous.
    fn warm_up(&self, compute: &Compute) -> Result<(), ItemError> {
        let Some(zeros) = self.zeros() else { return Ok(()) };
        let item = self.prepare(zeros)?.value;
        self.run(vec![item], compute)?.into_iter().try_for_each(|result| result.map(drop))
    }
}

/// A file may declare any size, and warming up is not worth more memory.
const MOST_ZEROS: usize = 1 << 26;

/// The items of each combination of shapes, in the order of the first of each.
fn by_shape(batch: &[PreparedTensors]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, item) in batch.iter().enumerate() {
        let same = |group: &&mut Vec<usize>| {
            group
                .first()
                .is_some_and(|&first| batch[first].0.iter().zip(item.0.iter()).all(|(a, b)| a.shape() == b.shape()))
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

impl OnnxModel {
    fn alone(&self, item: &PreparedTensors, compute: &Compute) -> Result<Tensors, ItemError> {
        let axis = self.stacking.axis();
        let inputs = item.0.iter().map(|array| match axis {
            Some(axis) => stack(&[array], axis).ok_or_else(|| self.no_dimension(axis)),
            None => Ok(array.clone()),
        });
        let outputs = self.execute(inputs.collect::<Result<_, _>>()?, compute)?;
        let mut tensors = Tensors::new();
        for (output, array) in self.outputs().iter().zip(outputs) {
            let array = match axis {
                Some(axis) => unstack(&array, axis, 1)
                    .and_then(|mut arrays| arrays.pop())
                    .ok_or_else(|| self.no_dimension(axis))?,
                None => array,
            };
            tensors.push(output.name.clone(), array);
        }
        Ok(tensors)
    }

    fn together(&self, items: &[&PreparedTensors], axis: usize, compute: &Compute) -> Result<Vec<Tensors>, ItemError> {
        let mut stacked_items = items.to_vec();
        // Two rows, not one: RTen takes a lone row through its product of a matrix with a vector, which sums in another order, and the
        // item's result would depend on whether it came alone. ONNX Runtime gives a lone row the same bits.
        if let ([only], BackendKind::Rten) = (items, self.backend()) {
            stacked_items.push(only);
        }
        let inputs = (0..self.inputs().len()).map(|input| {
            let arrays: Vec<&Array> = stacked_items.iter().map(|item| &item.0[input]).collect();
            stack(&arrays, axis).ok_or_else(|| self.no_dimension(axis))
        });
        let outputs = self.execute(inputs.collect::<Result<_, _>>()?, compute)?;
        let mut tensors: Vec<Tensors> = items.iter().map(|_| Tensors::new()).collect();
        for (output, array) in self.outputs().iter().zip(outputs) {
            let parts = unstack(&array, axis, stacked_items.len()).ok_or_else(|| {
                let (name, shape) = (&output.name, array.shape());
                ItemError::new(format!(
                    "the output `{name}` of {} items has the shape {shape:?}, not one part for each in dimension {axis}; load the \
                     model without a batch dimension",
                    stacked_items.len()
                ))
            })?;
            for (tensors, part) in tensors.iter_mut().zip(parts) {
                tensors.push(output.name.clone(), part);
            }
        }
        Ok(tensors)
    }

    /// A tensor of several items: their number, and the shape of one.
    fn of_items(&self, declared: &Declared) -> TensorSpec {
        let mut spec = declared.spec();
        if let Some(axis) = self.stacking.axis().filter(|&axis| axis < spec.shape.len()) {
            spec.shape.remove(axis);
        }
        spec.shape.insert(0, -1);
        spec
    }

    fn no_dimension(&self, axis: usize) -> ItemError {
        ItemError::new(format!("a tensor of {} has no dimension {axis} for a batch", self.path().display()))
    }

    /// An item of zeros, if all its dimensions are fixed and it has at most [`MOST_ZEROS`] elements.
    fn zeros(&self) -> Option<Tensors> {
        let axis = self.stacking.axis();
        let mut tensors = Tensors::new();
        let mut left = MOST_ZEROS;
        for input in self.inputs() {
            let mut shape = input.spec().shape;
            input.shape()?;
            if let Some(axis) = axis.filter(|&axis| axis < shape.len()) {
                shape.remove(axis);
            }
            let shape = shape.into_iter().map(usize::try_from).collect::<Result<Vec<_>, _>>().ok()?;
            let count = places(&shape)?;
            left = left.checked_sub(count)?;
            let data = match input.datatype() {
                Datatype::Fp32 => Elements::F32(vec![0.0; count]),
                Datatype::Fp64 => Elements::F64(vec![0.0; count]),
                Datatype::Int32 => Elements::I32(vec![0; count]),
                Datatype::Int64 => Elements::I64(vec![0; count]),
                Datatype::Uint8 => Elements::U8(vec![0; count]),
                _ => return None,
            };
            tensors.push(input.name.clone(), Array::with(shape, data).ok()?);
        }
        Some(tensors)
    }

    /// Numbers from JSON, which knows one kind, as the types that the model takes.
    fn converted(&self, mut tensors: Tensors) -> Result<Tensors, OnnxError> {
        for (name, array) in tensors.iter_mut() {
            let input = match self.inputs() {
                [only] if name.is_empty() => Some(only),
                inputs => inputs.iter().find(|input| input.name() == name),
            };
            if let Some(input) = input
                && input.datatype() != array.datatype()
                && let Some(converted) = convert(array, input)?
            {
                *array = converted;
            }
        }
        Ok(tensors)
    }
}

/// `array` as another type, where no number is changed by it beyond rounding to a shorter float. Otherwise nothing, and the type is refused.
#[allow(clippy::cast_precision_loss, reason = "rounding is said")]
fn convert(array: &Array, input: &Declared) -> Result<Option<Array>, OnnxError> {
    let shape = array.shape().to_vec();
    let narrow = |&number: &f64| {
        let beyond = || format!("the input `{}` is of type FP32, which cannot hold {number:e}", input.name());
        rounded(number).ok_or_else(|| OnnxError::input(beyond()))
    };
    let data = match (array.data(), input.datatype()) {
        (Elements::F64(data), Datatype::Fp32) => Elements::F32(data.iter().map(narrow).collect::<Result<_, _>>()?),
        (Elements::F32(data), Datatype::Fp64) => Elements::F64(data.iter().map(|&number| f64::from(number)).collect()),
        (Elements::I64(data), Datatype::Fp32) => Elements::F32(data.iter().map(|&number| number as f32).collect()),
        (Elements::I64(data), Datatype::Fp64) => Elements::F64(data.iter().map(|&number| number as f64).collect()),
        (Elements::I64(data), Datatype::Int32) => match data.iter().map(|&number| i32::try_from(number)).collect() {
            Ok(data) => Elements::I32(data),
            Err(_) => return Ok(None),
        },
        (Elements::I64(data), Datatype::Uint8) => match data.iter().map(|&number| u8::try_from(number)).collect() {
            Ok(data) => Elements::U8(data),
            Err(_) => return Ok(None),
        },
        (Elements::I32(data), Datatype::Int64) => Elements::I64(data.iter().map(|&number| i64::from(number)).collect()),
        _ => return Ok(None),
    };
    Array::with(shape, data).map(Some)
}

const WANTED: &str =
    "a tensor is wanted as nested lists of numbers or strings, or an object of such tensors by the inputs' names";

/// Nested lists as a tensor: whole numbers alone are INT64, other numbers FP64, strings BYTES, true and false BOOL.
fn nested(value: &Value) -> Option<Array> {
    let (mut shape, mut leaves) = (Vec::new(), Vec::new());
    collect(value, 0, &mut shape, &mut leaves)?;
    let data = if leaves.iter().all(|leaf| leaf.is_i64()) {
        Elements::I64(leaves.iter().filter_map(|leaf| leaf.as_i64()).collect())
    } else if leaves.iter().all(|leaf| leaf.is_number() || leaf.is_null()) {
        Elements::F64(leaves.iter().map(|leaf| leaf.as_f64().unwrap_or(f64::NAN)).collect())
    } else if leaves.iter().all(|leaf| leaf.is_boolean()) {
        Elements::Bool(leaves.iter().filter_map(|leaf| leaf.as_bool()).collect())
    } else if leaves.iter().all(|leaf| leaf.is_string()) {
        Elements::Strings(leaves.iter().filter_map(|leaf| leaf.as_str().map(str::to_owned)).collect())
    } else {
        return None;
    };
    Array::with(shape, data).ok()
}

/// The leaves of lists that are of one length on each level.
fn collect<'a>(value: &'a Value, depth: usize, shape: &mut Vec<usize>, leaves: &mut Vec<&'a Value>) -> Option<()> {
    let Value::Array(list) = value else {
        leaves.push(value);
        return (depth == shape.len() && !value.is_object()).then_some(());
    };
    // A leaf has been seen at this depth.
    if depth == shape.len() {
        if !leaves.is_empty() {
            return None;
        }
        shape.push(list.len());
    }
    if shape[depth] != list.len() {
        return None;
    }
    list.iter().try_for_each(|value| collect(value, depth + 1, shape, leaves))
}

fn from_value(value: &Value) -> Option<Tensors> {
    let Value::Object(object) = value else { return nested(value).map(Tensors::from) };
    let mut tensors = Tensors::new();
    for (name, value) in object {
        let array = match value {
            Value::Object(_) => serde_json::from_value(value.clone()).ok()?,
            value => nested(value)?,
        };
        tensors.push(name.as_str().into(), array);
    }
    Some(tensors)
}

/// Items are the rows of tensors on the wire: their first dimension counts them.
impl Portable for OnnxModel {
    fn to_payload(input: &Tensors) -> Payload {
        Payload::Value(serde_json::to_value(input).unwrap_or(Value::Null))
    }

    fn from_payload(payload: Payload) -> Result<Tensors, ItemError> {
        let kind = payload.kind();
        from_value(&payload.into_value())
            .ok_or_else(|| ItemError::new(format!("{WANTED}; {kind} of another shape came")))
    }

    /// What tensors a model takes depends on the model, which this side does not have.
    fn tensor_inputs() -> Vec<TensorSpec> {
        Vec::new()
    }

    fn tensor_outputs() -> Vec<TensorSpec> {
        Vec::new()
    }

    fn loaded_inputs(&self) -> Vec<TensorSpec> {
        self.inputs().iter().map(|input| self.of_items(input)).collect()
    }

    fn loaded_outputs(&self) -> Vec<TensorSpec> {
        self.outputs().iter().map(|output| self.of_items(output)).collect()
    }

    fn loaded_schema(&self) -> Value {
        let tensor = |input: &Declared| {
            let (mut shape, datatype) = (self.of_items(input).shape, input.datatype());
            shape.remove(0);
            let sizes: Vec<String> =
                shape.iter().map(|&size| if size < 0 { "?".into() } else { size.to_string() }).collect();
            let mut schema = json!({
                "description": format!("{datatype} [{}], as nested lists or with `shape` and `data`.", sizes.join(", ")),
                "type": ["array", "object", "number", "string", "boolean"],
            });
            if let Some(example) = input.shape().and_then(|_| example(datatype, &shape)) {
                schema["example"] = example;
            }
            schema
        };
        let names: Vec<&str> = self.inputs().iter().map(Declared::name).collect();
        let properties: serde_json::Map<String, Value> =
            self.inputs().iter().map(|input| (input.name().to_owned(), tensor(input))).collect();
        let object =
            json!({"type": "object", "required": names, "additionalProperties": false, "properties": properties});
        match self.inputs() {
            [only] => {
                json!({"oneOf": [{"type": ["array", "number"], "description": tensor(only)["description"]}, object]})
            }
            _ => object,
        }
    }

    fn inputs_from_tensors(tensors: Vec<Tensor>) -> Result<Vec<Tensors>, ItemError> {
        apart(&tensors, None)
    }

    fn inputs_to_tensors(inputs: &[&Tensors]) -> Result<Vec<Tensor>, ItemError> {
        side_by_side(inputs)
    }

    fn outputs_to_tensors(outputs: &[&Tensors]) -> Result<Vec<Tensor>, ItemError> {
        side_by_side(outputs)
    }

    fn outputs_from_tensors(tensors: Vec<Tensor>, items: usize) -> Result<Vec<Tensors>, ItemError> {
        apart(&tensors, Some(items))
    }

    fn input_schema() -> Value {
        json!({
            "description": "A tensor as nested lists, or an object of tensors by the inputs' names; without the batch's dimension.",
            "oneOf": [{"type": "array"}, {"type": "object"}, {"type": "number"}],
        })
    }

    fn output_schema() -> Value {
        let tensor = json!({
            "type": "object",
            "required": ["shape", "data"],
            "properties": {"shape": {"type": "array", "items": {"type": "integer"}}, "data": {"type": "object"}},
        });
        json!({"type": "object", "additionalProperties": tensor})
    }
}

/// The most elements that somebody may want to see of an example.
const MOST_SHOWN: i64 = 32;

/// A tensor of this shape as nested lists, one element long where a dimension is open.
fn example(datatype: Datatype, shape: &[i64]) -> Option<Value> {
    let element = match datatype {
        Datatype::Fp32 | Datatype::Fp64 => json!(0.5),
        Datatype::Bytes => json!("text"),
        Datatype::Bool => json!(true),
        _ => json!(1),
    };
    let sizes = || shape.iter().map(|&size| size.max(1));
    let elements = sizes().try_fold(1_i64, i64::checked_mul)?;
    let nested = |inner: Value, size: i64| (0..size).map(|_| inner.clone()).collect::<Value>();
    (elements <= MOST_SHOWN).then(|| sizes().rev().fold(element, nested))
}

fn apart(tensors: &[Tensor], wanted: Option<usize>) -> Result<Vec<Tensors>, ItemError> {
    let items = wanted.or_else(|| tensors.first().map(Tensor::items)).unwrap_or(0);
    let shaped = |tensor: &Tensor, problem: String| {
        ItemError::new(format!("tensor `{}` has the shape {:?}{problem}", tensor.name(), tensor.shape()))
    };
    let miscounted = |tensor: &Tensor| shaped(tensor, format!("; its first dimension has to count the {items} items"));
    if let Some(tensor) = tensors.iter().find(|tensor| tensor.shape().is_empty() || tensor.items() != items) {
        return Err(miscounted(tensor));
    }
    // A shape costs nothing: what an item is made of has to have come for each.
    if let Some(first) = tensors.first()
        && wanted.is_none()
        && items > 0
        && tensors.iter().all(|tensor| tensor.shape().contains(&0))
    {
        return Err(shaped(first, format!(", and none of the tensors has an element for any of its {items} items")));
    }
    let mut all: Vec<Tensors> = (0..items).map(|_| Tensors::new()).collect();
    for tensor in tensors {
        let array = Array::from_wire(tensor)?;
        let parts = unstack(&array, 0, items).ok_or_else(|| miscounted(tensor))?;
        let name: Arc<str> = tensor.name().into();
        all.iter_mut().zip(parts).for_each(|(tensors, part)| tensors.push(name.clone(), part));
    }
    Ok(all)
}

fn side_by_side(items: &[&Tensors]) -> Result<Vec<Tensor>, ItemError> {
    let Some(first) = items.first() else { return Ok(Vec::new()) };
    let names: BTreeSet<&str> = items.iter().flat_map(|item| item.iter()).map(|tensor| tensor.0).collect();
    let lacking = |name: &&str| items.iter().any(|item| item.get(name).is_none());
    let some: Vec<String> = names.into_iter().filter(lacking).map(|name| format!("`{name}`")).collect();
    if !some.is_empty() {
        return Err(ItemError::new(format!(
            "some of the items lack {}, so items cannot be rows of the same tensors; ask for JSON",
            some.join(", ")
        )));
    }
    let column = |(name, _): (&str, &Array)| {
        let arrays: Option<Vec<&Array>> = items.iter().map(|item| item.get(name)).collect();
        let stacked = arrays.and_then(|arrays| stack(&arrays, 0)).ok_or_else(|| {
            ItemError::new(format!(
                "the items' tensors `{name}` differ in shape or type, so they cannot be one tensor; ask for JSON"
            ))
        })?;
        stacked.to_wire(name)
    };
    first.iter().map(column).collect()
}
