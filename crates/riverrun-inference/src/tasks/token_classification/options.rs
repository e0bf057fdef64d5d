//! Options and inputs of token classification.

use riverrun_runner::wire::Map;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::TokenClassification;
use crate::InferenceError;
use crate::tasks::task::{Given, TaskOptions, parameters};
use crate::tasks::text_model::{ModelOptions, model_options};

/// How tokens become entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AggregationStrategy {
    /// Every token stands for itself.
    #[default]
    None,
    /// Neighbours of one label are one entity; a word may be torn apart.
    Simple,
    /// As `Simple`, of whole words: a word has the label of its first token.
    First,
    /// As `Simple`, of whole words: a word has the label of the mean of its tokens' scores.
    Average,
    /// As `Simple`, of whole words: a word has the label of its token with the highest score.
    Max,
}

/// Options of [`TokenClassification`].
#[derive(Debug, Clone, Default)]
pub struct TokenClassificationOptions {
    pub(super) strategy: AggregationStrategy,
    pub(super) ignore_labels: Option<Vec<String>>,
    pub(super) stride: Option<usize>,
    pub(super) model: ModelOptions,
}

impl TokenClassificationOptions {
    /// The defaults: every token for itself, without those labelled `O`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How tokens become entities.
    #[must_use]
    pub fn aggregation_strategy(mut self, strategy: AggregationStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Labels that are left out, instead of `O`.
    #[must_use]
    pub fn ignore_labels(mut self, labels: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.ignore_labels = Some(labels.into_iter().map(Into::into).collect());
        self
    }

    /// Computes a long text in parts that have so many tokens in common, instead of cutting it. Of entities that overlap the longer one
    /// stays. Not with [`AggregationStrategy::None`].
    #[must_use]
    pub fn stride(mut self, tokens: usize) -> Self {
        self.stride = Some(tokens);
        self
    }
}

model_options!(TokenClassificationOptions);

impl TaskOptions for TokenClassificationOptions {
    type Task = TokenClassification;

    fn parameters(&self) -> Map {
        let strategy = (self.strategy != AggregationStrategy::None).then(|| json!(self.strategy));
        let own = [
            ("aggregation_strategy", strategy),
            ("ignore_labels", self.ignore_labels.as_ref().map(|labels| json!(labels))),
            ("stride", self.stride.map(|stride| json!(stride))),
        ];
        parameters(own.into_iter().chain(self.model.parameters()))
    }

    fn with_parameters(mut self, parameters: &Map) -> Result<Self, InferenceError> {
        let mut given = Given::new(parameters);
        given.set("aggregation_strategy", &mut self.strategy)?;
        given.set("ignore_labels", &mut self.ignore_labels)?;
        given.set("stride", &mut self.stride)?;
        given.done(&mut self.model)?;
        Ok(self)
    }
}

/// A text whose tokens get labels, and what is asked for it in particular.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenClassificationInput {
    /// The text.
    pub text: String,
    /// How its tokens become entities, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregation_strategy: Option<AggregationStrategy>,
    /// Labels that are left out, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_labels: Option<Vec<String>>,
}

impl From<String> for TokenClassificationInput {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

impl From<&str> for TokenClassificationInput {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}
