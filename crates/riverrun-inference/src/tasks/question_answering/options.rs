//! Options and inputs of question answering.

use riverrun_runner::wire::Map;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::QuestionAnswering;
use crate::InferenceError;
use crate::tasks::task::{Given, TaskOptions, parameters};
use crate::tasks::text_model::{ModelOptions, model_options};

/// Options of [`QuestionAnswering`].
#[derive(Debug, Clone, Default)]
pub struct QuestionAnsweringOptions {
    pub(super) top_k: Option<usize>,
    pub(super) max_answer_len: Option<usize>,
    pub(super) doc_stride: Option<usize>,
    pub(super) handle_impossible_answer: bool,
    pub(super) split_words: bool,
    pub(super) model: ModelOptions,
}

impl QuestionAnsweringOptions {
    /// The defaults: the best answer, of whole words and at most 15 tokens. A long context is looked at in parts of up to 384 tokens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many answers a question gets, best first.
    #[must_use]
    pub fn top_k(mut self, top_k: usize) -> Self {
        self.top_k = Some(top_k);
        self
    }

    /// How many tokens an answer may have.
    #[must_use]
    pub fn max_answer_len(mut self, tokens: usize) -> Self {
        self.max_answer_len = Some(tokens);
        self
    }

    /// Tokens that the parts of a long context have in common, instead of 128 or half a part.
    #[must_use]
    pub fn doc_stride(mut self, tokens: usize) -> Self {
        self.doc_stride = Some(tokens);
        self
    }

    /// Whether a question may have no answer: that is an empty one.
    #[must_use]
    pub fn handle_impossible_answer(mut self, handle: bool) -> Self {
        self.handle_impossible_answer = handle;
        self
    }

    /// Whether an answer begins and ends with whole words (the default).
    #[must_use]
    pub fn align_to_words(mut self, align: bool) -> Self {
        self.split_words = !align;
        self
    }
}

model_options!(QuestionAnsweringOptions);

impl TaskOptions for QuestionAnsweringOptions {
    type Task = QuestionAnswering;

    fn parameters(&self) -> Map {
        let own = [
            ("top_k", self.top_k.map(|top_k| json!(top_k))),
            ("max_answer_len", self.max_answer_len.map(|tokens| json!(tokens))),
            ("doc_stride", self.doc_stride.map(|tokens| json!(tokens))),
            ("handle_impossible_answer", self.handle_impossible_answer.then_some(json!(true))),
            ("align_to_words", self.split_words.then_some(json!(false))),
        ];
        parameters(own.into_iter().chain(self.model.parameters()))
    }

    fn with_parameters(mut self, parameters: &Map) -> Result<Self, InferenceError> {
        let mut given = Given::new(parameters);
        given.set("top_k", &mut self.top_k)?;
        given.set("max_answer_len", &mut self.max_answer_len)?;
        given.set("doc_stride", &mut self.doc_stride)?;
        given.set("handle_impossible_answer", &mut self.handle_impossible_answer)?;
        let mut align = !self.split_words;
        given.set("align_to_words", &mut align)?;
        self.split_words = !align;
        given.done(&mut self.model)?;
        Ok(self)
    }
}

/// A question, and the text that may answer it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionInput {
    /// The question.
    pub question: String,
    /// The text.
    pub context: String,
    /// How many answers, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// How many tokens an answer may have, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_answer_len: Option<usize>,
    /// Whether there may be no answer, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle_impossible_answer: Option<bool>,
    /// Whether an answer is of whole words, instead of what the runner was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub align_to_words: Option<bool>,
}

impl QuestionInput {
    /// `question`, to be answered by `context`.
    pub fn new(question: impl Into<String>, context: impl Into<String>) -> Self {
        Self { question: question.into(), context: context.into(), ..Self::default() }
    }
}
