//! From texts to tokens, and back.

mod memo;
mod special;
mod words;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use serde_json::Value;
use tokenizers::{EncodeInput, Encoding, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy};

pub(crate) use special::SpecialTokens;

use self::memo::WordMemo;
use crate::InferenceError;
use crate::backend::Tokens;

/// From here on a `model_max_length` means that none is known: `transformers` writes 1e30.
const NO_LIMIT: f64 = 1e29;

/// What becomes of a text that is longer than the model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Truncation {
    /// Its end is cut off, and the cut is counted. Of a pair the longer text is cut first.
    #[default]
    On,
    /// It is an error for that text.
    Off,
}

/// Which text of a pair is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Cut {
    /// The longer one first.
    #[default]
    Longest,
    /// The first.
    First,
    /// The second; what is cut off makes further texts with the same first one.
    Second,
}

/// How texts become tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Limits {
    pub(crate) max_length: Option<usize>,
    pub(crate) truncation: Truncation,
    pub(crate) cut: Cut,
    /// Tokens that a part of a long text has in common with the one before; a cut text has no parts without it.
    pub(crate) stride: Option<usize>,
}

/// A directory's `tokenizer.json`, with a limit on the tokens of a text.
#[derive(Debug)]
pub struct TextTokenizer {
    tokenizer: Tokenizer,
    memo: Option<WordMemo>,
    special: SpecialTokens,
    clean_up: bool,
    limit: usize,
    truncation: Truncation,
    direction: TruncationDirection,
    parts: bool,
    truncated: AtomicU64,
}

#[derive(Deserialize, Default)]
struct TokenizerConfig {
    model_max_length: Option<f64>,
    truncation_side: Option<String>,
    clean_up_tokenization_spaces: Option<bool>,
}

impl TextTokenizer {
    /// Loads `directory`'s tokenizer for a model that embeds `vocabulary` tokens and takes `most` of them.
    ///
    /// The limit is `max_length`, or without it `model_max_length` of `tokenizer_config.json` and `most`, whichever is
    /// less.
    ///
    /// # Errors
    /// A file cannot be read, does not fit the model, or `max_length` is impossible.
    pub fn load(
        directory: &Path, vocabulary: usize, most: usize, max_length: Option<usize>, truncation: Truncation,
    ) -> Result<Self, InferenceError> {
        Self::load_with(directory, vocabulary, most, Limits { max_length, truncation, ..Limits::default() })
    }

    /// As [`load`](Self::load), with all that can be said of limits.
    pub(crate) fn load_with(
        directory: &Path, vocabulary: usize, most: usize, limits: Limits,
    ) -> Result<Self, InferenceError> {
        let path = directory.join("tokenizer.json");
        let bytes = std::fs::read(&path).map_err(|source| InferenceError::Read { path: path.clone(), source })?;
        let broken =
            |error: tokenizers::Error| InferenceError::Tokenizer { path: path.clone(), problem: error.to_string() };
        let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(broken)?;
        // The largest id, not their number: ids may have gaps.
        let tokens = tokenizer.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
        if tokens > vocabulary {
            return Err(InferenceError::Vocabulary { path, tokens, rows: vocabulary });
        }
        let value = read_config(&directory.join("tokenizer_config.json"))?;
        let config: TokenizerConfig = TokenizerConfig::deserialize(&value).map_err(|source| InferenceError::Json {
            path: directory.join("tokenizer_config.json"),
            what: "tokenizer configuration",
            source,
        })?;
        let special =
            SpecialTokens::find(&tokenizer, &value, &read_config(&directory.join("special_tokens_map.json"))?);
        let least = tokenizer.get_post_processor().map_or(0, post_tokens) + 1;
        let limit = match limits.max_length {
            Some(asked) if asked < least || asked > most => {
                return Err(InferenceError::MaxLength { asked, least, most });
            }
            Some(asked) => asked,
            None => match config.model_max_length {
                Some(length) if length >= least as f64 && length < NO_LIMIT => most.min(length as usize),
                _ => most,
            },
        };
        if limit < least {
            return Err(InferenceError::MaxLength { asked: limit, least, most });
        }
        if let Some(stride) = limits.stride
            && stride + least > limit
        {
            return Err(InferenceError::Stride { stride, most: limit - least });
        }
        let direction = match config.truncation_side.as_deref() {
            Some("left") => TruncationDirection::Left,
            _ => TruncationDirection::Right,
        };
        let strategy = match limits.cut {
            Cut::Longest => TruncationStrategy::LongestFirst,
            Cut::First => TruncationStrategy::OnlyFirst,
            Cut::Second => TruncationStrategy::OnlySecond,
        };
        let stride = limits.stride.unwrap_or(0);
        let params = match limits.truncation {
            Truncation::On => Some(TruncationParams { max_length: limit, direction, strategy, stride }),
            Truncation::Off => None,
        };
        tokenizer.with_padding(None);
        tokenizer.with_truncation(params).map_err(broken)?;
        Ok(Self {
            memo: WordMemo::of(&tokenizer),
            tokenizer,
            special,
            clean_up: config.clean_up_tokenization_spaces.unwrap_or(true),
            limit,
            truncation: limits.truncation,
            direction,
            parts: limits.stride.is_some(),
            truncated: AtomicU64::new(0),
        })
    }

    /// The tokens of `text`, or of the pair.
    ///
    /// # Errors
    /// The text is too long and truncation is off, or the tokenizer cannot work with it.
    pub fn tokenize(&self, text: &str, pair: Option<&str>) -> Result<Tokens, InferenceError> {
        if let (None, false, Some(memo)) = (pair, self.parts, &self.memo)
            && let Some(ids) = memo.tokens(&self.tokenizer, text)
        {
            return self.cut(memo, &ids);
        }
        let encoding = self.tokenizer.encode_fast(input(text, pair), true);
        Ok(tokens_of(&self.checked(encoding)?))
    }

    /// The tokens of a text, those around it added, with an end cut off where they are too many.
    fn cut(&self, memo: &WordMemo, ids: &[u32]) -> Result<Tokens, InferenceError> {
        let room = self.limit.saturating_sub(memo.added());
        let kept = match (ids.len() > room, self.truncation, self.direction) {
            (false, ..) => ids,
            (_, Truncation::Off, _) => {
                return Err(InferenceError::TooLong { tokens: ids.len() + memo.added(), limit: self.limit });
            }
            (_, _, TruncationDirection::Right) => &ids[..room],
            (_, _, TruncationDirection::Left) => &ids[ids.len() - room..],
        };
        if kept.len() < ids.len() {
            self.truncated.fetch_add(1, Ordering::Relaxed);
        }
        let ids = memo.surround(kept);
        Ok(Tokens { type_ids: vec![0; ids.len()], ids })
    }

    /// The tokens of `text`, or of the pair, with where each stands among the characters.
    pub(crate) fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoding, InferenceError> {
        let encoding = self.tokenizer.encode_char_offsets(input(text, pair), true);
        self.checked(encoding)
    }

    fn checked(&self, encoding: tokenizers::Result<Encoding>) -> Result<Encoding, InferenceError> {
        let encoding = encoding.map_err(|error| InferenceError::Text { problem: error.to_string() })?;
        let tokens = encoding.len();
        // Even a text that was cut may be too long, where the text that may be cut is too short for it.
        if tokens > self.limit {
            return Err(InferenceError::TooLong { tokens, limit: self.limit });
        }
        debug_assert!(self.truncation == Truncation::On || encoding.get_overflowing().is_empty());
        if !self.parts && !encoding.get_overflowing().is_empty() {
            self.truncated.fetch_add(1, Ordering::Relaxed);
        }
        Ok(encoding)
    }

    /// How many tokens a text may have, special ones included.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether a long text becomes several parts, instead of being cut.
    pub(crate) fn has_parts(&self) -> bool {
        self.parts
    }

    /// How many texts have been cut so far.
    #[must_use]
    pub fn truncated(&self) -> u64 {
        self.truncated.load(Ordering::Relaxed)
    }

    /// The special tokens that the tasks know by their purpose.
    pub(crate) fn special(&self) -> &SpecialTokens {
        &self.special
    }
}

/// What the model takes of an encoding.
pub(crate) fn tokens_of(encoding: &Encoding) -> Tokens {
    Tokens { ids: encoding.get_ids().to_vec(), type_ids: encoding.get_type_ids().to_vec() }
}

fn input<'a>(text: &'a str, pair: Option<&'a str>) -> EncodeInput<'a> {
    match pair {
        None => text.into(),
        Some(pair) => (text, pair).into(),
    }
}

/// The special tokens of a pair, which a limit must leave room for.
fn post_tokens(post: &impl tokenizers::PostProcessor) -> usize {
    post.added_tokens(true)
}

/// The file may be missing: `tokenizer.json` alone is enough.
fn read_config(path: &Path) -> Result<Value, InferenceError> {
    if !path.exists() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let path: PathBuf = path.to_owned();
    let text = std::fs::read_to_string(&path).map_err(|source| InferenceError::Read { path: path.clone(), source })?;
    serde_json::from_str(&text).map_err(|source| InferenceError::Json { path, what: "tokenizer configuration", source })
}
