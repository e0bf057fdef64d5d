//! From tokens back to texts, as `transformers` writes them.

use tokenizers::{Decoder, ModelWrapper};

use super::TextTokenizer;
use crate::InferenceError;

impl TextTokenizer {
    /// The text of these tokens, without the blanks before punctuation unless the tokenizer's configuration keeps them.
    pub(crate) fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, InferenceError> {
        let text = self
            .tokenizer
            .decode(ids, skip_special)
            .map_err(|error| InferenceError::Text { problem: error.to_string() })?;
        Ok(if self.clean_up { clean_up(&text) } else { text })
    }

    /// The words that these tokens are parts of.
    pub(crate) fn join(&self, tokens: Vec<String>) -> Result<String, InferenceError> {
        match self.tokenizer.get_decoder() {
            Some(decoder) => {
                decoder.decode(tokens).map_err(|error| InferenceError::Text { problem: error.to_string() })
            }
            None => Ok(tokens.join(" ")),
        }
    }

    /// What the vocabulary calls this token.
    pub(crate) fn token(&self, id: u32) -> String {
        self.tokenizer.id_to_token(id).unwrap_or_default()
    }

    /// The token of exactly this name.
    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    /// The first token of `text`, without special ones.
    pub(crate) fn first_token(&self, text: &str) -> Result<Option<u32>, InferenceError> {
        let encoding = self
            .tokenizer
            .encode_fast(text, false)
            .map_err(|error| InferenceError::Text { problem: error.to_string() })?;
        Ok(encoding.get_ids().first().copied())
    }

    /// Whether tokens that continue a word say so by their names.
    pub(crate) fn marks_continuations(&self) -> bool {
        match self.tokenizer.get_model() {
            ModelWrapper::WordPiece(model) => !model.continuing_subword_prefix.is_empty(),
            ModelWrapper::BPE(model) => {
                model.continuing_subword_prefix.as_ref().is_some_and(|prefix| !prefix.is_empty())
            }
            _ => false,
        }
    }
}

/// What `transformers` calls the clean-up of tokenization spaces, in its order.
fn clean_up(text: &str) -> String {
    const ENDS: [(&str, &str); 10] = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    ENDS.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_before_punctuation_and_contractions_go() {
        assert_eq!(clean_up("is n't it 's , ' a ' ? yes !"), "isn't it's,'a '? yes!");
    }
}
