//! From texts to tokens.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use tokenizers::{EncodeInput, Tokenizer, TruncationDirection, TruncationParams};

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

/// A directory's `tokenizer.json`, with a limit on the tokens of a text.
#[derive(Debug)]
pub struct TextTokenizer {
    tokenizer: Tokenizer,
    limit: usize,
    truncation: Truncation,
    truncated: AtomicU64,
}

#[derive(Deserialize, Default)]
struct TokenizerConfig {
    model_max_length: Option<f64>,
    truncation_side: Option<String>,
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
        let path = directory.join("tokenizer.json");
        let bytes = std::fs::read(&path).map_err(|source| InferenceError::Read { path: path.clone(), source })?;
        let broken =
            |error: tokenizers::Error| InferenceError::Tokenizer { path: path.clone(), problem: error.to_string() };
        let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(broken)?;
        let tokens = tokenizer.get_vocab_size(true);
        if tokens > vocabulary {
            return Err(InferenceError::Vocabulary { path, tokens, rows: vocabulary });
        }
        let config = read_config(&directory.join("tokenizer_config.json"))?;
        let least = tokenizer.get_post_processor().map_or(0, post_tokens) + 1;
        let limit = match max_length {
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
        let direction = match config.truncation_side.as_deref() {
            Some("left") => TruncationDirection::Left,
            _ => TruncationDirection::Right,
        };
        let params = match truncation {
            Truncation::On => Some(TruncationParams { max_length: limit, direction, ..TruncationParams::default() }),
            Truncation::Off => None,
        };
        tokenizer.with_padding(None);
        tokenizer.with_truncation(params).map_err(broken)?;
        Ok(Self { tokenizer, limit, truncation, truncated: AtomicU64::new(0) })
    }

    /// The tokens of `text`, or of the pair.
    ///
    /// # Errors
    /// The text is too long and truncation is off, or the tokenizer cannot work with it.
    pub fn tokenize(&self, text: &str, pair: Option<&str>) -> Result<Tokens, InferenceError> {
        let input: EncodeInput<'_> = match pair {
            None => text.into(),
            Some(pair) => (text, pair).into(),
        };
        let encoding = self
            .tokenizer
            .encode_fast(input, true)
            .map_err(|error| InferenceError::Text { problem: error.to_string() })?;
        let tokens = encoding.len();
        if tokens > self.limit && self.truncation == Truncation::Off {
            return Err(InferenceError::TooLong { tokens, limit: self.limit });
        }
        if !encoding.get_overflowing().is_empty() {
            self.truncated.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Tokens { ids: encoding.get_ids().to_vec(), type_ids: encoding.get_type_ids().to_vec() })
    }

    /// How many tokens a text may have, special ones included.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many texts have been cut so far.
    #[must_use]
    pub fn truncated(&self) -> u64 {
        self.truncated.load(Ordering::Relaxed)
    }
}

/// The special tokens of a pair, which a limit must leave room for.
fn post_tokens(post: &impl tokenizers::PostProcessor) -> usize {
    post.added_tokens(true)
}

/// The file may be missing: `tokenizer.json` alone is enough.
fn read_config(path: &Path) -> Result<TokenizerConfig, InferenceError> {
    if !path.exists() {
        return Ok(TokenizerConfig::default());
    }
    let path: PathBuf = path.to_owned();
    let text = std::fs::read_to_string(&path).map_err(|source| InferenceError::Read { path: path.clone(), source })?;
    serde_json::from_str(&text).map_err(|source| InferenceError::Json { path, what: "tokenizer configuration", source })
}
