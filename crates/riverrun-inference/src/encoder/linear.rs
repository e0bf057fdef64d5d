//! A linear layer with weights as the kernels read them.

use riverrun_runner::Compute;

use super::packed_file::{Numbers, Shape};
use super::rows::Rows;
use super::weights::Weights;
use crate::InferenceError;
use crate::kernels::{
    Activation, Bf16Matrix, Cpu, Epilogue, Int8Matrix, Lines, Next, PackedMatrix, Quantized, gemm, gemm_bf16, gemm_int8,
};

/// A linear layer.
pub(super) struct Linear {
    weight: Weight,
    bias: Vec<f32>,
}

/// A weight in the order in which the product reads it.
pub(super) enum Weight {
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
        let weight = weights.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = weights.tensor(&format!("{name}.bias"), &[outputs])?;
        Ok(Self::of_head(&weight, bias, inputs))
    }

    /// The layer of these rows of `weights`; `bias` has as many elements as there are of them.
    pub(super) fn of(
        weights: &mut Weights, rows: &Rows, bias: Vec<f32>, inputs: usize,
    ) -> Result<Self, InferenceError> {
        Ok(Self { weight: weights.packed(rows, inputs, bias.len())?, bias })
    }

    /// The layer of these values in 32-bit floats: `weight` is `[outputs, inputs]`.
    pub(super) fn of_head(weight: &[f32], bias: Vec<f32>, inputs: usize) -> Self {
        Self { weight: Weight::F32(PackedMatrix::from_weight(weight, inputs)), bias }
    }

    /// Layers of the same input as one, their outputs side by side.
    pub(super) fn joined(
        weights: &mut Weights, names: &[String], inputs: usize, outputs: usize,
    ) -> Result<Self, InferenceError> {
        let tensors: Vec<String> = names.iter().map(|name| format!("{name}.weight")).collect();
        let rows = weights.linear(&tensors, outputs, inputs)?;
        let mut bias = Vec::with_capacity(names.len() * outputs);
        for name in names {
            bias.extend(weights.tensor(&format!("{name}.bias"), &[outputs])?);
        }
        Self::of(weights, &rows, bias, inputs)
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

impl Weight {
    /// The rows as columns, unless they are packed already.
    pub(super) fn packed(rows: &Rows, inputs: usize, outputs: usize) -> Option<Self> {
        Some(match rows {
            Rows::Packed(_) => return None,
            Rows::F32(rows) => Self::F32(PackedMatrix::from_weight(rows, inputs)),
            Rows::Bf16(rows) => {
                let mut packed = Bf16Matrix::zeros(inputs, outputs);
                packed.set_columns(0, rows);
                Self::Bf16(packed)
            }
            Rows::Int8 { quantized: Quantized { bytes, scales }, turned } => {
                let mut packed =
                    if *turned { Int8Matrix::turned(inputs, outputs) } else { Int8Matrix::zeros(inputs, outputs) };
                packed.set_columns(0, bytes, scales);
                Self::Int8(packed)
            }
        })
    }

    /// A weight of these lines.
    pub(super) fn of(shape: Shape, next: &mut Next<'_>) -> Self {
        let Shape { numbers, inputs, outputs } = shape;
        match numbers {
            Numbers::F32 => Self::F32(PackedMatrix::of(inputs, outputs, next)),
            Numbers::Bf16 => Self::Bf16(Bf16Matrix::of(inputs, outputs, next)),
            Numbers::Int8 => Self::Int8(Int8Matrix::of(inputs, outputs, false, next)),
            Numbers::TurnedInt8 => Self::Int8(Int8Matrix::of(inputs, outputs, true, next)),
        }
    }

    /// How it is laid out.
    pub(super) fn shape(&self) -> Shape {
        let (numbers, inputs, outputs) = match self {
            Self::F32(weight) => (Numbers::F32, weight.inputs(), weight.outputs()),
            Self::Bf16(weight) => (Numbers::Bf16, weight.inputs(), weight.outputs()),
            Self::Int8(weight) if weight.is_turned() => (Numbers::TurnedInt8, weight.inputs(), weight.outputs()),
            Self::Int8(weight) => (Numbers::Int8, weight.inputs(), weight.outputs()),
        };
        Shape { numbers, inputs, outputs }
    }

    /// What it is made of.
    pub(super) fn lines(&self) -> Vec<&Lines> {
        match self {
            Self::F32(weight) => weight.lines().to_vec(),
            Self::Bf16(weight) => weight.lines().to_vec(),
            Self::Int8(weight) => weight.lines().to_vec(),
        }
    }
}
