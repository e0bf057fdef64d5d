//! What a `config.json` says of an encoder, in the words of BERT for every architecture.

use std::path::{Path, PathBuf};

use super::architecture::{Architecture, Family, HeadKind};
use super::details::{Deberta, Gated, ModernBert, Rotary};
use super::fields::Fields;
use super::precision::Precision;
use crate::InferenceError;
use crate::config::ModelConfig;
use crate::kernels::Activation;

/// Layers and positions that are believed.
const MOST_LAYERS: usize = 4_096;
const MOST_POSITIONS: usize = 1 << 20;

/// What `config.json` says of an encoder, in the words of BERT for every architecture.
#[derive(Debug, Clone)]
pub struct EncoderConfig {
    pub(crate) path: PathBuf,
    pub(crate) architecture: Architecture,
    pub(crate) hidden: usize,
    /// Elements of a token's embedding, where it is projected to the hidden size.
    pub(crate) embedding: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) intermediate: usize,
    pub(crate) activation: Activation,
    pub(crate) epsilon: f32,
    pub(crate) vocabulary: usize,
    /// Rows of the embedding of positions, or how far rotary positions go.
    pub(crate) positions: usize,
    /// The position of a text's first token.
    pub(crate) first_position: usize,
    /// A token that takes no position of its own, wherever it stands.
    pub(crate) unplaced: Option<u32>,
    pub(crate) types: usize,
    /// How many labels a classifier has.
    pub(crate) labels: usize,
    /// The numbers that its weights are stored in, where they were rounded ahead.
    pub(crate) stored: Option<Precision>,
    pub(crate) details: Details,
}

/// What only one family has.
#[derive(Debug, Clone)]
pub(crate) enum Details {
    None,
    /// Layers share weights: so many groups of so many layers each.
    Albert {
        groups: usize,
        inner: usize,
    },
    Deberta(Deberta),
    ModernBert(ModernBert),
    /// Rotary positions and gated units: GTE and Nomic BERT.
    Gated(Gated),
}

impl EncoderConfig {
    /// What `config` says of an encoder.
    ///
    /// # Errors
    /// It is malformed, or asks for what is not implemented.
    pub fn of(config: &ModelConfig) -> Result<Self, InferenceError> {
        // First of all, since another architecture's configuration lacks values under these names.
        let architecture = Architecture::of(config.path(), config.architectures())?;
        let family = architecture.family;
        let fields = Fields::new(config);
        let hidden = fields.size(&["hidden_size", "dim", "n_embd"], "hidden size")?;
        let heads: usize = fields.size(&["num_attention_heads", "n_heads", "n_head"], "number of attention heads")?;
        if !hidden.is_multiple_of(heads) {
            return fields.problem(format!(
                "a hidden size of {hidden} does not divide into {heads} attention heads; correct one of them"
            ));
        }
        let layers = fields.size(&["num_hidden_layers", "n_layers", "n_layer"], "number of layers")?;
        // Far beyond any model, so that a wrong number is told before memory is asked for.
        if layers > MOST_LAYERS {
            return fields.problem(format!("{layers} is no number of layers; {MOST_LAYERS} are the most"));
        }
        let intermediate = match fields.get::<usize>(&["intermediate_size", "hidden_dim", "n_inner"])? {
            None if family == Family::NomicBert => 4 * hidden,
            _ => fields.size(&["intermediate_size", "hidden_dim", "n_inner"], "intermediate size")?,
        };
        let positions = match family {
            Family::NomicBert => {
                fields.or(&["max_trained_positions", "n_positions", "max_position_embeddings"], 2048)?
            }
            Family::ModernBert | Family::Gte => fields.or(&["max_position_embeddings"], 8192)?,
            _ => fields.or(&["max_position_embeddings"], 512)?,
        };
        if positions == 0 {
            return fields.problem("the max_position_embeddings is 0; a model needs at least 1".to_owned());
        }
        if positions > MOST_POSITIONS {
            return fields.problem(format!("{positions} is no number of positions; {MOST_POSITIONS} are the most"));
        }
        if fields.or(&["is_decoder"], false)? {
            return fields.problem("is_decoder is true, but only encoders are implemented".to_owned());
        }
        let kind: Option<String> = fields.get(&["position_embedding_type"])?;
        let wanted = if family == Family::Gte { "rope" } else { "absolute" };
        if let Some(kind) = kind.filter(|kind| kind != wanted) {
            return fields.problem(format!(
                "position_embedding_type `{kind}` is not implemented for {family}, only `{wanted}` is"
            ));
        }
        let (first_position, unplaced) = first_position(family, &fields)?;
        if positions <= first_position {
            return fields.problem(format!(
                "with {positions} max_position_embeddings and a pad_token_id of {} there is room for no token",
                first_position - 1
            ));
        }
        let embedding = match family {
            Family::Electra | Family::Albert => fields.or(&["embedding_size"], 128)?,
            Family::DebertaV2 => fields.or(&["embedding_size"], hidden)?,
            _ => hidden,
        };
        let details = match family {
            Family::Albert => {
                let groups: usize = fields.or(&["num_hidden_groups"], 1)?;
                let inner = fields.or(&["inner_group_num"], 1)?;
                if groups == 0 || groups > layers || inner == 0 || inner > MOST_LAYERS {
                    return fields.problem(format!("{groups} groups of {inner} layers can't be {layers} layers"));
                }
                Details::Albert { groups, inner }
            }
            Family::DebertaV2 => Details::Deberta(Deberta::of(&fields, positions)?),
            Family::ModernBert => Details::ModernBert(ModernBert::of(&fields)?),
            Family::Gte => Details::Gated(Gated::of_gte(&fields, positions)?),
            Family::NomicBert => Details::Gated(Gated::of_nomic(&fields)?),
            _ => Details::None,
        };
        if let Some(rotary) = details.rotary()
            && !(hidden / heads).is_multiple_of(2)
        {
            let size = hidden / heads;
            return fields
                .problem(format!("heads of {size} elements have no halves to rotate (theta {})", rotary.theta));
        }
        Ok(Self {
            path: config.path().to_owned(),
            architecture,
            hidden,
            embedding,
            layers,
            heads,
            intermediate,
            activation: activation(family, &fields)?,
            epsilon: fields.or(&["layer_norm_eps", "norm_eps", "layer_norm_epsilon"], default_epsilon(family))?,
            vocabulary: fields.size(&["vocab_size"], "vocabulary size")?,
            positions,
            first_position,
            unplaced,
            types: types(family, &fields)?,
            labels: config.labels().len(),
            stored: config.precision(),
            details,
        })
    }

    /// Reads `directory`'s `config.json`.
    ///
    /// # Errors
    /// There is none, it is malformed, or it asks for what is not implemented.
    pub fn read(directory: &Path) -> Result<Self, InferenceError> {
        Self::of(&ModelConfig::read(directory)?)
    }

    pub(crate) fn family(&self) -> Family {
        self.architecture.family
    }

    pub(crate) fn head(&self) -> HeadKind {
        self.architecture.head
    }

    /// How many tokens a text may have.
    pub(crate) fn max_tokens(&self) -> usize {
        self.positions - self.first_position
    }
}

impl Details {
    fn rotary(&self) -> Option<&Rotary> {
        match self {
            Self::ModernBert(details) => Some(&details.global),
            Self::Gated(details) => Some(&details.rotary),
            _ => None,
        }
    }
}

/// Those of RoBERTa and of MPNet begin behind the padding's, which a padding token keeps even inside a text.
fn first_position(family: Family, fields: &Fields<'_>) -> Result<(usize, Option<u32>), InferenceError> {
    let pad: u32 = match family {
        Family::Roberta => fields.or(&["pad_token_id"], 1)?,
        // Whatever its configuration says: so `transformers` has it.
        Family::MpNet => 1,
        _ => return Ok((0, None)),
    };
    Ok((pad as usize + 1, Some(pad)))
}

fn activation(family: Family, fields: &Fields<'_>) -> Result<Activation, InferenceError> {
    match family {
        Family::DistilBert => fields.activation(&["activation"], "gelu"),
        Family::Albert => fields.activation(&["hidden_act"], "gelu_new"),
        Family::ModernBert => fields.activation(&["hidden_activation"], "gelu"),
        Family::NomicBert => {
            let name: String = fields.or(&["activation_function"], "swiglu".to_owned())?;
            match name.as_str() {
                "swiglu" => Ok(Activation::Silu),
                "geglu" => Ok(Activation::Gelu),
                _ => fields.problem(format!(
                    "activation_function `{name}` is not implemented for {family}, only `swiglu` and `geglu` are"
                )),
            }
        }
        _ => fields.activation(&["hidden_act"], "gelu"),
    }
}

/// The defaults of `transformers`.
fn default_epsilon(family: Family) -> f32 {
    match family {
        Family::DebertaV2 => 1e-7,
        Family::ModernBert | Family::NomicBert => 1e-5,
        _ => 1e-12,
    }
}

fn types(family: Family, fields: &Fields<'_>) -> Result<usize, InferenceError> {
    match family {
        Family::DistilBert | Family::MpNet | Family::ModernBert => Ok(0),
        Family::DebertaV2 => fields.or(&["type_vocab_size"], 0),
        Family::Gte => fields.or(&["type_vocab_size"], 1),
        _ => fields.or(&["type_vocab_size"], 2),
    }
}
