//! What only one family's configuration has.

use serde_json::Value;

use super::fields::Fields;
use crate::InferenceError;
use crate::kernels::Activation;

/// Angles of rotary positions: `position · theta^(-2i/size) / divisor` for each pair `i`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rotary {
    pub(crate) theta: f64,
    /// What NTK scaling makes of the angles of each pair.
    pub(crate) scaling: Option<Ntk>,
}

/// Positions beyond those that a model was trained with, by NTK-aware scaling as GTE has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ntk {
    pub(crate) factor: f64,
    /// The exponent of the mixed form; the plain form without.
    pub(crate) mixed: Option<f64>,
}

/// DeBERTa's attention to relative positions.
#[derive(Debug, Clone)]
pub(crate) struct Deberta {
    /// Whether there are relative positions at all.
    pub(crate) relative: bool,
    /// Distances up to half of it have a bucket each, larger ones share the rest by their logarithm; none are shared at 0.
    pub(crate) buckets: usize,
    pub(crate) most: usize,
    pub(crate) content_to_position: bool,
    pub(crate) position_to_content: bool,
    /// Positions are projected by the same weights as the content.
    pub(crate) shared: bool,
    pub(crate) norm: bool,
    /// Absolute positions are added to the embeddings, too.
    pub(crate) absolute: bool,
    /// Tokens that a convolution beside the first layer sees, and what follows it.
    pub(crate) convolution: Option<(usize, Activation)>,
    pub(crate) pooler: Activation,
}

impl Deberta {
    pub(super) fn of(fields: &Fields<'_>, positions: usize) -> Result<Self, InferenceError> {
        let kinds = words(fields.get::<Value>(&["pos_att_type"])?.as_ref());
        let most: i64 = fields.or(&["max_relative_positions"], -1)?;
        let kernel: usize = fields.or(&["conv_kernel_size"], 0)?;
        let groups: usize = fields.or(&["conv_groups"], 1)?;
        if kernel > 0 && (groups != 1 || kernel.is_multiple_of(2)) {
            return fields.problem(format!(
                "a convolution over {kernel} tokens in {groups} groups is not implemented, only one over an odd number in one group"
            ));
        }
        if let Some(size) = fields.get::<usize>(&["attention_head_size"])? {
            return fields
                .problem(format!("an attention_head_size of {size} of its own is not implemented; remove it"));
        }
        let buckets: i64 = fields.or(&["position_buckets"], -1)?;
        let (buckets, most) =
            (usize::try_from(buckets).unwrap_or(0), usize::try_from(most).ok().filter(|&most| most > 0));
        let most = most.unwrap_or(positions);
        // The buckets of the farther half grow with the logarithm of the distance, up to `most`.
        if buckets > 1 && most <= buckets / 2 + 1 {
            return fields.problem(format!(
                "{buckets} position_buckets need max_relative_positions of more than {}, not {most}",
                buckets / 2 + 1
            ));
        }
        let has = |kind: &str| kinds.iter().any(|known| known == kind);
        let activation = fields.activation(&["conv_act"], "tanh")?;
        Ok(Self {
            relative: fields.or(&["relative_attention"], false)?,
            buckets,
            most,
            content_to_position: has("c2p"),
            position_to_content: has("p2c"),
            shared: fields.or(&["share_att_key"], false)?,
            norm: words(fields.get::<Value>(&["norm_rel_ebd"])?.as_ref()).iter().any(|word| word == "layer_norm"),
            absolute: fields.or(&["position_biased_input"], true)?,
            convolution: (kernel > 0).then_some((kernel, activation)),
            pooler: fields.activation(&["pooler_hidden_act"], "gelu")?,
        })
    }
}

/// A list of words, or words with `|` between them.
fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => text.split('|').map(|word| word.trim().to_lowercase()).collect(),
        Some(Value::Array(words)) => {
            words.iter().filter_map(|word| word.as_str()).map(|word| word.trim().to_lowercase()).collect()
        }
        _ => Vec::new(),
    }
}

/// How ModernBERT's layers alternate, and what of it has biases.
#[derive(Debug, Clone)]
pub(crate) struct ModernBert {
    /// Every so many layers one attends to all tokens, the first to begin with.
    pub(crate) global_every: usize,
    /// How far the others see in each direction.
    pub(crate) reach: usize,
    pub(crate) global: Rotary,
    pub(crate) local: Rotary,
    pub(crate) mean_pooling: bool,
    pub(crate) head: Activation,
}

impl ModernBert {
    pub(super) fn of(fields: &Fields<'_>) -> Result<Self, InferenceError> {
        let global_every: usize = fields.or(&["global_attn_every_n_layers"], 3)?;
        if global_every == 0 {
            return fields.problem("global_attn_every_n_layers is 0; it needs to be at least 1".to_owned());
        }
        let pooling: String = fields.or(&["classifier_pooling"], "cls".to_owned())?;
        if pooling != "cls" && pooling != "mean" {
            return fields.problem(format!("classifier_pooling `{pooling}` is not known, only `cls` and `mean` are"));
        }
        let rotary = |theta| Rotary { theta, scaling: None };
        let global = fields.or(&["global_rope_theta"], 160_000.0)?;
        Ok(Self {
            global_every,
            reach: fields.or::<usize>(&["local_attention"], 128)? / 2,
            global: rotary(global),
            local: rotary(fields.or(&["local_rope_theta"], 10_000.0)?),
            mean_pooling: pooling == "mean",
            head: fields.activation(&["classifier_activation"], "gelu")?,
        })
    }
}

/// An encoder with rotary positions and gated units: GTE's and Nomic's.
#[derive(Debug, Clone)]
pub(crate) struct Gated {
    pub(crate) rotary: Rotary,
    /// Norms stand before attention and units, not behind them.
    pub(crate) norm_first: bool,
}

impl Gated {
    pub(super) fn of_gte(fields: &Fields<'_>, positions: usize) -> Result<Self, InferenceError> {
        let theta = fields.or(&["rope_theta"], 10_000.0)?;
        let kind: String = fields.or(&["layer_norm_type"], "layer_norm".to_owned())?;
        if kind != "layer_norm" {
            return fields.problem(format!("layer_norm_type `{kind}` is not implemented, only `layer_norm` is"));
        }
        for name in ["logn_attention_scale", "logn_attention_clip1"] {
            if fields.or(&[name], false)? {
                return fields.problem(format!("`{name}` is true, which is not implemented"));
            }
        }
        let scaling = match fields.get::<Value>(&["rope_scaling"])? {
            None => None,
            Some(scaling) => {
                let kind = scaling.get("type").and_then(Value::as_str).unwrap_or("default");
                let factor = scaling.get("factor").and_then(Value::as_f64).unwrap_or(1.0);
                if kind != "ntk" || factor < 1.0 || positions == 0 {
                    return fields.problem(format!(
                        "rope_scaling of type `{kind}` by {factor} is not implemented, only `ntk` by 1 or more is"
                    ));
                }
                let mixed = scaling.get("mixed_b").and_then(Value::as_f64);
                // By 1 the positions are those that the model was trained with.
                (factor > 1.0).then_some(Ntk { factor, mixed })
            }
        };
        Ok(Self { rotary: Rotary { theta, scaling }, norm_first: false })
    }

    pub(super) fn of_nomic(fields: &Fields<'_>) -> Result<Self, InferenceError> {
        let parameters: Option<Value> = fields.get(&["rope_parameters"])?;
        let newer = parameters.as_ref().and_then(|rope| rope.get("rope_theta")).and_then(Value::as_f64);
        let theta = fields.get(&["rotary_emb_base"])?.or(newer).unwrap_or(10_000.0);
        let fraction: f64 = fields.or(&["rotary_emb_fraction"], 1.0)?;
        if (fraction - 1.0).abs() > f64::EPSILON {
            return fields.problem(format!(
                "a rotary_emb_fraction of {fraction} is not implemented, only 1 is: every element is rotated"
            ));
        }
        for name in ["rotary_emb_interleaved", "use_rms_norm", "causal", "parallel_block", "use_alibi"] {
            if fields.or(&[name], false)? {
                return fields.problem(format!("`{name}` is true, which is not implemented"));
            }
        }
        if fields.or(&["moe_every_n_layers"], 0usize)? > 0 {
            return fields.problem("mixtures of experts (moe_every_n_layers) are not implemented".to_owned());
        }
        Ok(Self { rotary: Rotary { theta, scaling: None }, norm_first: fields.or(&["prenorm"], false)? })
    }
}
