//! What a model is for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a model is for, by the names that `transformers` gives its pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum InferenceTask {
    /// One label, or several, for a text.
    TextClassification,
    /// One label for each token of a text.
    TokenClassification,
    /// Hidden states, for embeddings.
    FeatureExtraction,
}

impl InferenceTask {
    /// The task of a model class of `transformers`, as the `architectures` of a `config.json` name it.
    ///
    /// ```
    /// use riverrun_model::InferenceTask;
    ///
    /// assert_eq!(
    ///     InferenceTask::of_architecture("BertForSequenceClassification"),
    ///     Some(InferenceTask::TextClassification)
    /// );
    /// assert_eq!(InferenceTask::of_architecture("WhisperForConditionalGeneration"), None);
    /// ```
    pub fn of_architecture(architecture: &str) -> Option<Self> {
        if architecture.ends_with("ForSequenceClassification") {
            Some(Self::TextClassification)
        } else if architecture.ends_with("ForTokenClassification") {
            Some(Self::TokenClassification)
        } else if architecture.ends_with("Model") && !architecture.contains("LMHead") {
            Some(Self::FeatureExtraction)
        } else {
            None
        }
    }

    /// Its name, as in `text-classification`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TextClassification => "text-classification",
            Self::TokenClassification => "token-classification",
            Self::FeatureExtraction => "feature-extraction",
        }
    }
}

impl fmt::Display for InferenceTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
