//! The weights of an encoder's layers.

use super::architecture::Names;
use super::config::EncoderConfig;
use super::weights::Weights;
use crate::InferenceError;
use crate::kernels::{LayerNorm, PackedMatrix};

/// A linear layer.
pub(super) struct Linear {
    pub(super) weight: PackedMatrix,
    pub(super) bias: Vec<f32>,
}

impl Linear {
    pub(super) fn load(
        weights: &mut Weights, name: &str, inputs: usize, outputs: usize,
    ) -> Result<Self, InferenceError> {
        Self::joined(weights, &[name.to_owned()], inputs, outputs)
    }

    /// Layers of the same input as one, their outputs side by side.
    fn joined(weights: &mut Weights, names: &[String], inputs: usize, outputs: usize) -> Result<Self, InferenceError> {
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
}

/// What makes queries, keys and values.
pub(super) enum Projection {
    /// One product `[tokens, 3 · hidden]`: every token asks.
    EveryToken(Linear),
    /// Keys and values of every token, `[tokens, 2 · hidden]`, and a query of each text's first token alone: in the
    /// last layer, of which the classifier reads no more.
    FirstToken { query: Linear, key_value: Linear },
}

pub(super) struct Layer {
    pub(super) projection: Projection,
    pub(super) attention_out: Linear,
    pub(super) attention_norm: LayerNorm,
    pub(super) up: Linear,
    pub(super) down: Linear,
    pub(super) out_norm: LayerNorm,
}

impl Layer {
    pub(super) fn load(
        weights: &mut Weights, names: &Names, config: &EncoderConfig, index: usize,
    ) -> Result<Self, InferenceError> {
        let (hidden, intermediate) = (config.hidden, config.intermediate);
        let name = |part: &str| format!("{}.{index}.{part}", names.layer);
        let projection = if index + 1 == config.layers {
            let query = Linear::load(weights, &name(names.query), hidden, hidden)?;
            let key_value = Linear::joined(weights, &[name(names.key), name(names.value)], hidden, hidden)?;
            Projection::FirstToken { query, key_value }
        } else {
            let parts = [name(names.query), name(names.key), name(names.value)];
            Projection::EveryToken(Linear::joined(weights, &parts, hidden, hidden)?)
        };
        Ok(Self {
            projection,
            attention_out: Linear::load(weights, &name(names.attention_out), hidden, hidden)?,
            attention_norm: load_norm(weights, &name(names.attention_norm), config)?,
            up: Linear::load(weights, &name(names.up), hidden, intermediate)?,
            down: Linear::load(weights, &name(names.down), intermediate, hidden)?,
            out_norm: load_norm(weights, &name(names.out_norm), config)?,
        })
    }
}

/// Checkpoints converted from TensorFlow call the weight `gamma` and the bias `beta`.
pub(super) fn load_norm(
    weights: &mut Weights, name: &str, config: &EncoderConfig,
) -> Result<LayerNorm, InferenceError> {
    let mut tensor =
        |new: &str, old: &str| weights.tensor_of([format!("{name}.{new}"), format!("{name}.{old}")], &[config.hidden]);
    Ok(LayerNorm { weight: tensor("weight", "gamma")?, bias: tensor("bias", "beta")?, epsilon: config.epsilon })
}
