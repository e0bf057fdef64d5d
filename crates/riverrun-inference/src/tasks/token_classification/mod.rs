//! Token classification, as `transformers.pipeline("token-classification")` defines it: named entities, parts of speech.

mod aggregate;
mod options;

use std::path::Path;

use riverrun_model::InferenceTask;
use riverrun_runner::wire::{Payload, Portable};
use riverrun_runner::{Compute, ItemError, Prepared, Runnable};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokenizers::Encoding;

pub use options::{AggregationStrategy, TokenClassificationInput, TokenClassificationOptions};

use self::aggregate::{Piece, entities, without_overlaps};
use super::task::{Task, text_or_object, to_payload};
use super::text_classification::Label;
use super::text_model::{TextModel, Tokenization, finite, item};
use crate::InferenceError;
use crate::backend::{Output, Rows, Sharing, Tokens};
use crate::kernels::softmax;
use crate::tokenization::tokens_of;

/// A token with its label, or several that are one entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// The label of a token, with [`AggregationStrategy::None`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<Label>,
    /// The label of an entity, without `B-` and `I-`, with every other strategy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_group: Option<Label>,
    /// How well it fits, between 0 and 1.
    pub score: f32,
    /// The token's place among those of the text, special ones included; with [`AggregationStrategy::None`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The token, or the words of the entity as the tokenizer writes them.
    pub word: String,
    /// The character of the text (a Unicode scalar value, not a byte) that it begins at.
    pub start: usize,
    /// The character behind its last one.
    pub end: usize,
}

impl Entity {
    /// The label, of a token or an entity.
    #[must_use]
    pub fn label(&self) -> &str {
        self.entity.as_deref().or(self.entity_group.as_deref()).unwrap_or_default()
    }
}

/// Gives the tokens of texts labels, or finds the entities in them.
pub struct TokenClassification {
    model: TextModel,
    labels: Vec<Label>,
    strategy: AggregationStrategy,
    ignore_labels: Vec<String>,
}

/// A text as a batch holds it.
#[derive(Debug, Clone)]
pub struct TokenizedSentence {
    /// One; several of a long text with a stride.
    parts: Vec<Part>,
    strategy: AggregationStrategy,
    ignore_labels: Option<Vec<String>>,
}

#[derive(Debug, Clone)]
struct Part {
    tokens: Tokens,
    /// Tokens that are none of the special ones, without scores.
    pieces: Vec<Piece>,
}

impl TokenClassification {
    fn part(&self, text: &[char], encoding: &Encoding) -> Part {
        let marks = self.model.tokenizer.marks_continuations();
        let unknown = self.model.tokenizer.special().unknown;
        let mut pieces = Vec::new();
        for (index, &id) in encoding.get_ids().iter().enumerate() {
            if encoding.get_special_tokens_mask()[index] != 0 {
                continue;
            }
            let (start, end) = encoding.get_offsets()[index];
            let covered = text.get(start..end).unwrap_or_default();
            let word = self.model.tokenizer.token(id);
            let (word, continues) = if Some(id) == unknown {
                (covered.iter().collect(), false)
            } else if marks {
                let continues = word.chars().count() != covered.len();
                (word, continues)
            } else {
                // A guess: no blank before it, nor as its first character.
                let around = text.get(start.saturating_sub(1)..(start + 1).min(text.len())).unwrap_or_default();
                (word, start > 0 && !around.contains(&' '))
            };
            pieces.push(Piece { word, scores: Vec::new(), start, end, index, continues });
        }
        Part { tokens: tokens_of(encoding), pieces }
    }

    fn entities(&self, sentence: &TokenizedSentence, logits: &mut [f32]) -> Result<Vec<Entity>, ItemError> {
        finite(logits)?;
        let width = self.labels.len();
        let mut found = Vec::new();
        let mut rows = logits.chunks_exact_mut(width);
        for part in &sentence.parts {
            let mut scores: Vec<Vec<f32>> = Vec::with_capacity(part.tokens.ids.len());
            for row in rows.by_ref().take(part.tokens.ids.len()) {
                softmax(self.model.cpu, row, 1.0);
                scores.push(row.to_vec());
            }
            let with_scores =
                |piece: &Piece| Piece { scores: std::mem::take(&mut scores[piece.index]), ..piece.clone() };
            let pieces = part.pieces.iter().map(with_scores).collect();
            let of_part = entities(pieces, sentence.strategy, &self.labels, &self.model.tokenizer).map_err(item)?;
            let ignored = sentence.ignore_labels.as_ref().unwrap_or(&self.ignore_labels);
            found.extend(of_part.into_iter().filter(|entity| !ignored.iter().any(|label| label == entity.label())));
        }
        Ok(if sentence.parts.len() > 1 { without_overlaps(found) } else { found })
    }
}

impl Task for TokenClassification {
    type Options = TokenClassificationOptions;

    const TASK: InferenceTask = InferenceTask::TokenClassification;

    fn load_from(
        directory: &Path, options: TokenClassificationOptions, sharing: Sharing,
    ) -> Result<Self, InferenceError> {
        let tokenization = Tokenization { stride: options.stride, ..Tokenization::default() };
        let model = TextModel::load(directory, &options.model, tokenization, sharing)?;
        let rows = Output::TokenLogits(Rows::EveryToken);
        let width = model.width(rows, Self::TASK.name(), "a class that ends in ForTokenClassification")?;
        let labels: Vec<Label> = model.config.labels().iter().map(|label| label.as_str().into()).collect();
        if width != labels.len() {
            return Err(InferenceError::NoHead {
                path: model.config.path().to_owned(),
                found: model.config.architectures().join(", "),
                task: Self::TASK.name(),
                wanted: "a class that ends in ForTokenClassification",
            });
        }
        if options.stride.is_some() && options.strategy == AggregationStrategy::None {
            return Err(InferenceError::Config {
                path: model.config.path().to_owned(),
                problem: "a stride needs an aggregation strategy other than `none`; choose `simple`, say".to_owned(),
            });
        }
        let ignore_labels = options.ignore_labels.unwrap_or_else(|| vec!["O".to_owned()]);
        Ok(Self { model, labels, strategy: options.strategy, ignore_labels })
    }
}

impl Runnable for TokenClassification {
    type Input = TokenClassificationInput;
    type Prepared = TokenizedSentence;
    type Output = Vec<Entity>;

    fn prepare(&self, input: TokenClassificationInput) -> Result<Prepared<TokenizedSentence>, ItemError> {
        let mut encoding = self.model.tokenizer.encode(&input.text, None).map_err(item)?;
        let further = encoding.take_overflowing();
        let text: Vec<char> = input.text.chars().collect();
        let mut parts = vec![self.part(&text, &encoding)];
        if self.model.tokenizer.has_parts() {
            parts.extend(further.iter().map(|encoding| self.part(&text, encoding)));
        }
        let cost = parts.iter().map(|part| part.tokens.ids.len()).sum();
        let strategy = input.aggregation_strategy.unwrap_or(self.strategy);
        Ok(Prepared { value: TokenizedSentence { parts, strategy, ignore_labels: input.ignore_labels }, cost })
    }

    fn truncated(&self) -> u64 {
        self.model.tokenizer.truncated()
    }

    fn run(
        &self, batch: Vec<TokenizedSentence>, compute: &Compute,
    ) -> Result<Vec<Result<Vec<Entity>, ItemError>>, ItemError> {
        let tokens = batch.iter().flat_map(|sentence| sentence.parts.iter().map(|part| &part.tokens));
        let mut logits = self.model.token_logits(tokens, compute)?;
        let mut rest = logits.as_mut_slice();
        let mut entities = Vec::with_capacity(batch.len());
        for sentence in &batch {
            let tokens: usize = sentence.parts.iter().map(|part| part.tokens.ids.len()).sum();
            let (own, others) = std::mem::take(&mut rest).split_at_mut(tokens * self.labels.len());
            rest = others;
            entities.push(self.entities(sentence, own));
        }
        Ok(entities)
    }

    fn warm_up(&self, compute: &Compute) -> Result<(), ItemError> {
        let prepared = self.prepare("A text of the length that many have.".into())?;
        self.run(vec![prepared.value], compute)?.into_iter().try_for_each(|result| result.map(drop))
    }
}

/// A text is a string, or an object `{"text", "aggregation_strategy", "ignore_labels"}` of which all but the first may be absent.
impl Portable for TokenClassification {
    fn to_payload(input: &TokenClassificationInput) -> Payload {
        to_payload(input)
    }

    fn from_payload(payload: Payload) -> Result<TokenClassificationInput, ItemError> {
        text_or_object(
            payload,
            "a text is wanted: a string, or an object with `text` and, if you like, `aggregation_strategy` and `ignore_labels`",
        )
    }

    fn input_schema() -> Value {
        let object = json!({
            "type": "object",
            "required": ["text"],
            "additionalProperties": false,
            "properties": {
                "text": {"type": "string"},
                "aggregation_strategy": {"enum": ["none", "simple", "first", "average", "max", null]},
                "ignore_labels": {"type": ["array", "null"], "items": {"type": "string"}},
            },
        });
        json!({"oneOf": [{"type": "string", "example": "Mary Shelley lived in London"}, object]})
    }

    fn output_schema() -> Value {
        let entity = json!({
            "type": "object",
            "required": ["score", "word", "start", "end"],
            "properties": {
                "entity": {"type": "string"},
                "entity_group": {"type": "string"},
                "score": {"type": "number"},
                "index": {"type": "integer"},
                "word": {"type": "string"},
                "start": {"type": "integer"},
                "end": {"type": "integer"},
            },
        });
        json!({"type": "array", "items": entity})
    }
}
