//! The weights of an encoder's layers.

use std::sync::Arc;

use super::architecture::Family;
use super::config::{Details, EncoderConfig};
use super::linear::Linear;
use super::norm::load_norm;
use super::positions::Positions;
use super::weights::Weights;
use crate::InferenceError;
use crate::kernels::{Disentangled, DistanceBias, LayerNorm, RotaryTable};

/// What makes queries, keys and values.
pub(super) enum Projection {
    /// One product `[tokens, 3 · hidden]`: every token asks.
    Joined(Linear),
    /// Keys and values of every token, `[tokens, 2 · hidden]`, and queries of those alone that are read: in the last layer.
    Split { query: Linear, key_value: Linear },
}

/// What attention makes of the distance of tokens.
pub(super) enum Distances {
    None,
    Bias(Arc<DistanceBias>),
    Disentangled(Disentangled),
}

pub(super) struct Layer {
    /// Before the attention, instead of behind it.
    pub(super) attention_first_norm: Option<LayerNorm>,
    pub(super) projection: Projection,
    pub(super) rotary: Option<Arc<RotaryTable>>,
    pub(super) distances: Distances,
    /// How far a token sees in each direction.
    pub(super) reach: Option<usize>,
    pub(super) attention_out: Linear,
    pub(super) attention_norm: Option<LayerNorm>,
    /// Before the units, instead of behind them.
    pub(super) first_norm: Option<LayerNorm>,
    pub(super) up: Linear,
    /// What the units' activations are multiplied by.
    pub(super) gate: Option<Linear>,
    pub(super) down: Linear,
    pub(super) out_norm: Option<LayerNorm>,
}

/// Where a family's checkpoints keep the parts of a layer.
struct Names {
    query: &'static str,
    key: &'static str,
    value: &'static str,
    attention_out: &'static str,
    attention_norm: &'static str,
    up: &'static str,
    down: &'static str,
    out_norm: &'static str,
}

const BERT: Names = Names {
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    attention_out: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    out_norm: "output.LayerNorm",
};

const DISTILBERT: Names = Names {
    query: "attention.q_lin",
    key: "attention.k_lin",
    value: "attention.v_lin",
    attention_out: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    up: "ffn.lin1",
    down: "ffn.lin2",
    out_norm: "output_layer_norm",
};

const MPNET: Names = Names {
    query: "attention.attn.q",
    key: "attention.attn.k",
    value: "attention.attn.v",
    attention_out: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    ..BERT
};

const ALBERT: Names = Names {
    query: "attention.query",
    key: "attention.key",
    value: "attention.value",
    attention_out: "attention.dense",
    attention_norm: "attention.LayerNorm",
    up: "ffn",
    down: "ffn_output",
    out_norm: "full_layer_layer_norm",
};

const DEBERTA: Names = Names {
    query: "attention.self.query_proj",
    key: "attention.self.key_proj",
    value: "attention.self.value_proj",
    ..BERT
};

/// The layers, and which of them computes each step: ALBERT's steps share them.
pub(super) struct Layers {
    pub(super) layers: Vec<Layer>,
    pub(super) steps: Vec<usize>,
}

impl Layers {
    pub(super) fn load(weights: &mut Weights, config: &EncoderConfig) -> Result<Self, InferenceError> {
        let positions = Positions::load(weights, config)?;
        let (names, steps): (Vec<String>, Vec<usize>) = match (&config.details, config.family()) {
            (&Details::Albert { groups, inner }, _) => {
                let name = |index: usize| {
                    format!("encoder.albert_layer_groups.{}.albert_layers.{}", index / inner, index % inner)
                };
                let group = |layer: usize| layer * groups / config.layers;
                let steps =
                    (0..config.layers).flat_map(|layer| (0..inner).map(move |part| group(layer) * inner + part));
                ((0..groups * inner).map(name).collect(), steps.collect())
            }
            (_, family) => {
                let prefix = match family {
                    Family::DistilBert => "transformer.layer",
                    Family::ModernBert => "layers",
                    Family::NomicBert => "encoder.layers",
                    _ => "encoder.layer",
                };
                ((0..config.layers).map(|layer| format!("{prefix}.{layer}")).collect(), (0..config.layers).collect())
            }
        };
        let last = steps.last().copied();
        let load = |(index, name): (usize, &String)| {
            Layer::load(weights, config, &positions, index, name, Some(index) == last)
        };
        let layers = names.iter().enumerate().map(load).collect::<Result<_, _>>()?;
        Ok(Self { layers, steps })
    }
}

impl Layer {
    fn load(
        weights: &mut Weights, config: &EncoderConfig, positions: &Positions, index: usize, name: &str, last: bool,
    ) -> Result<Self, InferenceError> {
        match config.family() {
            Family::ModernBert => modern_bert(weights, config, positions, index, name, last),
            Family::Gte => gte(weights, config, positions, name, last),
            Family::NomicBert => nomic(weights, config, positions, name, last),
            family => {
                let names = match family {
                    Family::DistilBert => &DISTILBERT,
                    Family::MpNet => &MPNET,
                    Family::Albert => &ALBERT,
                    Family::DebertaV2 => &DEBERTA,
                    _ => &BERT,
                };
                classic(weights, config, positions, names, name, last)
            }
        }
    }
}

/// Norms behind attention and units, biases everywhere.
fn classic(
    weights: &mut Weights, config: &EncoderConfig, positions: &Positions, names: &Names, layer: &str, last: bool,
) -> Result<Layer, InferenceError> {
    let (hidden, intermediate) = (config.hidden, config.intermediate);
    let name = |part: &str| format!("{layer}.{part}");
    let projection = if last {
        let key_value = Linear::joined(weights, &[name(names.key), name(names.value)], hidden, hidden)?;
        // Its steps share the layers: this one is not only the last.
        if config.family() != Family::Albert {
            weights.refine();
        }
        let query = Linear::load(weights, &name(names.query), hidden, hidden)?;
        Projection::Split { query, key_value }
    } else {
        let parts = [name(names.query), name(names.key), name(names.value)];
        Projection::Joined(Linear::joined(weights, &parts, hidden, hidden)?)
    };
    Ok(Layer {
        attention_first_norm: None,
        projection,
        rotary: None,
        distances: positions.of_layer(weights, config, layer)?,
        reach: None,
        attention_out: Linear::load(weights, &name(names.attention_out), hidden, hidden)?,
        attention_norm: Some(load_norm(weights, &name(names.attention_norm), hidden, config)?),
        first_norm: None,
        up: Linear::load(weights, &name(names.up), hidden, intermediate)?,
        gate: None,
        down: Linear::load(weights, &name(names.down), intermediate, hidden)?,
        out_norm: Some(load_norm(weights, &name(names.out_norm), hidden, config)?),
    })
}

fn modern_bert(
    weights: &mut Weights, config: &EncoderConfig, positions: &Positions, index: usize, layer: &str, last: bool,
) -> Result<Layer, InferenceError> {
    let (hidden, intermediate) = (config.hidden, config.intermediate);
    let name = |part: &str| format!("{layer}.{part}");
    let (reach, rotary) = match &config.details {
        Details::ModernBert(details) if !index.is_multiple_of(details.global_every) => {
            (Some(details.reach), positions.local.clone())
        }
        _ => (None, positions.rotary.clone()),
    };
    // The embeddings' norm is the first layer's.
    let norm = if index == 0 { None } else { Some(load_norm(weights, &name("attn_norm"), hidden, config)?) };
    let projection = fused(weights, &name("attn.Wqkv"), hidden, last)?;
    let [up, gate] = halves(weights, &name("mlp.Wi"), hidden, intermediate)?;
    Ok(Layer {
        attention_first_norm: norm,
        projection,
        rotary,
        distances: Distances::None,
        reach,
        attention_out: unbiased(weights, &name("attn.Wo"), hidden, hidden)?,
        attention_norm: None,
        first_norm: Some(load_norm(weights, &name("mlp_norm"), hidden, config)?),
        up,
        gate: Some(gate),
        down: unbiased(weights, &name("mlp.Wo"), intermediate, hidden)?,
        out_norm: None,
    })
}

fn gte(
    weights: &mut Weights, config: &EncoderConfig, positions: &Positions, layer: &str, last: bool,
) -> Result<Layer, InferenceError> {
    let (hidden, intermediate) = (config.hidden, config.intermediate);
    let name = |part: &str| format!("{layer}.{part}");
    let projection = fused(weights, &name("attention.qkv_proj"), hidden, last)?;
    let [gate, up] = halves(weights, &name("mlp.up_gate_proj"), hidden, intermediate)?;
    Ok(Layer {
        attention_first_norm: None,
        projection,
        rotary: positions.rotary.clone(),
        distances: Distances::None,
        reach: None,
        attention_out: unbiased(weights, &name("attention.o_proj"), hidden, hidden)?,
        attention_norm: Some(load_norm(weights, &name("attn_ln"), hidden, config)?),
        first_norm: None,
        up,
        gate: Some(gate),
        down: unbiased(weights, &name("mlp.down_proj"), intermediate, hidden)?,
        out_norm: Some(load_norm(weights, &name("mlp_ln"), hidden, config)?),
    })
}

fn nomic(
    weights: &mut Weights, config: &EncoderConfig, positions: &Positions, layer: &str, last: bool,
) -> Result<Layer, InferenceError> {
    let (hidden, intermediate) = (config.hidden, config.intermediate);
    let name = |part: &str| format!("{layer}.{part}");
    let (first, second) =
        (load_norm(weights, &name("norm1"), hidden, config)?, load_norm(weights, &name("norm2"), hidden, config)?);
    let norm_first = matches!(&config.details, Details::Gated(details) if details.norm_first);
    let place = |norm| if norm_first { (Some(norm), None) } else { (None, Some(norm)) };
    let ((attention_first_norm, attention_norm), (first_norm, out_norm)) = (place(first), place(second));
    Ok(Layer {
        attention_first_norm,
        projection: fused(weights, &name("attn.Wqkv"), hidden, last)?,
        rotary: positions.rotary.clone(),
        distances: Distances::None,
        reach: None,
        attention_out: unbiased(weights, &name("attn.out_proj"), hidden, hidden)?,
        attention_norm,
        first_norm,
        up: unbiased(weights, &name("mlp.fc12"), hidden, intermediate)?,
        gate: Some(unbiased(weights, &name("mlp.fc11"), hidden, intermediate)?),
        down: unbiased(weights, &name("mlp.fc2"), intermediate, hidden)?,
        out_norm,
    })
}

/// A layer that may have a bias.
fn unbiased(weights: &mut Weights, name: &str, inputs: usize, outputs: usize) -> Result<Linear, InferenceError> {
    let rows = weights.linear(&[format!("{name}.weight")], outputs, inputs)?;
    let bias = weights.bias(&format!("{name}.bias"), outputs)?;
    Linear::of(weights, &rows, bias, inputs)
}

/// Queries, keys and values that the checkpoint has in one tensor.
fn fused(weights: &mut Weights, name: &str, hidden: usize, last: bool) -> Result<Projection, InferenceError> {
    let tensor = [format!("{name}.weight")];
    let mut rows = weights.linear(&tensor, 3 * hidden, hidden)?;
    let mut bias = weights.bias(&format!("{name}.bias"), 3 * hidden)?;
    if !last {
        return Ok(Projection::Joined(Linear::of(weights, &rows, bias, hidden)?));
    }
    let key_value = Linear::of(weights, &rows.split_off(hidden, hidden), bias.split_off(hidden), hidden)?;
    weights.refine();
    // Once more, since the numbers of the queries may be others now.
    let mut query = weights.linear(&tensor, 3 * hidden, hidden)?;
    query.split_off(hidden, hidden);
    Ok(Projection::Split { query: Linear::of(weights, &query, bias, hidden)?, key_value })
}

/// Two layers of the same input that the checkpoint has in one tensor.
fn halves(weights: &mut Weights, name: &str, inputs: usize, outputs: usize) -> Result<[Linear; 2], InferenceError> {
    let mut first = weights.linear(&[format!("{name}.weight")], 2 * outputs, inputs)?;
    let mut bias = weights.bias(&format!("{name}.bias"), 2 * outputs)?;
    let second = Linear::of(weights, &first.split_off(outputs, inputs), bias.split_off(outputs), inputs)?;
    Ok([Linear::of(weights, &first, bias, inputs)?, second])
}
