//! Extractive question answering, as `transformers.pipeline("question-answering")` defines it: the place of a text that answers a question.

mod options;
mod spans;

use std::path::Path;

use riverrun_model::InferenceTask;
use riverrun_runner::wire::{Payload, Portable};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokenizers::Encoding;

pub use options::{QuestionAnsweringOptions, QuestionInput};

use self::spans::{Part, best_spans};
use super::one_or_many::OneOrMany;
use super::task::{Task, object, to_payload};
use super::text_model::{TextModel, Tokenization, finite, item};
use crate::InferenceError;
use crate::backend::{Output, Rows, Sharing, Tokens};
use crate::tokenization::{Cut, TextTokenizer, Truncation, tokens_of};

/// Tokens of a part of a long context, the question included, and those that parts have in common: as `transformers` has it.
const PART: usize = 384;
const STRIDE: usize = 128;
const LONGEST_ANSWER: usize = 15;

/// A place of the context that answers the question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// How likely it is, between 0 and 1.
    pub score: f32,
    /// The character of the context (a Unicode scalar value, not a byte) that it begins at.
    pub start: usize,
    /// The character behind its last one.
    pub end: usize,
    /// What stands there; empty if the question has no answer.
    pub answer: String,
}

/// Finds the answers to questions in texts.
pub struct QuestionAnswering {
    model: TextModel,
    options: QuestionAnsweringOptions,
}

/// A question and its context as a batch holds them.
#[derive(Debug, Clone)]
pub struct TokenizedQuestion {
    parts: Vec<(Tokens, Part)>,
    context: String,
    top_k: usize,
    max_answer_len: usize,
    handle_impossible_answer: bool,
    align_to_words: bool,
}

impl Task for QuestionAnswering {
    type Options = QuestionAnsweringOptions;

    const TASK: InferenceTask = InferenceTask::QuestionAnswering;

    fn load_from(
        directory: &Path, options: QuestionAnsweringOptions, sharing: Sharing,
    ) -> Result<Self, InferenceError> {
        let mut tokenization = Tokenization { cut: Cut::Second, most: Some(PART), stride: None };
        // The stride depends on the limit, which the tokenizer knows.
        let mut model = TextModel::load(directory, &options.model, tokenization, sharing)?;
        let wanted = "a class that ends in ForQuestionAnswering";
        let width = model.width(Output::TokenLogits(Rows::EveryToken), Self::TASK.name(), wanted)?;
        if width != 2 {
            return Err(InferenceError::NoHead {
                path: model.config.path().to_owned(),
                found: model.config.architectures().join(", "),
                task: Self::TASK.name(),
                wanted,
            });
        }
        if options.model.truncation == Truncation::On {
            let stride = options.doc_stride.unwrap_or_else(|| STRIDE.min(model.tokenizer.limit() / 2));
            tokenization.stride = Some(stride);
            model.tokenizer = model.tokenizer_with(directory, &options.model, tokenization)?;
        }
        if options.top_k == Some(0) || options.max_answer_len == Some(0) {
            let problem = "`top_k` and `max_answer_len` are 1 at least".to_owned();
            return Err(InferenceError::Config { path: model.config.path().to_owned(), problem });
        }
        Ok(Self { model, options })
    }
}

impl QuestionAnswering {
    fn part(tokenizer: &TextTokenizer, encoding: &Encoding) -> (Tokens, Part) {
        (tokens_of(encoding), Part::new(encoding, tokenizer.special().first))
    }

    fn answers(&self, question: &TokenizedQuestion, logits: &[f32]) -> Result<OneOrMany<Answer>, ItemError> {
        finite(logits)?;
        let context: Vec<char> = question.context.chars().collect();
        let mut rest = logits;
        let mut nothing = f32::INFINITY;
        let mut answers = Vec::new();
        for (tokens, part) in &question.parts {
            let (own, others) = rest.split_at(tokens.ids.len() * 2);
            rest = others;
            let (spans, none) = best_spans(own, &part.allowed, question.max_answer_len, question.top_k);
            nothing = nothing.min(none);
            for span in spans {
                let (start, end) = part.characters(span.start, span.end, question.align_to_words);
                let answer = context.get(start..end).unwrap_or_default().iter().collect();
                answers.push(Answer { score: span.score, start, end, answer });
            }
        }
        if question.handle_impossible_answer {
            answers.push(Answer { score: nothing, start: 0, end: 0, answer: String::new() });
        }
        answers.sort_by(|a, b| b.score.total_cmp(&a.score));
        answers.truncate(question.top_k);
        Ok(answers.into())
    }
}

impl Runnable for QuestionAnswering {
    type Input = QuestionInput;
    type Prepared = TokenizedQuestion;
    /// The best answer; a list of the best where more than one was asked for and found.
    type Output = OneOrMany<Answer>;

    fn prepare(&self, input: QuestionInput) -> Result<Prepared<TokenizedQuestion>, ItemError> {
        for (name, text) in [("question", &input.question), ("context", &input.context)] {
            if text.is_empty() {
                return Err(ItemError::new(format!("the `{name}` is empty; give one with words")));
            }
        }
        if input.top_k == Some(0) || input.max_answer_len == Some(0) {
            return Err(ItemError::new("`top_k` and `max_answer_len` are 1 at least"));
        }
        let tokenizer = &self.model.tokenizer;
        let mut encoding = tokenizer.encode(&input.question, Some(&input.context)).map_err(|error| match error {
            // Only the context is cut, so a long question leaves it no room.
            InferenceError::Text { problem } => ItemError::new(format!(
                "the `question` leaves no room for the `context` within {} tokens ({problem}); shorten it",
                tokenizer.limit()
            )),
            error => item(error),
        })?;
        let further = encoding.take_overflowing();
        let parts: Vec<(Tokens, Part)> =
            std::iter::once(&encoding).chain(&further).map(|encoding| Self::part(tokenizer, encoding)).collect();
        let cost = parts.iter().map(|(tokens, _)| tokens.ids.len()).sum();
        let options = &self.options;
        let value = TokenizedQuestion {
            parts,
            context: input.context,
            top_k: input.top_k.or(options.top_k).unwrap_or(1),
            max_answer_len: input.max_answer_len.or(options.max_answer_len).unwrap_or(LONGEST_ANSWER),
            handle_impossible_answer: input.handle_impossible_answer.unwrap_or(options.handle_impossible_answer),
            align_to_words: input.align_to_words.unwrap_or(!options.split_words),
        };
        Ok(Prepared { value, cost })
    }

    fn truncated(&self) -> u64 {
        self.model.tokenizer.truncated()
    }

    fn run(
        &self, batch: Vec<TokenizedQuestion>, compute: &Compute,
    ) -> Result<Vec<Result<OneOrMany<Answer>, ItemError>>, ItemError> {
        let tokens = batch.iter().flat_map(|question| question.parts.iter().map(|(tokens, _)| tokens));
        let logits = self.model.token_logits(tokens, compute)?;
        let mut rest = logits.as_slice();
        let of_question = |question: &TokenizedQuestion| {
            let tokens: usize = question.parts.iter().map(|(tokens, _)| tokens.ids.len()).sum();
            let (own, others) = rest.split_at(tokens * 2);
            rest = others;
            self.answers(question, own)
        };
        Ok(batch.iter().map(of_question).collect())
    }

    fn warm_up(&self, compute: &Compute) -> Result<(), ItemError> {
        let prepared = self.prepare(QuestionInput::new("How long?", "A text of the length that many have."))?;
        self.run(vec![prepared.value], compute)?.into_iter().try_for_each(|result| result.map(drop))
    }
}

/// An item is an object `{"question", "context"}` with `top_k`, `max_answer_len`, `handle_impossible_answer` and `align_to_words` if need be.
impl Portable for QuestionAnswering {
    fn to_payload(input: &QuestionInput) -> Payload {
        to_payload(input)
    }

    fn from_payload(payload: Payload) -> Result<QuestionInput, ItemError> {
        object(
            payload,
            "an object is wanted with `question` and `context` and, if you like, `top_k`, `max_answer_len`, \
             `handle_impossible_answer` and `align_to_words`",
        )
    }

    fn input_schema() -> Value {
        json!({
            "type": "object",
            "required": ["question", "context"],
            "additionalProperties": false,
            "properties": {
                "question": {"type": "string", "minLength": 1},
                "context": {"type": "string", "minLength": 1},
                "top_k": {"type": ["integer", "null"], "minimum": 1},
                "max_answer_len": {"type": ["integer", "null"], "minimum": 1},
                "handle_impossible_answer": {"type": ["boolean", "null"]},
                "align_to_words": {"type": ["boolean", "null"]},
            },
            "example": {"question": "Who wrote it?", "context": "Mary Shelley wrote it in 1818."},
        })
    }

    fn output_schema() -> Value {
        let answer = json!({
            "type": "object",
            "required": ["score", "start", "end", "answer"],
            "properties": {
                "score": {"type": "number"},
                "start": {"type": "integer"},
                "end": {"type": "integer"},
                "answer": {"type": "string"},
            },
        });
        json!({"anyOf": [answer, {"type": "array", "items": answer}]})
    }
}
