//! From files to trees.

mod lightgbm;
mod ubjson;
mod xgboost;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::TabularError;
use crate::forest::SourceTree;
use crate::objective::Transform;

/// The library that a model was trained with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Library {
    /// XGBoost, which computes in `f32`.
    #[allow(clippy::doc_markdown, reason = "names")]
    XgBoost,
    /// LightGBM, which computes in `f64`.
    LightGbm,
}

impl Library {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::XgBoost => "XGBoost",
            Self::LightGbm => "LightGBM",
        }
    }
}

/// A model as its file describes it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) library: Library,
    pub(crate) trees: Vec<SourceTree>,
    pub(crate) features: usize,
    /// As many as features, or none.
    pub(crate) names: Vec<String>,
    /// What each sum begins with.
    pub(crate) base: Vec<f64>,
    /// Trees of one boosting round, all groups together.
    pub(crate) trees_per_round: usize,
    /// Whether sums are divided by the rounds.
    pub(crate) average: bool,
    pub(crate) objective: String,
    pub(crate) transform: Transform,
}

/// Why bytes are no model; the caller knows where they came from.
#[derive(Debug)]
pub(crate) enum Refused {
    Unknown(&'static str),
    Damaged(String),
    Unsupported(String, &'static str),
}

impl Refused {
    pub(crate) fn damaged(problem: impl Into<String>) -> Self {
        Self::Damaged(problem.into())
    }

    pub(crate) fn of(self, origin: &str) -> TabularError {
        let origin = origin.to_owned();
        match self {
            Self::Unknown(hint) => TabularError::UnknownFormat { origin, hint },
            Self::Damaged(problem) => TabularError::Damaged { origin, problem },
            Self::Unsupported(what, advice) => TabularError::Unsupported { origin, what, advice },
        }
    }
}

pub(crate) fn read(bytes: &[u8]) -> Result<Source, Refused> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first = text.iter().position(|byte| !byte.is_ascii_whitespace()).map(|at| &text[at..]);
    match first {
        Some([b'{', next, ..]) if next.is_ascii_whitespace() || matches!(next, b'"' | b'}') => xgboost::from_json(text),
        Some([b'{', ..]) => xgboost::from_ubjson(bytes),
        Some([b't', b'r', b'e', b'e', b'\r' | b'\n', ..]) => lightgbm::from_text(text),
        Some([b'b', b'i', b'n', b'f', ..] | [b'b', b's', b'6', b'4', ..]) => {
            Err(Refused::Unknown(" (it seems to be XGBoost's old binary form)"))
        }
        Some([0x80, 2..=5, ..]) => Err(Refused::Unknown(" (it seems to be a Python pickle, which is never opened)")),
        None => Err(Refused::Unknown(" (it is empty)")),
        _ => Err(Refused::Unknown("")),
    }
}

/// The model's file: `path` itself, or the only one of its kind in the directory.
pub(crate) fn find(path: &Path) -> Result<PathBuf, TabularError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let unreadable = |error: std::io::Error| TabularError::Read { path: path.to_owned(), problem: error.to_string() };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        let extension = entry.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        if entry.is_file() && matches!(extension, "json" | "ubj" | "txt" | "lgb") && begins_as_model(&entry) {
            found.push(entry);
        }
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(TabularError::NotOne { directory: path.to_owned(), found: "none".to_owned() }),
        several => {
            let mut names: Vec<_> = several
                .iter()
                .filter_map(|path| path.file_name())
                .map(|name| name.to_string_lossy().into_owned())
                .collect();
            names.sort();
            Err(TabularError::NotOne { directory: path.to_owned(), found: names.join(" and ") })
        }
    }
}

/// Whether a file's first bytes are those of a model: beside it there may be notes and settings in JSON or text.
fn begins_as_model(path: &Path) -> bool {
    use std::io::Read;
    let mut start = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(512).read_to_end(&mut start));
    let has = |words: &[u8]| start.windows(words.len()).any(|window| window == words);
    read.is_ok() && (start.starts_with(b"tree") || has(b"learner"))
}
