//! Options and inputs of image classification.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use riverrun_runner::wire::Map;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;

use super::ImageClassification;
use crate::InferenceError;
use crate::backend::AskedBackend;
use crate::tasks::task::{Given, TaskOptions, parameters};
use crate::tasks::text_classification::{FunctionToApply, TopK};

/// How many labels an image gets, as in `transformers`.
const LABELS: TopK = TopK::Some(5);

/// Options of [`ImageClassification`].
#[derive(Debug, Clone)]
pub struct ImageClassificationOptions {
    pub(super) top_k: TopK,
    pub(super) function: Option<FunctionToApply>,
    pub(super) backend: AskedBackend,
}

impl Default for ImageClassificationOptions {
    fn default() -> Self {
        Self { top_k: LABELS, function: None, backend: AskedBackend::default() }
    }
}

impl ImageClassificationOptions {
    /// The defaults: the five best labels, with the function that the model's configuration implies.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many labels an image gets.
    #[must_use]
    pub fn top_k(mut self, top_k: TopK) -> Self {
        self.top_k = top_k;
        self
    }

    /// What makes scores of logits, instead of what the configuration implies.
    #[must_use]
    pub fn function_to_apply(mut self, function: FunctionToApply) -> Self {
        self.function = Some(function);
        self
    }

    /// What computes the model, instead of the one that is chosen for it.
    #[must_use]
    pub fn backend(mut self, backend: AskedBackend) -> Self {
        self.backend = backend;
        self
    }
}

impl TaskOptions for ImageClassificationOptions {
    type Task = ImageClassification;

    fn parameters(&self) -> Map {
        parameters([
            ("top_k", (self.top_k != LABELS).then(|| json!(self.top_k))),
            ("function_to_apply", self.function.map(|function| json!(function))),
        ])
    }

    fn with_parameters(mut self, parameters: &Map) -> Result<Self, InferenceError> {
        let mut given = Given::new(parameters);
        given.set("top_k", &mut self.top_k)?;
        given.set("function_to_apply", &mut self.function)?;
        given.set("backend", &mut self.backend)?;
        given.nothing_else()?;
        Ok(self)
    }
}

/// An image as its file has it, in JPEG, PNG or WebP, and what is asked for it in particular.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageInput {
    /// The bytes of the file; in JSON as base64.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub image: Vec<u8>,
    /// How many labels it gets, instead of what the runner was told.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub top_k: Option<TopK>,
    /// What makes scores of its logits, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_to_apply: Option<FunctionToApply>,
}

impl From<Vec<u8>> for ImageInput {
    fn from(image: Vec<u8>) -> Self {
        Self { image, ..Self::default() }
    }
}

/// `null` stands for all labels, as for texts.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TopK>, D::Error> {
    TopK::deserialize(deserializer).map(Some)
}

fn to_base64<S: Serializer>(image: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&encoded(image))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    decoded(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Bytes as base64.
pub(super) fn encoded(image: &[u8]) -> String {
    STANDARD.encode(image)
}

/// The bytes of base64, also behind `data:image/png;base64,` as pages have it.
pub(super) fn decoded(text: &str) -> Result<Vec<u8>, String> {
    let text = match text.split_once(";base64,") {
        Some((kind, rest)) if kind.starts_with("data:") => rest,
        _ => text,
    };
    STANDARD.decode(text.trim()).map_err(|error| format!("the image is not base64: {error}"))
}
