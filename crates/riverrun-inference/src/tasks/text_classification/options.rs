//! Options of text classification.

use std::fmt;

use riverrun_runner::wire::Map;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;

use crate::InferenceError;
use crate::config::ProblemType;
use crate::tasks::task::{Given, TaskOptions, parameters};
use crate::tasks::text_model::{ModelOptions, model_options};

use super::TextClassification;

/// What makes scores of the model's logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FunctionToApply {
    /// Scores of all labels sum up to 1.
    Softmax,
    /// Each score is between 0 and 1 on its own.
    Sigmoid,
    /// The logits themselves.
    None,
}

impl FunctionToApply {
    /// What `transformers` applies: none for a regression, sigmoid with several labels at once or only one, softmax
    /// otherwise.
    pub(crate) fn default_of(problem_type: Option<ProblemType>, labels: usize) -> Self {
        match problem_type {
            Some(ProblemType::Regression) => Self::None,
            Some(ProblemType::MultiLabelClassification) => Self::Sigmoid,
            _ if labels == 1 => Self::Sigmoid,
            _ => Self::Softmax,
        }
    }
}

/// How many labels a text gets, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TopK {
    /// The best alone.
    #[default]
    Best,
    /// So many of the best, or all if there are fewer.
    Some(usize),
    /// All.
    All,
}

impl Serialize for TopK {
    /// A number, or `"all"`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Best => serializer.serialize_u64(1),
            Self::Some(count) => serializer.serialize_u64(*count as u64),
            Self::All => serializer.serialize_str("all"),
        }
    }
}

impl<'de> Deserialize<'de> for TopK {
    /// A number from 1 on; `"all"`, or `null` as `transformers` has it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TopKVisitor)
    }
}

struct TopKVisitor;

impl Visitor<'_> for TopKVisitor {
    type Value = TopK;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`top_k` to be a number from 1 on, or `all`")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<TopK, E> {
        match usize::try_from(count) {
            Ok(0) => Err(E::invalid_value(Unexpected::Unsigned(0), &self)),
            Ok(count) => Ok(TopK::Some(count)),
            Err(_) => Ok(TopK::All),
        }
    }

    fn visit_i64<E: Error>(self, count: i64) -> Result<TopK, E> {
        u64::try_from(count)
            .map_err(|_| E::invalid_value(Unexpected::Signed(count), &self))
            .and_then(|count| self.visit_u64(count))
    }

    /// Whole numbers, which JSON Schema counts among the integers.
    fn visit_f64<E: Error>(self, count: f64) -> Result<TopK, E> {
        if count < 1.0 || count.fract() != 0.0 {
            return Err(E::invalid_value(Unexpected::Float(count), &self));
        }
        // Saturates far beyond the labels of any model.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        Ok(TopK::Some(count as usize))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<TopK, E> {
        if text == "all" { Ok(TopK::All) } else { Err(E::invalid_value(Unexpected::Str(text), &self)) }
    }

    fn visit_unit<E: Error>(self) -> Result<TopK, E> {
        Ok(TopK::All)
    }
}

/// Options of [`TextClassification::load`](crate::TextClassification::load).
#[derive(Debug, Clone, Default)]
pub struct TextClassificationOptions {
    pub(super) top_k: TopK,
    pub(super) function: Option<FunctionToApply>,
    pub(super) model: ModelOptions,
}

impl TextClassificationOptions {
    /// The defaults: the best label, the function that the model's configuration implies, truncation at its maximum.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many labels a text gets.
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
}

model_options!(TextClassificationOptions);

impl TaskOptions for TextClassificationOptions {
    type Task = TextClassification;

    fn parameters(&self) -> Map {
        let own = [
            ("top_k", (self.top_k != TopK::Best).then(|| json!(self.top_k))),
            ("function_to_apply", self.function.map(|function| json!(function))),
        ];
        parameters(own.into_iter().chain(self.model.parameters()))
    }

    fn with_parameters(mut self, parameters: &Map) -> Result<Self, InferenceError> {
        let mut given = Given::new(parameters);
        given.set("top_k", &mut self.top_k)?;
        given.set("function_to_apply", &mut self.function)?;
        given.done(&mut self.model)?;
        Ok(self)
    }
}
