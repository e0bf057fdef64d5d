//! The architectures that are implemented.

use std::path::Path;

use crate::InferenceError;

/// An architecture, by the name that `config.json` has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Architecture {
    Bert,
    DistilBert,
}

/// Where an architecture's checkpoints keep the parts of a layer.
pub(crate) struct Names {
    /// What stands before the encoder's names in a classifier's checkpoint.
    pub(crate) prefix: &'static str,
    pub(crate) layer: &'static str,
    pub(crate) query: &'static str,
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
    pub(crate) attention_out: &'static str,
    pub(crate) attention_norm: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
    pub(crate) out_norm: &'static str,
    /// The layer between the first token and the classifier.
    pub(crate) pooler: &'static str,
}

impl Architecture {
    const ALL: [Self; 2] = [Self::Bert, Self::DistilBert];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bert => "BertForSequenceClassification",
            Self::DistilBert => "DistilBertForSequenceClassification",
        }
    }

    pub(crate) fn names(self) -> Names {
        match self {
            Self::Bert => Names {
                prefix: "bert.",
                layer: "encoder.layer",
                query: "attention.self.query",
                key: "attention.self.key",
                value: "attention.self.value",
                attention_out: "attention.output.dense",
                attention_norm: "attention.output.LayerNorm",
                up: "intermediate.dense",
                down: "output.dense",
                out_norm: "output.LayerNorm",
                pooler: "pooler.dense",
            },
            Self::DistilBert => Names {
                prefix: "distilbert.",
                layer: "transformer.layer",
                query: "attention.q_lin",
                key: "attention.k_lin",
                value: "attention.v_lin",
                attention_out: "attention.out_lin",
                attention_norm: "sa_layer_norm",
                up: "ffn.lin1",
                down: "ffn.lin2",
                out_norm: "output_layer_norm",
                pooler: "pre_classifier",
            },
        }
    }

    /// The first of `config.json`'s `architectures` that is implemented.
    pub(crate) fn of(path: &Path, names: &[String]) -> Result<Self, InferenceError> {
        let known = names.iter().find_map(|name| Self::ALL.into_iter().find(|known| known.name() == *name));
        known.ok_or_else(|| InferenceError::Architecture {
            path: path.to_owned(),
            found: if names.is_empty() { "(none: `architectures` is missing)".to_owned() } else { names.join(", ") },
            supported: Self::ALL.map(Self::name).to_vec(),
        })
    }
}
