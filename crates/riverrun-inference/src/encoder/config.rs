//! A model's `config.json`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::architecture::Architecture;
use crate::InferenceError;
use crate::config::ModelConfig;
use crate::kernels::Activation;

/// What `config.json` says, in the words of BERT for every architecture.
#[derive(Debug, Clone)]
pub struct EncoderConfig {
    pub(crate) path: PathBuf,
    pub(crate) architecture: Architecture,
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) intermediate: usize,
    pub(crate) activation: Activation,
    pub(crate) epsilon: f32,
    pub(crate) vocabulary: usize,
    pub(crate) positions: usize,
    pub(crate) types: usize,
    /// How many labels a classifier has.
    pub(crate) labels: usize,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(alias = "dim")]
    hidden_size: usize,
    #[serde(alias = "n_layers")]
    num_hidden_layers: usize,
    #[serde(alias = "n_heads")]
    num_attention_heads: usize,
    #[serde(alias = "hidden_dim")]
    intermediate_size: usize,
    #[serde(alias = "activation", default = "gelu")]
    hidden_act: String,
    #[serde(default = "epsilon")]
    layer_norm_eps: f32,
    vocab_size: usize,
    #[serde(default = "positions")]
    max_position_embeddings: usize,
    #[serde(default = "types")]
    type_vocab_size: usize,
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
}

// The defaults of `transformers`.
fn gelu() -> String {
    "gelu".to_owned()
}
fn epsilon() -> f32 {
    1e-12
}
fn positions() -> usize {
    512
}
fn types() -> usize {
    2
}

impl EncoderConfig {
    /// What `config` says of an encoder.
    ///
    /// # Errors
    /// It is malformed, or asks for what is not implemented.
    pub fn of(config: &ModelConfig) -> Result<Self, InferenceError> {
        // First of all, since another architecture's configuration lacks values under these names.
        let architecture = Architecture::of(config.path(), config.architectures())?;
        Self::from_raw(config.path().to_owned(), architecture, config.part()?, config.labels().len())
    }

    /// Reads `directory`'s `config.json`.
    ///
    /// # Errors
    /// There is none, it is malformed, or it asks for what is not implemented.
    pub fn read(directory: &Path) -> Result<Self, InferenceError> {
        Self::of(&ModelConfig::read(directory)?)
    }

    fn from_raw(path: PathBuf, architecture: Architecture, raw: Raw, labels: usize) -> Result<Self, InferenceError> {
        let problem = |problem: String| Err(InferenceError::Config { path: path.clone(), problem });
        if raw.num_attention_heads == 0 || !raw.hidden_size.is_multiple_of(raw.num_attention_heads) {
            return problem(format!(
                "a hidden size of {} does not divide into {} attention heads; correct one of them",
                raw.hidden_size, raw.num_attention_heads
            ));
        }
        for (name, size) in [
            ("hidden size", raw.hidden_size),
            ("number of layers", raw.num_hidden_layers),
            ("intermediate size", raw.intermediate_size),
            ("vocabulary size", raw.vocab_size),
            ("max_position_embeddings", raw.max_position_embeddings),
        ] {
            if size == 0 {
                return problem(format!("the {name} is 0; a model needs at least 1"));
            }
        }
        if let Some(kind) = raw.position_embedding_type.filter(|kind| kind != "absolute") {
            return problem(format!("position_embedding_type `{kind}` is not implemented, only `absolute` is"));
        }
        if raw.is_decoder {
            return problem("is_decoder is true, but only encoders are implemented".to_owned());
        }
        let Some(activation) = activation(&raw.hidden_act) else {
            return problem(format!(
                "activation `{}` is not implemented; those implemented are gelu, gelu_python, gelu_new, gelu_fast, \
                 gelu_pytorch_tanh, relu and tanh",
                raw.hidden_act
            ));
        };
        Ok(Self {
            path,
            architecture,
            hidden: raw.hidden_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            intermediate: raw.intermediate_size,
            activation,
            epsilon: raw.layer_norm_eps,
            vocabulary: raw.vocab_size,
            positions: raw.max_position_embeddings,
            types: raw.type_vocab_size,
            labels,
        })
    }
}

fn activation(name: &str) -> Option<Activation> {
    Some(match name {
        "gelu" | "gelu_python" => Activation::Gelu,
        "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Activation::GeluTanh,
        "relu" => Activation::Relu,
        "tanh" => Activation::Tanh,
        _ => return None,
    })
}
