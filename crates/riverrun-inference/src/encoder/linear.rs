//! A linear layer with weights as the kernels read them.

use riverrun_runner::Compute;

use super::precision::{Arithmetic, Precision};
use super::weights::Weights;
use crate::InferenceError;
use crate::kernels::{
    Activation, Bf16Matrix, Cpu, Epilogue, Int8Matrix, PackedMatrix, Quantized, gemm, gemm_bf16, gemm_int8,
    turn_weights,
};

/// A linear layer.
pub(super) struct Linear {
    weight: Weight,
    bias: Vec<f32>,
}

enum Weight {
    F32(PackedMatrix),
    Bf16(Bf16Matrix),
    Int8(Int8Matrix),
}

impl Linear {
    /// The layer `{name}.weight`, `[outputs, inputs]`, with `{name}.bias`, in the precision of the weights.
    pub(super) fn load(
        weights: &mut Weights, name: &str, inputs: usize, outputs: usize,
    ) -> Result<Self, InferenceError> {
        Self::joined(weights, &[name.to_owned()], inputs, outputs)
    }

    /// As [`load`](Self::load), in 32-bit floats whatever the precision: for the few rows after the last layer, where rounding
    /// would cost more than it saves.
    pub(super) fn load_head(
        weights: &mut Weights, name: &str, inputs: usize, outputs: usize,
    ) -> Result<Self, InferenceError> {
        Self::load_as(weights.arithmetic().cpu.into(), weights, &[name.to_owned()], inputs, outputs)
    }

    /// The layer of these values: `weight` is `[outputs, inputs]`, and `bias` has as many elements as that has rows.
    pub(super) fn of(weights: &Weights, weight: &[f32], bias: Vec<f32>, inputs: usize) -> Self {
        let outputs = bias.len();
        Self::packed(weights.arithmetic(), vec![weight.to_vec()], bias, inputs, outputs)
    }

    /// As [`of`](Self::of), in 32-bit floats whatever the precision.
    pub(super) fn of_head(weight: &[f32], bias: Vec<f32>, inputs: usize) -> Self {
        Self { weight: Weight::F32(PackedMatrix::from_weight(weight, inputs)), bias }
    }

    /// Layers of the same input as one, their outputs side by side.
    pub(super) fn joined(
        weights: &mut Weights, names: &[String], inputs: usize, outputs: usize,
    ) -> Result<Self, InferenceError> {
        Self::load_as(weights.arithmetic(), weights, names, inputs, outputs)
    }

    fn load_as(
        arithmetic: Arithmetic, weights: &mut Weights, names: &[String], inputs: usize, outputs: usize,
    ) -> Result<Self, InferenceError> {
        let mut tensors = Vec::with_capacity(names.len());
        let mut bias = Vec::with_capacity(names.len() * outputs);
        for name in names {
            tensors.push(weights.tensor(&format!("{name}.weight"), &[outputs, inputs])?);
            bias.extend(weights.tensor(&format!("{name}.bias"), &[outputs])?);
        }
        Ok(Self::packed(arithmetic, tensors, bias, inputs, outputs))
    }

    fn packed(arithmetic: Arithmetic, tensors: Vec<Vec<f32>>, bias: Vec<f32>, inputs: usize, outputs: usize) -> Self {
        // A weight beyond the range of half-length floats would become infinite.
        let fits = |tensor: &Vec<f32>| tensor.iter().all(|value| value.abs() < BF16_END || !value.is_finite());
        let arithmetic = match arithmetic.precision {
            Precision::Bf16 if !tensors.iter().all(fits) => arithmetic.cpu.into(),
            _ => arithmetic,
        };
        Self { weight: Weight::packed(arithmetic, tensors, inputs, outputs), bias }
    }

    /// Writes `activation(rows · weight + bias) + residual` to `out`, `[rows, outputs]`.
    pub(super) fn forward(
        &self, cpu: Cpu, rows: &[f32], activation: Activation, residual: Option<&[f32]>, out: &mut [f32],
        compute: &Compute,
    ) {
        let epilogue = Epilogue { bias: &self.bias, activation, residual };
        match &self.weight {
            Weight::F32(weight) => gemm(cpu, rows, weight, &epilogue, out, compute),
            Weight::Bf16(weight) => gemm_bf16(cpu, rows, weight, &epilogue, out, compute),
            Weight::Int8(weight) => gemm_int8(cpu, rows, weight, &epilogue, out, compute),
        }
    }
}

/// The first number that is rounded to infinity as a half-length float: halfway between the largest and 2¹²⁸.
const BF16_END: f32 = f32::from_bits(0x7f7f_8000);

impl Weight {
    /// The rows of `tensors`, each `[outputs, inputs]`, as columns side by side. Each tensor is dropped when it is packed.
    fn packed(arithmetic: Arithmetic, tensors: Vec<Vec<f32>>, inputs: usize, outputs: usize) -> Self {
        let columns = tensors.len() * outputs;
        let tensors = (0..).step_by(outputs.max(1)).zip(tensors);
        match arithmetic.precision {
            Precision::F32 => {
                let mut packed = PackedMatrix::zeros(inputs, columns);
                tensors.for_each(|(first, tensor)| packed.set_columns(first, &tensor));
                Self::F32(packed)
            }
            Precision::Bf16 => {
                let mut packed = Bf16Matrix::zeros(inputs, columns);
                tensors.for_each(|(first, tensor)| packed.set_columns(first, &tensor));
                Self::Bf16(packed)
            }
            Precision::Int8 => {
                let mut packed = Int8Matrix::zeros(inputs, columns);
                for (first, tensor) in tensors {
                    let quantized = Quantized::nearest(arithmetic.cpu, &tensor, inputs);
                    packed.set_columns(first, &quantized.bytes, &quantized.scales);
                }
                Self::Int8(packed)
            }
            Precision::Int8Faithful => {
                let mut packed = Int8Matrix::turned(inputs, columns);
                for (first, mut tensor) in tensors {
                    turn_weights(arithmetic.cpu, &mut tensor, inputs);
                    let quantized = Quantized::nearest(arithmetic.cpu, &tensor, inputs);
                    packed.set_columns(first, &quantized.bytes, &quantized.scales);
                }
                Self::Int8(packed)
            }
        }
    }
}
