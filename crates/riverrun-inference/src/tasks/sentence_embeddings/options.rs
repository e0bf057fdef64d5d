//! Options and inputs of sentence embeddings.

use riverrun_runner::wire::Map;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Pooling, SentenceEmbeddings};
use crate::InferenceError;
use crate::tasks::task::{Given, TaskOptions, parameters};
use crate::tasks::text_model::{ModelOptions, model_options};

/// Options of [`SentenceEmbeddings`].
#[derive(Debug, Clone, Default)]
pub struct SentenceEmbeddingsOptions {
    pub(super) pooling: Option<Pooling>,
    pub(super) normalize: bool,
    pub(super) dimensions: Option<usize>,
    pub(super) prompt_name: Option<String>,
    pub(super) model: ModelOptions,
}

impl SentenceEmbeddingsOptions {
    /// The defaults: what the model's directory says.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How tokens are pooled, instead of what the directory says.
    #[must_use]
    pub fn pooling(mut self, pooling: Pooling) -> Self {
        self.pooling = Some(pooling);
        self
    }

    /// Whether embeddings are made ones of length 1, behind what the directory says and behind [`dimensions`](Self::dimensions).
    #[must_use]
    pub fn normalize(mut self, normalize: bool) -> Self {
        self.normalize = normalize;
        self
    }

    /// Leaves so many elements of an embedding: for models that were trained for it ("Matryoshka").
    #[must_use]
    pub fn dimensions(mut self, dimensions: usize) -> Self {
        self.dimensions = Some(dimensions);
        self
    }

    /// Which of the prompts that `config_sentence_transformers.json` names stands before every text, instead of the default one.
    #[must_use]
    pub fn prompt_name(mut self, name: impl Into<String>) -> Self {
        self.prompt_name = Some(name.into());
        self
    }
}

model_options!(SentenceEmbeddingsOptions);

impl TaskOptions for SentenceEmbeddingsOptions {
    type Task = SentenceEmbeddings;

    fn parameters(&self) -> Map {
        let own = [
            ("pooling", self.pooling.map(|pooling| json!(pooling))),
            ("normalize", self.normalize.then_some(json!(true))),
            ("dimensions", self.dimensions.map(|dimensions| json!(dimensions))),
            ("prompt_name", self.prompt_name.as_ref().map(|name| json!(name))),
        ];
        parameters(own.into_iter().chain(self.model.parameters()))
    }

    fn with_parameters(mut self, parameters: &Map) -> Result<Self, InferenceError> {
        let mut given = Given::new(parameters);
        given.set("pooling", &mut self.pooling)?;
        given.set("normalize", &mut self.normalize)?;
        given.set("dimensions", &mut self.dimensions)?;
        given.set("prompt_name", &mut self.prompt_name)?;
        given.done(&mut self.model)?;
        Ok(self)
    }
}

/// A text that gets an embedding, and what is asked for it in particular.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentenceEmbeddingsInput {
    /// The text.
    pub text: String,
    /// Which of the model's prompts stands before it, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_name: Option<String>,
}

impl From<String> for SentenceEmbeddingsInput {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

impl From<&str> for SentenceEmbeddingsInput {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}
