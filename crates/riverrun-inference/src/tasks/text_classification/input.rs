//! What is classified.

use serde::{Deserialize, Serialize};

use super::{FunctionToApply, TopK};

/// A text, or a pair of texts that are classified together, and what is asked for it in particular.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextInput {
    /// The text.
    pub text: String,
    /// The second text of a pair; empty, it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_pair: Option<String>,
    /// How many labels it gets, instead of what the runner was told.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub top_k: Option<TopK>,
    /// What makes scores of its logits, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_to_apply: Option<FunctionToApply>,
}

/// `null` stands for all labels, as in `transformers`, and not for an absent option.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<TopK>, D::Error> {
    TopK::deserialize(deserializer).map(Some)
}

impl From<&str> for TextInput {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<String> for TextInput {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

impl From<(String, String)> for TextInput {
    fn from((text, pair): (String, String)) -> Self {
        Self { text, text_pair: Some(pair), ..Self::default() }
    }
}
