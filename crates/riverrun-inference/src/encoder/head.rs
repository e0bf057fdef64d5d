//! What follows the last layer: labels of texts or tokens, answers, masked tokens.

use riverrun_runner::Compute;

use super::architecture::{Family, HeadKind};
use super::config::{Details, EncoderConfig};
use super::linear::Linear;
use super::norm::load_norm;
use super::weights::Weights;
use crate::InferenceError;
use crate::kernels::{Activation, Cpu, LayerNorm, layer_norm};

/// What follows the last layer.
pub(super) struct Head {
    pub(super) kind: HeadKind,
    /// A text is the mean of its tokens, instead of its first one.
    pub(super) mean: bool,
    transform: Option<Transform>,
    out: Linear,
    /// How many numbers it gives.
    pub(super) width: usize,
}

/// A layer of the encoder's width before the last one.
struct Transform {
    dense: Linear,
    width: usize,
    activation: Activation,
    norm: Option<LayerNorm>,
}

impl Head {
    /// The head that the configuration names; `words` is the embedding of tokens.
    pub(super) fn load(
        weights: &mut Weights, config: &EncoderConfig, words: &[f32],
    ) -> Result<Option<Self>, InferenceError> {
        match config.head() {
            HeadKind::None => Ok(None),
            HeadKind::Sequence => sequence(weights, config).map(Some),
            HeadKind::Token => labels(weights, config, "classifier", HeadKind::Token).map(Some),
            HeadKind::Questions => labels(weights, config, "qa_outputs", HeadKind::Questions).map(Some),
            HeadKind::Masked => masked(weights, config, words).map(Some),
        }
    }

    /// Writes what it gives for `rows`, `[n, hidden]`, to `out`, `[n, width]`; `scratch` is working memory.
    pub(super) fn forward(
        &self, cpu: Cpu, rows: &[f32], hidden: usize, scratch: &mut Vec<f32>, out: &mut [f32], compute: &Compute,
    ) {
        let none = Activation::Identity;
        let Some(transform) = &self.transform else {
            self.out.forward(cpu, rows, none, None, out, compute);
            return;
        };
        scratch.resize(rows.len() / hidden * transform.width, 0.0);
        transform.dense.forward(cpu, rows, transform.activation, None, scratch, compute);
        if let Some(norm) = &transform.norm {
            layer_norm(cpu, norm, scratch);
        }
        self.out.forward(cpu, scratch, none, None, out, compute);
    }
}

fn sequence(weights: &mut Weights, config: &EncoderConfig) -> Result<Head, InferenceError> {
    let (hidden, family) = (config.hidden, config.family());
    let (dense, activation) = match family {
        Family::Bert | Family::Gte | Family::NomicBert => ("pooler.dense", Activation::Tanh),
        Family::Albert => ("pooler", Activation::Tanh),
        Family::DistilBert => ("pre_classifier", Activation::Relu),
        Family::Roberta | Family::MpNet => ("classifier.dense", Activation::Tanh),
        Family::Electra => ("classifier.dense", Activation::Gelu),
        Family::DebertaV2 | Family::ModernBert => ("", Activation::Identity),
    };
    let transform = match &config.details {
        Details::ModernBert(details) => modern_bert(weights, config, details.head)?,
        Details::Deberta(details) => {
            let dense = Linear::load_head(weights, "pooler.dense", hidden, hidden)?;
            Transform { dense, width: hidden, activation: details.pooler, norm: None }
        }
        _ => Transform {
            dense: Linear::load_head(weights, dense, hidden, hidden)?,
            width: hidden,
            activation,
            norm: None,
        },
    };
    let name = match family {
        Family::Roberta | Family::MpNet | Family::Electra => "classifier.out_proj",
        _ => "classifier",
    };
    let width = check_labels(weights, config, name)?;
    Ok(Head {
        kind: HeadKind::Sequence,
        mean: matches!(&config.details, Details::ModernBert(details) if details.mean_pooling),
        transform: Some(transform),
        out: unbiased_head(weights, name, hidden, width)?,
        width,
    })
}

/// A layer on every token.
fn labels(weights: &mut Weights, config: &EncoderConfig, name: &str, kind: HeadKind) -> Result<Head, InferenceError> {
    let transform = match &config.details {
        Details::ModernBert(details) => Some(modern_bert(weights, config, details.head)?),
        _ => None,
    };
    let width = match kind {
        HeadKind::Token => check_labels(weights, config, name)?,
        // A start and an end.
        _ => 2,
    };
    Ok(Head { kind, mean: false, transform, out: unbiased_head(weights, name, config.hidden, width)?, width })
}

fn masked(weights: &mut Weights, config: &EncoderConfig, words: &[f32]) -> Result<Head, InferenceError> {
    struct Names {
        dense: &'static str,
        norm: &'static str,
        decoder: &'static str,
        /// Where the bias is, unless it is the decoder's.
        bias: &'static str,
    }
    let (family, hidden, width) = (config.family(), config.hidden, config.embedding);
    let names = match family {
        Family::Bert | Family::DebertaV2 => Names {
            dense: "cls.predictions.transform.dense",
            norm: "cls.predictions.transform.LayerNorm",
            decoder: "cls.predictions.decoder",
            bias: "cls.predictions.bias",
        },
        Family::NomicBert => Names {
            dense: "cls.predictions.transform.dense",
            norm: "cls.predictions.transform.layer_norm",
            decoder: "cls.predictions.decoder",
            bias: "cls.predictions.bias",
        },
        Family::DistilBert => Names {
            dense: "vocab_transform",
            norm: "vocab_layer_norm",
            decoder: "vocab_projector",
            bias: "vocab_projector.bias",
        },
        Family::Roberta | Family::MpNet => Names {
            dense: "lm_head.dense",
            norm: "lm_head.layer_norm",
            decoder: "lm_head.decoder",
            bias: "lm_head.bias",
        },
        Family::Electra => Names {
            dense: "generator_predictions.dense",
            norm: "generator_predictions.LayerNorm",
            decoder: "generator_lm_head",
            bias: "generator_lm_head.bias",
        },
        Family::Albert => Names {
            dense: "predictions.dense",
            norm: "predictions.LayerNorm",
            decoder: "predictions.decoder",
            bias: "predictions.bias",
        },
        Family::ModernBert => Names { dense: "", norm: "", decoder: "decoder", bias: "decoder.bias" },
        Family::Gte => Names {
            dense: "lm_head.dense",
            norm: "lm_head.norm",
            decoder: "lm_head.decoder",
            bias: "lm_head.decoder.bias",
        },
    };
    let transform = match &config.details {
        Details::ModernBert(details) => modern_bert(weights, config, details.head)?,
        _ => {
            let activation = match family {
                Family::Roberta | Family::MpNet | Family::Electra => Activation::Gelu,
                _ => config.activation,
            };
            let dense = unbiased_head(weights, names.dense, hidden, width)?;
            Transform { dense, width, activation, norm: Some(load_norm(weights, names.norm, width, config)?) }
        }
    };
    let vocabulary = config.vocabulary;
    // Most checkpoints leave out the decoder: it is the embedding of the tokens.
    let own = weights.optional(&format!("{}.weight", names.decoder), &[vocabulary, width])?;
    let bias = if weights.has(names.bias) {
        weights.tensor(names.bias, &[vocabulary])?
    } else {
        weights.bias(&format!("{}.bias", names.decoder), vocabulary)?
    };
    let out = Linear::of_head(own.as_deref().unwrap_or(words), bias, width);
    Ok(Head { kind: HeadKind::Masked, mean: false, transform: Some(transform), out, width: vocabulary })
}

fn modern_bert(
    weights: &mut Weights, config: &EncoderConfig, activation: Activation,
) -> Result<Transform, InferenceError> {
    let hidden = config.hidden;
    let dense = unbiased_head(weights, "head.dense", hidden, hidden)?;
    Ok(Transform { dense, width: hidden, activation, norm: Some(load_norm(weights, "head.norm", hidden, config)?) })
}

/// As [`Linear::load_head`]; the last layers of some families may lack a bias.
fn unbiased_head(weights: &mut Weights, name: &str, inputs: usize, outputs: usize) -> Result<Linear, InferenceError> {
    let weight = weights.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
    let bias = weights.bias(&format!("{name}.bias"), outputs)?;
    Ok(Linear::of_head(&weight, bias, inputs))
}

/// How many labels the layer gives, which must be those of the configuration.
fn check_labels(weights: &Weights, config: &EncoderConfig, name: &str) -> Result<usize, InferenceError> {
    let tensor = format!("{name}.weight");
    let rows = weights.rows(&tensor)?;
    if rows != config.labels {
        return Err(InferenceError::Labels { path: config.path.clone(), labels: config.labels, tensor, rows });
    }
    Ok(rows)
}
