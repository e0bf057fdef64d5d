//! Tensors in the Open Inference Protocol's JSON.

use riverrun_runner::wire::{Datatype, Tensor, TensorData};
use serde_json::{Value, json};

/// A tensor as JSON, under the name and of the shape that the model wants.
pub(super) fn write(tensor: &Tensor, name: &str, shape: &[u64]) -> Result<Value, String> {
    let data: Vec<Value> = match tensor.data() {
        TensorData::Strings(strings) => {
            let text = |bytes: &Vec<u8>| match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Value::from(text)),
                Err(_) => Err(format!("tensor `{name}` has bytes that are not UTF-8, which JSON can't hold")),
            };
            strings.iter().map(text).collect::<Result<_, _>>()?
        }
        TensorData::Fixed(bytes) => numbers(tensor.datatype(), bytes)
            .ok_or_else(|| format!("tensor `{name}` is of type {}, which JSON can't hold", tensor.datatype()))?,
    };
    Ok(json!({ "name": name, "datatype": tensor.datatype().name(), "shape": shape, "data": data }))
}

fn numbers(datatype: Datatype, bytes: &[u8]) -> Option<Vec<Value>> {
    fn each<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> Value) -> Vec<Value> {
        bytes.as_chunks::<N>().0.iter().map(|&chunk| read(chunk)).collect()
    }
    Some(match datatype {
        Datatype::Bool => each(bytes, |[byte]| (byte != 0).into()),
        Datatype::Uint8 => each(bytes, |chunk| u8::from_le_bytes(chunk).into()),
        Datatype::Uint16 => each(bytes, |chunk| u16::from_le_bytes(chunk).into()),
        Datatype::Uint32 => each(bytes, |chunk| u32::from_le_bytes(chunk).into()),
        Datatype::Uint64 => each(bytes, |chunk| u64::from_le_bytes(chunk).into()),
        Datatype::Int8 => each(bytes, |chunk| i8::from_le_bytes(chunk).into()),
        Datatype::Int16 => each(bytes, |chunk| i16::from_le_bytes(chunk).into()),
        Datatype::Int32 => each(bytes, |chunk| i32::from_le_bytes(chunk).into()),
        Datatype::Int64 => each(bytes, |chunk| i64::from_le_bytes(chunk).into()),
        Datatype::Fp32 => each(bytes, |chunk| f32::from_le_bytes(chunk).into()),
        Datatype::Fp64 => each(bytes, |chunk| f64::from_le_bytes(chunk).into()),
        _ => return None,
    })
}

/// Reads a tensor under the name that the runner knows it by.
pub(super) fn read(value: &Value, name: &str) -> Result<Tensor, String> {
    let datatype = value["datatype"].as_str().ok_or_else(|| format!("tensor `{name}` has no `datatype`"))?;
    let datatype: Datatype = datatype.parse().map_err(|error| format!("tensor `{name}`: {error}"))?;
    let shape = value["shape"].as_array().and_then(|shape| shape.iter().map(Value::as_u64).collect::<Option<Vec<_>>>());
    let shape = shape.ok_or_else(|| format!("tensor `{name}` has no `shape`"))?;
    let data = value["data"].as_array().ok_or_else(|| format!("tensor `{name}` has no `data`"))?;
    let mut flat = Vec::with_capacity(data.len());
    flatten(data, &mut flat, 0).ok_or_else(|| format!("the data of tensor `{name}` is nested too deeply"))?;
    let wrong = |value: &Value| format!("tensor `{name}` of type {datatype} has an element `{value}`");
    let data = if datatype == Datatype::Bytes {
        let text = |value: &Value| value.as_str().map(|text| text.as_bytes().to_vec()).ok_or_else(|| wrong(value));
        TensorData::Strings(flat.into_iter().map(text).collect::<Result<_, _>>()?)
    } else {
        let mut bytes = Vec::with_capacity(flat.len() * datatype.size().unwrap_or(1));
        for value in flat {
            push(datatype, value, &mut bytes).ok_or_else(|| wrong(value))?;
        }
        TensorData::Fixed(bytes)
    };
    Tensor::new(name, datatype, shape, data).map_err(|error| error.to_string())
}

/// The protocol allows nested lists where it allows flat ones.
fn flatten<'a>(data: &'a [Value], flat: &mut Vec<&'a Value>, depth: usize) -> Option<()> {
    for value in data {
        match value {
            Value::Array(inner) if depth < 16 => flatten(inner, flat, depth + 1)?,
            Value::Array(_) => return None,
            value => flat.push(value),
        }
    }
    Some(())
}

#[allow(clippy::cast_possible_truncation, reason = "a double to the single precision that the tensor has")]
fn push(datatype: Datatype, value: &Value, bytes: &mut Vec<u8>) -> Option<()> {
    match datatype {
        Datatype::Bool => bytes.push(value.as_bool()?.into()),
        Datatype::Uint8 => bytes.extend(u8::try_from(value.as_u64()?).ok()?.to_le_bytes()),
        Datatype::Uint16 => bytes.extend(u16::try_from(value.as_u64()?).ok()?.to_le_bytes()),
        Datatype::Uint32 => bytes.extend(u32::try_from(value.as_u64()?).ok()?.to_le_bytes()),
        Datatype::Uint64 => bytes.extend(value.as_u64()?.to_le_bytes()),
        Datatype::Int8 => bytes.extend(i8::try_from(value.as_i64()?).ok()?.to_le_bytes()),
        Datatype::Int16 => bytes.extend(i16::try_from(value.as_i64()?).ok()?.to_le_bytes()),
        Datatype::Int32 => bytes.extend(i32::try_from(value.as_i64()?).ok()?.to_le_bytes()),
        Datatype::Int64 => bytes.extend(value.as_i64()?.to_le_bytes()),
        Datatype::Fp32 => bytes.extend((value.as_f64()? as f32).to_le_bytes()),
        Datatype::Fp64 => bytes.extend(value.as_f64()?.to_le_bytes()),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_survive_json_bit_for_bit(numbers in prop::collection::vec(-1e30_f32..1e30, 0..20)) {
            let tensor = Tensor::fp32("scores", &numbers);

            let written = write(&tensor, "renamed", tensor.shape()).unwrap();
            let text = serde_json::to_string(&written).unwrap();

            prop_assert_eq!(read(&serde_json::from_str(&text).unwrap(), "scores").unwrap(), tensor);
        }
    }

    #[test]
    fn integers_that_do_not_fit_their_type_are_an_error() {
        let tensor = json!({"datatype": "INT8", "shape": [1], "data": [200]});

        assert!(read(&tensor, "labels").unwrap_err().contains("200"));
    }

    #[test]
    fn nested_data_is_read_row_by_row() {
        let tensor = json!({"datatype": "INT32", "shape": [2, 2], "data": [[1, 2], [3, 4]]});

        let flat = json!({"datatype": "INT32", "shape": [2, 2], "data": [1, 2, 3, 4]});
        assert_eq!(read(&tensor, "x").unwrap(), read(&flat, "x").unwrap());
    }
}
