//! Tensors, as the Open Inference Protocol knows them.

use serde::{Deserialize, Serialize};

use super::Datatype;
use crate::runnable::ItemError;

/// A named tensor of the Open Inference Protocol (KServe V2): `shape` elements of one type, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    name: String,
    datatype: Datatype,
    shape: Vec<u64>,
    data: TensorData,
}

/// A tensor's elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TensorData {
    /// Of a type with one size: little-endian, row by row, without gaps.
    Fixed(Vec<u8>),
    /// Of the type [`Bytes`](Datatype::Bytes).
    Strings(Vec<Vec<u8>>),
}

/// What a model says of a tensor that it takes or gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Its name.
    pub name: String,
    /// The type of its elements.
    pub datatype: Datatype,
    /// Its dimensions, the items first; -1 where there is no fixed number.
    pub shape: Vec<i64>,
}

impl TensorSpec {
    /// One element of this type per item.
    pub fn per_item(name: impl Into<String>, datatype: Datatype) -> Self {
        Self { name: name.into(), datatype, shape: vec![-1] }
    }
}

impl Tensor {
    /// A tensor whose data fits its type and shape.
    ///
    /// # Errors
    /// It does not fit; the message names the tensor and says what was expected.
    pub fn new(
        name: impl Into<String>, datatype: Datatype, shape: Vec<u64>, data: TensorData,
    ) -> Result<Self, ItemError> {
        let name = name.into();
        let elements = shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size));
        let wrong = |found: String| {
            ItemError::new(format!(
                "tensor `{name}` of type {datatype} and shape {shape:?} has {found}; its data has to fill its shape"
            ))
        };
        match (&data, datatype.size()) {
            (TensorData::Fixed(bytes), Some(size)) => {
                let expected = elements.and_then(|elements| elements.checked_mul(size as u64));
                if expected != Some(bytes.len() as u64) {
                    return Err(wrong(format!("{} bytes of data", bytes.len())));
                }
            }
            (TensorData::Strings(strings), None) => {
                if elements != Some(strings.len() as u64) {
                    return Err(wrong(format!("{} elements", strings.len())));
                }
            }
            (TensorData::Fixed(_), None) => return Err(wrong("no list of strings".to_owned())),
            (TensorData::Strings(_), Some(_)) => return Err(wrong("a list of strings".to_owned())),
        }
        Ok(Self { name, datatype, shape, data })
    }

    /// A tensor `[strings]` of strings.
    pub fn strings(name: impl Into<String>, strings: Vec<Vec<u8>>) -> Self {
        let shape = vec![strings.len() as u64];
        Self { name: name.into(), datatype: Datatype::Bytes, shape, data: TensorData::Strings(strings) }
    }

    /// A tensor `[numbers]` of 32-bit floats.
    pub fn fp32(name: impl Into<String>, numbers: &[f32]) -> Self {
        let shape = vec![numbers.len() as u64];
        let data = TensorData::Fixed(numbers.iter().flat_map(|number| number.to_le_bytes()).collect());
        Self { name: name.into(), datatype: Datatype::Fp32, shape, data }
    }

    /// The same elements in another shape.
    ///
    /// # Errors
    /// The shape has room for another number of elements.
    pub fn reshape(self, shape: Vec<u64>) -> Result<Self, ItemError> {
        Self::new(self.name, self.datatype, shape, self.data)
    }

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

    /// Its dimensions.
    #[must_use]
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Its elements.
    #[must_use]
    pub fn data(&self) -> &TensorData {
        &self.data
    }

    /// How many items it has: the first dimension, or 1 without any.
    #[must_use]
    pub fn items(&self) -> usize {
        self.shape.first().map_or(1, |&items| usize::try_from(items).unwrap_or(usize::MAX))
    }

    /// Its strings, one per item.
    ///
    /// # Errors
    /// It is not of the type `BYTES`, or has other than one string per item.
    pub fn into_strings(self) -> Result<Vec<Vec<u8>>, ItemError> {
        let items = self.items();
        match self.data {
            TensorData::Strings(strings) if strings.len() == items => Ok(strings),
            TensorData::Strings(_) => Err(ItemError::new(format!(
                "tensor `{}` has the shape {:?}; one string per item is wanted: [n] or [n, 1]",
                self.name, self.shape
            ))),
            TensorData::Fixed(_) => {
                Err(ItemError::new(format!("tensor `{}` is of type {}; BYTES is wanted", self.name, self.datatype)))
            }
        }
    }

    /// Its elements as 32-bit floats, row by row.
    ///
    /// # Errors
    /// It is not of the type `FP32` or `FP64`.
    #[allow(clippy::cast_possible_truncation, reason = "that of FP64 is what was asked for")]
    pub fn to_fp32(&self) -> Result<Vec<f32>, ItemError> {
        match (&self.data, self.datatype) {
            (TensorData::Fixed(bytes), Datatype::Fp32) => {
                Ok(bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect())
            }
            (TensorData::Fixed(bytes), Datatype::Fp64) => {
                Ok(bytes.as_chunks().0.iter().map(|chunk| f64::from_le_bytes(*chunk) as f32).collect())
            }
            _ => Err(ItemError::new(format!("tensor `{}` is of type {}; FP32 is wanted", self.name, self.datatype))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_whose_data_does_not_fill_its_shape_is_refused() {
        let fixed = |shape: &[u64], bytes| {
            Tensor::new("x", Datatype::Fp32, shape.to_vec(), TensorData::Fixed(vec![0; bytes])).is_ok()
        };

        assert!(fixed(&[2, 3], 24));
        assert!(fixed(&[0, 3], 0));
        assert!(!fixed(&[2, 3], 23));
        assert!(!fixed(&[u64::MAX, u64::MAX], 4));
    }

    #[test]
    fn strings_and_numbers_are_not_taken_for_each_other() {
        let error = Tensor::new("x", Datatype::Bytes, vec![1], TensorData::Fixed(vec![0])).unwrap_err();
        assert!(error.to_string().contains("tensor `x`"), "{error}");

        assert!(Tensor::fp32("x", &[1.0]).into_strings().unwrap_err().to_string().contains("BYTES is wanted"));
        assert_eq!(Tensor::fp32("x", &[1.5, -2.0]).to_fp32().unwrap(), [1.5, -2.0]);
    }

    #[test]
    fn two_strings_per_item_are_refused_where_one_is_wanted() {
        let pairs = Tensor::strings("x", vec![b"a".to_vec(), b"b".to_vec()]).reshape(vec![1, 2]).unwrap();

        assert!(pairs.into_strings().unwrap_err().to_string().contains("[1, 2]"));
    }
}
