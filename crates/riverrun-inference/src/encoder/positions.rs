//! Positions that attention itself knows: rotary ones, and those that depend on the distance of tokens.

use std::sync::Arc;

use riverrun_runner::Compute;

use super::architecture::Family;
use super::config::{Details, EncoderConfig};
use super::details::{Deberta, Rotary};
use super::layer::Distances;
use super::linear::Linear;
use super::norm::load_norm;
use super::weights::Weights;
use crate::InferenceError;
use crate::kernels::{Activation, Cpu, Disentangled, DistanceBias, RotaryTable, layer_norm};

/// MPNet's buckets of distances, whatever its configuration says: so `transformers` has it.
const BUCKETS: usize = 32;
/// From this distance on they are all alike.
const FARTHEST: f32 = 128.0;

/// What all layers share.
pub(super) struct Positions {
    pub(super) rotary: Option<Arc<RotaryTable>>,
    /// Rotary positions of layers that see a few tokens only.
    pub(super) local: Option<Arc<RotaryTable>>,
    bias: Option<Arc<DistanceBias>>,
    /// DeBERTa's embedding of relative positions, `[2 · span, hidden]`, normalized.
    relative: Vec<f32>,
    cpu: Cpu,
}

impl Positions {
    pub(super) fn load(weights: &mut Weights, config: &EncoderConfig) -> Result<Self, InferenceError> {
        let (mut rotary, mut local, mut bias, mut relative) = (None, None, None, Vec::new());
        let cpu = weights.arithmetic().cpu;
        let table = |rotary: &Rotary| Arc::new(rotary_table(rotary, config));
        match &config.details {
            Details::ModernBert(details) => {
                (rotary, local) = (Some(table(&details.global)), Some(table(&details.local)));
            }
            Details::Gated(details) => rotary = Some(table(&details.rotary)),
            Details::Deberta(details) if details.relative => {
                let rows = 2 * span(details);
                relative = weights.tensor("encoder.rel_embeddings.weight", &[rows, config.hidden])?;
                if details.norm {
                    layer_norm(cpu, &load_norm(weights, "encoder.LayerNorm", config.hidden, config)?, &mut relative);
                }
            }
            _ if config.family() == Family::MpNet => {
                let table = weights.tensor("encoder.relative_attention_bias.weight", &[BUCKETS, config.heads])?;
                let bias_of = |head: usize, distance: isize| table[mpnet_bucket(distance) * config.heads + head];
                bias = Some(Arc::new(DistanceBias::new(config.heads, config.max_tokens(), bias_of)));
            }
            _ => {}
        }
        Ok(Self { rotary, local, bias, relative, cpu })
    }

    /// What the layer of this name makes of distances.
    pub(super) fn of_layer(
        &self, weights: &mut Weights, config: &EncoderConfig, layer: &str,
    ) -> Result<Distances, InferenceError> {
        if let Some(bias) = &self.bias {
            return Ok(Distances::Bias(bias.clone()));
        }
        let Details::Deberta(details) = &config.details else { return Ok(Distances::None) };
        // Without either kind there is still their scale.
        if self.relative.is_empty() || !(details.content_to_position || details.position_to_content) {
            return Ok(Distances::None);
        }
        let hidden = config.hidden;
        let mut project = |asked: bool, shared: &str, own: &str| {
            if !asked {
                return Ok(None);
            }
            let name = format!("{layer}.attention.self.{}", if details.shared { shared } else { own });
            let projection = Linear::load(weights, &name, hidden, hidden)?;
            let mut rows = vec![0.0; self.relative.len()];
            let none = Activation::Identity;
            projection.forward(self.cpu, &self.relative, none, None, &mut rows, &Compute::single());
            Ok::<_, InferenceError>(Some(rows))
        };
        let keys = project(details.content_to_position, "key_proj", "pos_key_proj")?;
        let queries = project(details.position_to_content, "query_proj", "pos_query_proj")?;
        let span = span(details) as isize;
        let bucket = |distance: isize| (deberta_bucket(details, distance) + span).clamp(0, 2 * span - 1) as usize;
        let (heads, size, most) = (config.heads, hidden / config.heads, config.max_tokens());
        Ok(Distances::Disentangled(Disentangled::new(keys.as_deref(), queries.as_deref(), heads, size, most, bucket)))
    }
}

/// What scores are multiplied by.
pub(super) fn scale(config: &EncoderConfig) -> f32 {
    let products = match &config.details {
        Details::Deberta(details) => 1 + u8::from(details.content_to_position) + u8::from(details.position_to_content),
        _ => 1,
    };
    1.0 / ((config.hidden / config.heads) as f32 * f32::from(products)).sqrt()
}

fn rotary_table(rotary: &Rotary, config: &EncoderConfig) -> RotaryTable {
    let size = (config.hidden / config.heads) as f64;
    let frequency = |pair: usize| {
        let power = 2.0 * pair as f64 / size;
        let plain = |theta: f64| theta.powf(-power);
        match rotary.scaling {
            None => plain(rotary.theta),
            // Formulas 6 and 13 of Su, "NTK-aware interpolation, second part": the base grows and every pair is stretched once more;
            // or, in the mixed form, each pair by a factor of its own.
            Some(scaling) => match scaling.mixed {
                None => plain(rotary.theta * scaling.factor) / scaling.factor.powf(2.0 / size),
                Some(exponent) => {
                    let a = scaling.factor.ln() / (size / 2.0).powf(exponent);
                    plain(rotary.theta) / (a * (pair as f64 + 1.0).powf(exponent)).exp()
                }
            },
        }
    };
    let pairs = config.hidden / config.heads / 2;
    let frequencies: Vec<f32> = (0..pairs).map(|pair| frequency(pair) as f32).collect();
    RotaryTable::new(&frequencies, config.max_tokens())
}

/// T5's buckets, for both directions: half of them for each, half of those for a distance each, the rest by logarithm.
fn mpnet_bucket(distance: isize) -> usize {
    let half = BUCKETS / 2;
    let exact = half / 2;
    let far = distance.unsigned_abs();
    let bucket = if far < exact {
        far
    } else {
        let share = (far as f32 / exact as f32).ln() / (FARTHEST / exact as f32).ln();
        (exact + (share * (half - exact) as f32) as usize).min(half - 1)
    };
    if distance > 0 { half + bucket } else { bucket }
}

/// Half the rows of DeBERTa's embedding of relative positions.
fn span(details: &Deberta) -> usize {
    if details.buckets > 0 { details.buckets } else { details.most }
}

/// DeBERTa's bucket of a distance: itself up to half the buckets, beyond that by logarithm.
fn deberta_bucket(details: &Deberta, distance: isize) -> isize {
    let middle = (details.buckets / 2) as isize;
    let far = distance.abs();
    if details.buckets == 0 || far <= middle {
        return distance;
    }
    let middle_f = middle as f32;
    let share = (far as f32 / middle_f).ln() / ((details.most as f32 - 1.0) / middle_f).ln();
    let bucket = (share * (middle_f - 1.0)).ceil() as isize + middle;
    bucket * distance.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_distances_have_a_bucket_each_and_far_ones_share() {
        assert_eq!([0, -1, -7, -8, -127, -500].map(mpnet_bucket), [0, 1, 7, 8, 15, 15]);
        assert_eq!([1, 7, 8, 500].map(mpnet_bucket), [17, 23, 24, 31]);
    }
}
