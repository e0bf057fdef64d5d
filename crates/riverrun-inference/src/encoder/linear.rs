//! A linear layer with weights as the kernels read them.

use riverrun_runner::Compute;

use super::weights::Weights;
use crate::InferenceError;
use crate::kernels::{Activation, Cpu, Epilogue, PackedMatrix, gemm};

/// A linear layer.
pub(super) struct Linear {
    weight: PackedMatrix,
    bias: Vec<f32>,
}

impl Linear {
    /// The layer `{name}.weight`, `[outputs, inputs]`, with `{name}.bias`.
    pub(super) fn load(
        weights: &mut Weights, name: &str, inputs: usize, outputs: usize,
    ) -> Result<Self, InferenceError> {
        Self::joined(weights, &[name.to_owned()], inputs, outputs)
    }

    /// As [`load`](Self::load), for the few rows after the last layer.
    pub(super) fn load_head(
        weights: &mut Weights, name: &str, inputs: usize, outputs: usize,
    ) -> Result<Self, InferenceError> {
        Self::load(weights, name, inputs, outputs)
    }

    /// The layer of these values: `weight` is `[outputs, inputs]`, and `bias` has as many elements as that has rows.
    pub(super) fn of(_: &Weights, weight: &[f32], bias: Vec<f32>, inputs: usize) -> Self {
        Self { weight: PackedMatrix::from_weight(weight, inputs), bias }
    }

    /// Layers of the same input as one, their outputs side by side.
    pub(super) fn joined(
        weights: &mut Weights, names: &[String], inputs: usize, outputs: usize,
    ) -> Result<Self, InferenceError> {
        let mut weight = None;
        let mut bias = Vec::with_capacity(names.len() * outputs);
        for (index, name) in names.iter().enumerate() {
            let tensor = weights.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
            // Only now: the checkpoint has confirmed the sizes of the configuration.
            let weight = weight.get_or_insert_with(|| PackedMatrix::zeros(inputs, names.len() * outputs));
            weight.set_columns(index * outputs, &tensor);
            bias.extend(weights.tensor(&format!("{name}.bias"), &[outputs])?);
        }
        Ok(Self { weight: weight.unwrap_or_else(|| PackedMatrix::zeros(inputs, 0)), bias })
    }

    /// Writes `activation(rows · weight + bias) + residual` to `out`, `[rows, outputs]`.
    pub(super) fn forward(
        &self, cpu: Cpu, rows: &[f32], activation: Activation, residual: Option<&[f32]>, out: &mut [f32],
        compute: &Compute,
    ) {
        let epilogue = Epilogue { bias: &self.bias, activation, residual };
        gemm(cpu, rows, &self.weight, &epilogue, out, compute);
    }
}
