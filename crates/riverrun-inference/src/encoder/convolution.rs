//! A convolution over neighbouring tokens, which some DeBERTa models have beside their first layer.

use riverrun_runner::Compute;

use super::config::{Details, EncoderConfig};
use super::linear::Linear;
use super::norm::load_norm;
use super::weights::Weights;
use crate::InferenceError;
use crate::kernels::{Activation, Cpu, LayerNorm, layer_norm};

/// A convolution over an odd number of tokens.
pub(super) struct Convolution {
    /// `[kernel · hidden, hidden]`, the first token of the window first.
    linear: Linear,
    kernel: usize,
    hidden: usize,
    activation: Activation,
    norm: LayerNorm,
}

impl Convolution {
    pub(super) fn load(weights: &mut Weights, config: &EncoderConfig) -> Result<Option<Self>, InferenceError> {
        let Details::Deberta(details) = &config.details else { return Ok(None) };
        let Some((kernel, activation)) = details.convolution else { return Ok(None) };
        let hidden = config.hidden;
        // From `[out, in, kernel]` to `[out, kernel, in]`.
        let arrange = |weight: Vec<f32>| {
            let mut rows = vec![0.0; weight.len()];
            for (from, to) in weight.chunks_exact(hidden * kernel).zip(rows.chunks_exact_mut(hidden * kernel)) {
                for (input, places) in from.chunks_exact(kernel).enumerate() {
                    for (place, value) in places.iter().enumerate() {
                        to[place * hidden + input] = *value;
                    }
                }
            }
            rows
        };
        let tensor = ["encoder.conv.conv.weight".to_owned()];
        let rows = weights.rearranged(&tensor, &[hidden, hidden, kernel], kernel * hidden, arrange)?;
        let bias = weights.tensor("encoder.conv.conv.bias", &[hidden])?;
        let linear = Linear::of(weights, &rows, bias, kernel * hidden)?;
        let norm = load_norm(weights, "encoder.conv.LayerNorm", hidden, config)?;
        Ok(Some(Self { linear, kernel, hidden, activation, norm }))
    }

    /// Adds what it makes of `embedded` to `hidden`, both `[tokens, hidden]`, and normalizes that.
    pub(super) fn forward(
        &self, cpu: Cpu, embedded: &[f32], offsets: &[usize], windows: &mut Vec<f32>, hidden: &mut Vec<f32>,
        compute: &Compute,
    ) {
        let (width, reach) = (self.hidden, self.kernel / 2);
        let row = self.kernel * width;
        windows.clear();
        windows.resize(embedded.len() * self.kernel, 0.0);
        for text in offsets.windows(2) {
            for token in text[0]..text[1] {
                // Beyond the ends of a text there are zeros.
                let first = token.saturating_sub(reach).max(text[0]);
                let end = (token + reach + 1).min(text[1]);
                let start = token * row + (first + reach - token) * width;
                windows[start..start + (end - first) * width].copy_from_slice(&embedded[first * width..end * width]);
            }
        }
        let mut sum = vec![0.0; hidden.len()];
        self.linear.forward(cpu, windows, self.activation, Some(hidden), &mut sum, compute);
        layer_norm(cpu, &self.norm, &mut sum);
        *hidden = sum;
    }
}
