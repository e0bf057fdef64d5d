//! What is stored of a model whose weights are rounded ahead.
//!
//! Weights in bytes stand under the names of their own: `{weight}_int8`, I8 `[outputs, inputs]`, and `{weight}_scale`, F32
//! `[outputs]`, so that a weight that is read in floats elsewhere in the model keeps its name. Weights in half-length floats, and all that
//! is not rounded, are where they were.

use std::collections::{BTreeMap, BTreeSet};

use super::stored_tensor::StoredTensor;
use crate::InferenceError;
use crate::kernels::Quantized;

/// What the bytes of a weight are called.
pub(super) fn bytes_name(weight: &str) -> String {
    format!("{weight}_int8")
}

/// What the scales of a weight's rows are called.
pub(super) fn scales_name(weight: &str) -> String {
    format!("{weight}_scale")
}

/// Which tensors were read while a model was loaded, and in which numbers.
#[derive(Default)]
pub(super) struct Recording {
    floats: BTreeSet<String>,
    halves: BTreeSet<String>,
    bytes: BTreeMap<String, [StoredTensor; 2]>,
}

impl Recording {
    pub(super) fn floats(&mut self, name: String) {
        self.floats.insert(name);
    }

    pub(super) fn halves(&mut self, name: String) {
        self.halves.insert(name);
    }

    pub(super) fn bytes(&mut self, name: String, inputs: usize, Quantized { bytes, scales }: &Quantized) {
        let (tensor, shape) = (bytes_name(&name), vec![scales.len(), inputs]);
        let bytes =
            StoredTensor { name: tensor, dtype: "I8".to_owned(), shape, bytes: bytemuck::cast_slice(bytes).to_vec() };
        let (tensor, shape) = (scales_name(&name), vec![scales.len()]);
        let scales = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        let scales = StoredTensor { name: tensor, dtype: "F32".to_owned(), shape, bytes: scales };
        self.bytes.insert(name, [bytes, scales]);
    }

    /// All of them, those of four bytes a number first, so that each begins where its numbers may; `read` gives one of the model's own.
    pub(super) fn tensors(
        self, mut read: impl FnMut(&str) -> Result<Option<StoredTensor>, InferenceError>,
    ) -> Result<Vec<StoredTensor>, InferenceError> {
        let mut tensors: Vec<StoredTensor> = self.bytes.into_values().flatten().collect();
        for name in self.floats.union(&self.halves) {
            let Some(mut tensor) = read(name)? else { continue };
            if !self.floats.contains(name) && tensor.dtype == "F32" {
                let halves =
                    tensor.bytes.as_chunks().0.iter().map(|bytes| half::bf16::from_f32(f32::from_le_bytes(*bytes)));
                tensor.bytes = halves.flat_map(half::bf16::to_le_bytes).collect();
                tensor.dtype = "BF16".to_owned();
            }
            tensors.push(tensor);
        }
        let width = |tensor: &StoredTensor| match tensor.dtype.as_str() {
            "F32" => 4,
            "I8" => 1,
            _ => 2,
        };
        tensors.sort_by_key(|tensor| std::cmp::Reverse(width(tensor)));
        Ok(tensors)
    }
}
