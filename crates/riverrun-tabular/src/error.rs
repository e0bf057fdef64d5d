//! What can go wrong with a model's file, and with a table.

use std::path::PathBuf;

/// What this crate's functions fail with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TabularError {
    /// A file could not be read.
    #[error("{path} cannot be read: {problem}; check that it exists and that this process may read it")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// A directory does not hold exactly one model.
    #[error(
        "{directory} holds {found}; one model of XGBoost (.json, .ubj) or LightGBM (.txt) is wanted, so name its file"
    )]
    NotOne {
        /// The directory.
        directory: PathBuf,
        /// What is there.
        found: String,
    },
    /// A file is of none of the formats.
    #[error(
        "{origin} is neither a JSON or UBJSON model of XGBoost nor a text model of LightGBM{hint}; save it with \
         `booster.save_model(\"model.ubj\")` of XGBoost or `booster.save_model(\"model.txt\")` of LightGBM"
    )]
    UnknownFormat {
        /// The file, or `the model` where it came from memory.
        origin: String,
        /// What it may be instead.
        hint: &'static str,
    },
    /// A model has a part that does not follow from the others, or that no model can have.
    #[error("{origin} is damaged: {problem}; copy it again from where it was saved")]
    Damaged {
        /// The file, or `the model` where it came from memory.
        origin: String,
        /// Which part, and what is wrong with it.
        problem: String,
    },
    /// A model is of a kind that is not implemented.
    #[error("{origin} has {what}, which Riverrun does not compute; {advice}")]
    Unsupported {
        /// The file, or `the model` where it came from memory.
        origin: String,
        /// The kind, by the library's own name.
        what: String,
        /// What to do.
        advice: &'static str,
    },
    /// A table does not have the columns that the model was trained with.
    #[error("the table does not fit the model: {problem}")]
    Table {
        /// What is wrong with it.
        problem: String,
    },
    /// An option does not fit the model.
    #[error("{0}")]
    Option(String),
}

impl TabularError {
    pub(crate) fn table(problem: impl Into<String>) -> Self {
        Self::Table { problem: problem.into() }
    }
}
