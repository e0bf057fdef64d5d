//! The weights of norms.

use super::config::EncoderConfig;
use super::weights::Weights;
use crate::InferenceError;
use crate::kernels::LayerNorm;

/// Checkpoints converted from TensorFlow call the weight `gamma` and the bias `beta`; ModernBERT has no bias.
pub(super) fn load_norm(
    weights: &mut Weights, name: &str, size: usize, config: &EncoderConfig,
) -> Result<LayerNorm, InferenceError> {
    let weight = weights.tensor_of([format!("{name}.weight"), format!("{name}.gamma")], &[size])?;
    let without = config.family().does_without_biases();
    let bias = if without {
        weights.bias(&format!("{name}.bias"), size)?
    } else {
        weights.tensor_of([format!("{name}.bias"), format!("{name}.beta")], &[size])?
    };
    Ok(LayerNorm { weight, bias, epsilon: config.epsilon })
}
