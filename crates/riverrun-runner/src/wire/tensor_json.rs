//! Tensors in the Open Inference Protocol's JSON.

use serde_json::Value;

use super::{Datatype, Tensor, TensorData};
use crate::runnable::ItemError;

impl Tensor {
    /// Its elements as a flat JSON list, row by row.
    ///
    /// # Errors
    /// JSON has no place for them: bytes that are not UTF-8, `FP16`.
    pub fn to_json(&self) -> Result<Value, ItemError> {
        let data = match self.data() {
            TensorData::Strings(strings) => {
                let text = |bytes: &Vec<u8>| match std::str::from_utf8(bytes) {
                    Ok(text) => Ok(Value::from(text)),
                    Err(_) => {
                        let message =
                            format!("tensor `{}` has bytes that are not UTF-8, which JSON can't hold", self.name());
                        Err(ItemError::new(message))
                    }
                };
                strings.iter().map(text).collect::<Result<_, _>>()?
            }
            TensorData::Fixed(bytes) => numbers(self.datatype(), bytes).ok_or_else(|| {
                let (name, datatype) = (self.name(), self.datatype());
                ItemError::new(format!("tensor `{name}` is of type {datatype}, which JSON can't hold; ask for bytes"))
            })?,
        };
        Ok(Value::Array(data))
    }

    /// The tensor of these elements, a flat or nested JSON list.
    ///
    /// # Errors
    /// It is no list, an element is not of the type, or the elements do not fill the shape.
    pub fn from_json(name: String, datatype: Datatype, shape: Vec<u64>, data: &Value) -> Result<Self, ItemError> {
        let list = data.as_array().ok_or_else(|| ItemError::new(format!("the data of tensor `{name}` is no list")))?;
        let mut flat = Vec::with_capacity(list.len());
        flatten(list, &mut flat, 0)
            .ok_or_else(|| ItemError::new(format!("the data of tensor `{name}` is nested too deeply")))?;
        let wrong = |value: &Value| {
            let shown: String = value.to_string().chars().take(100).collect();
            ItemError::new(format!("tensor `{name}` of type {datatype} has an element `{shown}`"))
        };
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
        Self::new(name, datatype, shape, data)
    }
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
    use serde_json::json;

    use super::*;

    fn read(datatype: Datatype, shape: &[u64], data: &Value) -> Result<Tensor, ItemError> {
        Tensor::from_json("x".to_owned(), datatype, shape.to_vec(), data)
    }

    proptest! {
        #[test]
        fn numbers_survive_json_bit_for_bit(numbers in prop::collection::vec(-1e30_f32..1e30, 0..20)) {
            let tensor = Tensor::fp32("x", &numbers);

            let text = serde_json::to_string(&tensor.to_json().unwrap()).unwrap();

            let data = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read(Datatype::Fp32, tensor.shape(), &data).unwrap(), tensor);
        }
    }

    #[test]
    fn elements_of_another_type_are_an_error_that_shows_them() {
        assert!(read(Datatype::Int8, &[1], &json!([200])).unwrap_err().to_string().contains("`200`"));
        assert!(read(Datatype::Bytes, &[1], &json!([1])).unwrap_err().to_string().contains("`1`"));
        assert!(read(Datatype::Fp32, &[1], &json!("a")).unwrap_err().to_string().contains("no list"));
    }

    #[test]
    fn nested_data_is_read_row_by_row() {
        let nested = read(Datatype::Int32, &[2, 2], &json!([[1, 2], [3, 4]]));

        assert_eq!(nested, read(Datatype::Int32, &[2, 2], &json!([1, 2, 3, 4])));
    }
}
