//! What can go wrong with an ONNX file, and with the tensors for it.

use std::path::PathBuf;

use crate::backend::BackendKind;

/// What this crate's functions fail with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// A file could not be read.
    #[error("{path} cannot be read: {problem}; check that it exists and that this process may read it")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// A directory does not hold exactly one model.
    #[error("{directory} holds {found}; name the file, or call the one that is meant model.onnx")]
    NotOne {
        /// The directory.
        directory: PathBuf,
        /// What is there.
        found: String,
    },
    /// A file is no whole ONNX model.
    #[error(
        "{path} is not a whole ONNX model: {problem}; export it again, or copy it again from where it was published"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Weights that the model keeps in another file cannot be taken from there.
    #[error("{path} keeps the weights `{tensor}` in `{location}`, {problem}")]
    ExternalData {
        /// The model.
        path: PathBuf,
        /// The weights.
        tensor: String,
        /// Where they should be.
        location: String,
        /// What is wrong with that, and what to do.
        problem: String,
    },
    /// The backend cannot compute the model.
    #[error("the backend {backend} cannot compute {path}: {problem}{advice}")]
    Backend {
        /// The backend.
        backend: BackendKind,
        /// The model.
        path: PathBuf,
        /// Which operator it lacks, or what else is in the way.
        problem: String,
        /// What to do.
        advice: String,
    },
    /// ONNX Runtime's library is not there.
    #[error("ONNX Runtime cannot be used: {problem}")]
    Library {
        /// Where it was looked for, and what to do.
        problem: String,
    },
    /// The name of a backend that is none.
    #[error("`{0}` is no backend for ONNX models; there are rten and onnxruntime")]
    UnknownBackend(String),
    /// The model takes or gives what is not implemented.
    #[error("{path} {problem}")]
    Unsupported {
        /// The model.
        path: PathBuf,
        /// What, and what to do.
        problem: String,
    },
    /// The tensors do not fit the model.
    #[error("{problem}")]
    Input {
        /// Which tensor, what is wrong with it, and what is wanted.
        problem: String,
    },
    /// The backend stopped in the middle.
    #[error("{model}: the backend {backend} stopped: {problem}{}", elsewhere(*backend))]
    Run {
        /// The model.
        model: String,
        /// The backend.
        backend: BackendKind,
        /// In its words.
        problem: String,
    },
}

impl OnnxError {
    pub(crate) fn input(problem: impl Into<String>) -> Self {
        Self::Input { problem: problem.into() }
    }
}

/// What RTen stops at while it computes, ONNX Runtime may know: a shape of an operator that is rare, say.
fn elsewhere(backend: BackendKind) -> &'static str {
    if backend == BackendKind::Rten {
        "; if the tensors are as they should be, try the backend onnxruntime"
    } else {
        ""
    }
}
