//! Special tokens by their purpose.

use serde_json::Value;
use tokenizers::Tokenizer;

/// Special tokens that the tasks know by their purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SpecialTokens {
    /// Stands for a token that is looked for, with its name.
    pub(crate) mask: Option<(u32, String)>,
    /// Stands for what the vocabulary does not have.
    pub(crate) unknown: Option<u32>,
    pub(crate) padding: Option<u32>,
    /// Stands before a text.
    pub(crate) first: Option<u32>,
}

impl SpecialTokens {
    /// As the tokenizer's configuration or the map of special tokens says; the customary names where both are silent.
    pub(super) fn find(tokenizer: &Tokenizer, config: &Value, map: &Value) -> Self {
        let find = |purpose: &str, names: &[&str]| {
            let said = [config, map].into_iter().find_map(|file| content(file.get(purpose)?));
            let names = said.map_or_else(|| names.to_vec(), |name| vec![name]);
            names.into_iter().find_map(|name| Some((tokenizer.token_to_id(name)?, name.to_owned())))
        };
        let id = |purpose: &str, names: &[&str]| find(purpose, names).map(|(id, _)| id);
        Self {
            mask: find("mask_token", &["[MASK]", "<mask>"]),
            unknown: id("unk_token", &["[UNK]", "<unk>"]),
            padding: id("pad_token", &["[PAD]", "<pad>"]),
            first: id("cls_token", &["[CLS]", "<s>"]),
        }
    }
}

/// A token is a string, or an object with its content.
fn content(token: &Value) -> Option<&str> {
    token.as_str().or_else(|| token.get("content")?.as_str())
}
