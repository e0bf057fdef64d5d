//! How a quantized model compares with the one that it was made from.

use std::fmt;

use riverrun_model::{Metadata, Value};
use serde::{Deserialize, Serialize};

use crate::encoder::Precision;

/// How a quantized model compares with the one that it was made from, which was computed in 32-bit floats.
///
/// A difference is that of a score as the task shows it: of every label, of the answer that full precision gives, or one minus the cosine of
/// two embeddings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QuantizationReport {
    /// The model that it was made from.
    pub from: String,
    /// The numbers of its weights.
    pub precision: Precision,
    /// How many texts were compared.
    pub texts: usize,
    /// What the agreement is a share of.
    pub compared: Compared,
    /// How often both gave the same, from 0 to 1.
    pub agreement: f64,
    /// The mean of all differences.
    pub mean_difference: f64,
    /// 99 of 100 texts have no larger difference than this.
    pub p99_difference: f64,
    /// The largest difference.
    pub max_difference: f64,
    /// How many different answers full precision gave to the texts, where there is one to a text and they can be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub different_answers: Option<usize>,
}

impl QuantizationReport {
    /// The name under which a version's free metadata has it.
    pub const KEY: &'static str = "quantization";

    /// What a version's metadata says, if it is a quantized one.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Option<Self> {
        metadata.metadata.get(Self::KEY)?.clone().try_into().ok()
    }

    pub(super) fn to_value(&self) -> Value {
        // Texts and numbers always have a form there.
        Value::try_from(self).unwrap_or_else(|error| Value::String(error.to_string()))
    }
}

/// What an agreement is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Compared {
    /// Texts with the same best label.
    BestLabel,
    /// Texts with the same labels of a score of 0.5 and more: several can fit.
    Labels,
    /// Numbers that stand in the same order as those of the text before: of models that give no labels but values, such as ratings.
    Order,
    /// Tokens with the same best label.
    TokenLabels,
    /// Texts with the same answer: its start and end in the text, or the token for a gap.
    Answer,
    /// None: it is the mean cosine of both embeddings of a text.
    Cosine,
}

impl fmt::Display for Compared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::BestLabel => "best label",
            Self::Labels => "labels above 0.5",
            Self::Order => "order of neighbours",
            Self::TokenLabels => "labels of tokens",
            Self::Answer => "best answer",
            Self::Cosine => "mean cosine",
        })
    }
}
