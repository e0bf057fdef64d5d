//! [`WordMemo`]: the tokens of words that were met before.
//!
//! The words of a language repeat, and finding a word's tokens costs some fifty times as much as looking them up. Where a
//! tokenizer's steps never see beyond a blank, the tokens of a text are those of its words one behind the other; every word
//! that is new is given to the tokenizer itself.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

/// How many words are remembered; then all are forgotten, and those in use soon are back.
const WORDS: usize = 1 << 15;
/// The longest word that is remembered, in bytes. What is longer is an address or an accident, and does not come again.
const LONGEST: usize = 48;

#[derive(Debug)]
pub(super) struct WordMemo {
    blanks: Blanks,
    /// What stands before and behind the tokens of a text.
    before: Vec<u32>,
    behind: Vec<u32>,
    /// First bytes of the tokens that the tokenizer looks for in the text before all else.
    marks: [bool; 256],
    words: RwLock<HashMap<Box<str>, Box<[u32]>>>,
}

/// What a blank is to the tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blanks {
    /// Any of them, and any number, only part words.
    Part,
    /// A single blank belongs to the word behind it; what several of them are depends on what follows.
    Lead,
}

impl WordMemo {
    /// None for a tokenizer whose steps may see beyond a blank.
    pub(super) fn of(tokenizer: &Tokenizer) -> Option<Self> {
        let blanks = match (tokenizer.get_normalizer(), tokenizer.get_pre_tokenizer()?) {
            (Some(NormalizerWrapper::BertNormalizer(_)), PreTokenizerWrapper::BertPreTokenizer(_)) => Blanks::Part,
            (None | Some(NormalizerWrapper::NFC(_)), PreTokenizerWrapper::ByteLevel(level)) if level.use_regex => {
                Blanks::Lead
            }
            _ => return None,
        };
        let mut marks = [false; 256];
        for token in tokenizer.get_added_tokens_decoder().values() {
            // One that is looked for in what the normalizer made of the text may begin with anything there.
            if token.normalized {
                return None;
            }
            marks[usize::from(*token.content.as_bytes().first()?)] = true;
        }
        let bare = tokenizer.encode_fast("a", false).ok()?;
        let whole = tokenizer.encode_fast("a", true).ok()?;
        let (bare, ids) = (bare.get_ids(), whole.get_ids());
        if bare.is_empty() || whole.get_type_ids().iter().any(|&id| id != 0) {
            return None;
        }
        let start = ids.windows(bare.len()).position(|window| window == bare)?;
        let (before, behind) = (ids[..start].to_vec(), ids[start + bare.len()..].to_vec());
        Some(Self { blanks, before, behind, marks, words: RwLock::default() })
    }

    /// How many tokens stand around those of a text.
    pub(super) fn added(&self) -> usize {
        self.before.len() + self.behind.len()
    }

    /// The tokens of `text` without those around them; none where the tokenizer has to see it whole.
    pub(super) fn tokens(&self, tokenizer: &Tokenizer, text: &str) -> Option<Vec<u32>> {
        if text.bytes().any(|byte| self.marks[usize::from(byte)]) {
            return None;
        }
        match self.blanks {
            Blanks::Part => self.of_words(tokenizer, text.split_ascii_whitespace(), text.len()),
            Blanks::Lead if stands_alone(text) => {
                // A blank and the word behind it.
                let ends = text.match_indices(' ').map(|(end, _)| end).chain([text.len()]);
                let words = ends.scan(0, |start, end| Some(&text[std::mem::replace(start, end)..end]));
                self.of_words(tokenizer, words, text.len())
            }
            Blanks::Lead => None,
        }
    }

    fn of_words<'a>(
        &self, tokenizer: &Tokenizer, words: impl Iterator<Item = &'a str>, length: usize,
    ) -> Option<Vec<u32>> {
        let mut ids = Vec::with_capacity(length / 3);
        let mut met = Vec::new();
        let known = self.words.read().unwrap_or_else(PoisonError::into_inner);
        for word in words {
            if let Some(tokens) = known.get(word) {
                ids.extend_from_slice(tokens);
                continue;
            }
            let encoding = tokenizer.encode_fast(word, false).ok()?;
            // Cut, so not whole.
            if !encoding.get_overflowing().is_empty() {
                return None;
            }
            ids.extend_from_slice(encoding.get_ids());
            if word.len() <= LONGEST {
                met.push((word.into(), encoding.get_ids().into()));
            }
        }
        drop(known);
        if !met.is_empty() {
            let mut words = self.words.write().unwrap_or_else(PoisonError::into_inner);
            if words.len() + met.len() > WORDS {
                words.clear();
            }
            words.extend(met.into_iter().take(WORDS));
        }
        Some(ids)
    }

    /// The tokens of a text with those around them.
    pub(super) fn surround(&self, ids: &[u32]) -> Vec<u32> {
        [&self.before, ids, &self.behind].concat()
    }
}

/// Whether each blank of the text is a plain one with a word on both sides.
fn stands_alone(text: &str) -> bool {
    let mut after_blank = true;
    for char in text.chars() {
        if char.is_whitespace() && (char != ' ' || after_blank) {
            return false;
        }
        after_blank = char == ' ';
    }
    !after_blank
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn bert(options: Value) -> Tokenizer {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment/tokenizer.json");
        let mut tokenizer: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for (key, value) in options.as_object().unwrap() {
            tokenizer["normalizer"][key] = value.clone();
        }
        Tokenizer::from_bytes(tokenizer.to_string()).unwrap()
    }

    /// Each byte a token, and some joined.
    fn byte_level(normalizer: Value, add_prefix_space: bool) -> Tokenizer {
        use tokenizers::pre_tokenizers::byte_level::ByteLevel;
        let mut letters: Vec<char> = ByteLevel::alphabet().into_iter().collect();
        letters.sort_unstable();
        let names = letters.iter().map(ToString::to_string).chain(["Ġa", "in", "Ġ'", "ĠĠ"].map(str::to_owned));
        let mut vocabulary: serde_json::Map<String, Value> =
            names.enumerate().map(|(id, name)| (name, id.into())).collect();
        vocabulary.insert("<s>".into(), 300.into());
        vocabulary.insert("</s>".into(), 301.into());
        let level = json!({"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": true,
            "use_regex": true});
        let special = |id: u32, content: &str| {
            json!({"id": id, "content": content, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false, "special": true})
        };
        let tokenizer = json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": normalizer, "pre_tokenizer": level,
            "added_tokens": [special(300, "<s>"), special(301, "</s>")],
            "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 301], "cls": ["<s>", 300],
                "trim_offsets": true, "add_prefix_space": add_prefix_space},
            "decoder": null,
            "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
                "end_of_word_suffix": "", "fuse_unk": false, "vocab": vocabulary,
                "merges": ["Ġ a", "i n", "Ġ '", "Ġ Ġ"]},
        });
        Tokenizer::from_bytes(tokenizer.to_string()).unwrap()
    }

    fn tokenizers() -> Vec<Tokenizer> {
        vec![
            bert(json!({})),
            bert(json!({"lowercase": false, "strip_accents": false})),
            bert(json!({"clean_text": false, "handle_chinese_chars": false, "strip_accents": true})),
            byte_level(Value::Null, false),
            byte_level(json!({"type": "NFC"}), true),
        ]
    }

    /// What is hard on tokenizers, and often twice.
    fn texts() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[a-z]{1,6}",
            "\\PC{0,4}",
            any::<char>().prop_map(String::from),
            prop::sample::select(vec![
                " ",
                "  ",
                "\t",
                "\n",
                "\u{a0}",
                "\u{2028}",
                "\0",
                "\u{ad}",
                "\u{301}",
                "e\u{301}",
                "ＡＢ",
                "中文",
                "ß",
                "ΣΑΣ",
                "İ",
                "don't",
                "'s",
                " 's",
                "[MASK]",
                "[mask]",
                "<s>",
                "</s>",
                "👩‍👩‍👧",
                "🇩🇪",
                "ﷺ",
                "ا\u{64b}",
                "#",
                "@user",
                "http://t.co/x",
                "123",
                "a",
                "in",
                ".",
                "\u{226e}",
                "\u{b}",
                "\r\n",
                "\u{200d}",
            ])
            .prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn the_tokens_are_those_of_the_tokenizer_itself(texts in prop::collection::vec(texts(), 1..4)) {
            for tokenizer in tokenizers() {
                let memo = WordMemo::of(&tokenizer).unwrap();
                // Twice, so that words are met again.
                for text in texts.iter().chain(&texts) {
                    if let Some(ids) = memo.tokens(&tokenizer, text) {
                        let exact = tokenizer.encode_fast(text.as_str(), true).unwrap();
                        prop_assert_eq!(memo.surround(&ids), exact.get_ids(), "{:?}", text);
                    }
                }
            }
        }
    }

    #[test]
    fn ordinary_texts_are_found_among_the_words_and_no_more_than_a_bound_are_kept() {
        for tokenizer in tokenizers() {
            let memo = WordMemo::of(&tokenizer).unwrap();
            for number in 0..WORDS + 10 {
                assert!(memo.tokens(&tokenizer, &format!("Nothing is w{number} @user, 'twas")).is_some());
            }
            let words = memo.words.read().unwrap().len();
            assert!(words > 0 && words <= WORDS, "{words}");
        }
    }
}
