//! The weights of an encoder's layers.

use super::architecture::Names;
use super::config::EncoderConfig;
use super::linear::Linear;
use super::weights::Weights;
use crate::InferenceError;
use crate::kernels::LayerNorm;

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
