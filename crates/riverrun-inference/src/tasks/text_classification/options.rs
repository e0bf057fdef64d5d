//! Options of text classification.

use serde::{Deserialize, Serialize};

use crate::encoder::ProblemType;
use crate::kernels::Cpu;
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

/// Options of [`TextClassification::load`](crate::TextClassification::load).
#[derive(Debug, Clone, Default)]
pub struct TextClassificationOptions {
    pub(super) top_k: TopK,
    pub(super) function: Option<FunctionToApply>,
    pub(super) truncation: Truncation,
    pub(super) max_length: Option<usize>,
    pub(super) cpu: Option<Cpu>,
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
        self.truncation = if truncation { Truncation::On } else { Truncation::Off };
        self
    }

    /// Tokens at which a text is cut, special ones included, instead of the model's maximum.
    #[must_use]
    pub fn max_length(mut self, tokens: usize) -> Self {
        self.max_length = Some(tokens);
        self
    }

    /// The instructions to use, instead of the highest level of this CPU or what `RIVERRUN_CPU` says.
    #[must_use]
    pub fn cpu(mut self, cpu: Cpu) -> Self {
        self.cpu = Some(cpu);
        self
    }
}
