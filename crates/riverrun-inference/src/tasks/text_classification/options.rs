//! Options of text classification.

use std::fmt;

use riverrun_runner::wire::Map;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::config::ProblemType;
use crate::encoder::Precision;
use crate::kernels::Cpu;
use crate::tasks::text_model::ModelOptions;
use crate::tokenization::Truncation;

/// What makes scores of the model's logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    pub(super) fn default_of(problem_type: Option<ProblemType>, labels: usize) -> Self {
        match problem_type {
            Some(ProblemType::Regression) => Self::None,
            Some(ProblemType::MultiLabelClassification) => Self::Sigmoid,
            _ if labels == 1 => Self::Sigmoid,
            _ => Self::Softmax,
        }
    }
}

/// How many labels a text gets, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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

    /// Whether a text that is too long is cut (the default) or an error.
    #[must_use]
    pub fn truncation(mut self, truncation: bool) -> Self {
        self.model.truncation = if truncation { Truncation::On } else { Truncation::Off };
        self
    }

    /// Tokens at which a text is cut, special ones included, instead of the model's maximum.
    #[must_use]
    pub fn max_length(mut self, tokens: usize) -> Self {
        self.model.max_length = Some(tokens);
        self
    }

    /// The instructions to use, instead of the highest level of this CPU or what `RIVERRUN_CPU` says.
    #[must_use]
    pub fn cpu(mut self, cpu: Cpu) -> Self {
        self.model.cpu = Some(cpu);
        self
    }

    /// The numbers to compute with, instead of 32-bit floats.
    #[must_use]
    pub fn precision(mut self, precision: Precision) -> Self {
        self.model.precision = precision;
        self
    }

    /// What a service that loaded the model with other options has to be asked for. It refuses what it can only be told when it
    /// loads the model (`truncation`, `max_length`), so that nobody gets another answer than they asked for.
    pub(crate) fn parameters(&self) -> Map {
        let top_k = (self.top_k != TopK::Best).then(|| json!(self.top_k));
        let truncation = matches!(self.model.truncation, Truncation::Off).then(|| Value::Bool(false));
        [
            ("top_k", top_k),
            ("function_to_apply", self.function.map(|function| json!(function))),
            ("truncation", truncation),
            ("max_length", self.model.max_length.map(Value::from)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
    }
}
