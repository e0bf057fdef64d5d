//! What computes a model: RTen, or ONNX Runtime.

mod idle;
#[cfg(feature = "onnxruntime")]
mod library;
#[cfg(feature = "onnxruntime")]
mod onnxruntime;
mod pools;
mod rten;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use riverrun_runner::Compute;
use riverrun_runner::wire::Datatype;
use serde::{Deserialize, Serialize};

use crate::array::Array;
use crate::declared::ModelFile;
use crate::error::OnnxError;

/// Who computes a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum BackendKind {
    /// [RTen](https://github.com/robertknight/rten), which is part of this program.
    Rten,
    /// ONNX Runtime, whose library has to be installed, and the feature `onnxruntime` on.
    OnnxRuntime,
}

impl BackendKind {
    /// All, those that are part of this program or may be found by it.
    pub const ALL: &'static [Self] =
        if cfg!(feature = "onnxruntime") { &[Self::Rten, Self::OnnxRuntime] } else { &[Self::Rten] };

    /// Its name, as in `rten`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rten => "rten",
            Self::OnnxRuntime => "onnxruntime",
        }
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for BackendKind {
    type Err = OnnxError;

    fn from_str(name: &str) -> Result<Self, OnnxError> {
        match name {
            "rten" => Ok(Self::Rten),
            "onnxruntime" | "ort" => Ok(Self::OnnxRuntime),
            _ => Err(OnnxError::UnknownBackend(name.to_owned())),
        }
    }
}

/// A loaded model. Names and shapes have been checked before it is called.
pub(crate) trait Session: Send + Sync {
    /// The outputs, in the order of the file, for the inputs in the order of the file.
    fn run(&self, inputs: Vec<Array>, compute: &Compute) -> Result<Vec<Array>, String>;
}

/// Loads the model with the backend that was asked for, or with the first that can compute it.
pub(crate) fn load(
    path: &Path, bytes: Vec<u8>, file: &ModelFile, asked: Option<BackendKind>,
) -> Result<(BackendKind, Box<dyn Session>), OnnxError> {
    match asked {
        Some(BackendKind::OnnxRuntime) => {
            load_onnxruntime(path, file).map(|session| (BackendKind::OnnxRuntime, session))
        }
        Some(BackendKind::Rten) => rten::load(path, bytes, file)
            .map(|session| (BackendKind::Rten, session))
            .map_err(|problem| refused(path, problem, "; the backend onnxruntime has every operator of ONNX")),
        None => {
            // RTen would round what the model takes or gives in double precision.
            let wide = file.inputs.iter().chain(&file.outputs).any(|tensor| tensor.datatype == Datatype::Fp64);
            if wide && let Ok(session) = load_onnxruntime(path, file) {
                return Ok((BackendKind::OnnxRuntime, session));
            }
            let problem = match rten::load(path, bytes, file) {
                Ok(session) => return Ok((BackendKind::Rten, session)),
                Err(problem) => problem,
            };
            match load_onnxruntime(path, file) {
                Ok(session) => Ok((BackendKind::OnnxRuntime, session)),
                // What is wrong with the model itself, both say; then ONNX Runtime's words are the better ones.
                Err(error @ OnnxError::Backend { .. }) => Err(error),
                Err(unavailable) => {
                    Err(refused(path, problem, &format!("; the backend onnxruntime may have it, but {unavailable}")))
                }
            }
        }
    }
}

fn refused(path: &Path, problem: String, advice: &str) -> OnnxError {
    OnnxError::Backend { backend: BackendKind::Rten, path: path.to_owned(), problem, advice: advice.to_owned() }
}

#[cfg(feature = "onnxruntime")]
fn load_onnxruntime(path: &Path, file: &ModelFile) -> Result<Box<dyn Session>, OnnxError> {
    onnxruntime::load(path, file)
}

#[cfg(not(feature = "onnxruntime"))]
fn load_onnxruntime(_: &Path, _: &ModelFile) -> Result<Box<dyn Session>, OnnxError> {
    Err(left_out())
}

#[cfg(not(feature = "onnxruntime"))]
fn left_out() -> OnnxError {
    let problem = "this program was built without it; build it with the feature `onnxruntime`".to_owned();
    OnnxError::Library { problem }
}

/// Whether a backend could be used on this machine; why not otherwise.
///
/// # Errors
/// The library is not there, or the feature is off.
pub fn available(backend: BackendKind) -> Result<(), OnnxError> {
    match backend {
        BackendKind::Rten => Ok(()),
        #[cfg(feature = "onnxruntime")]
        BackendKind::OnnxRuntime => library::load().map(drop),
        #[cfg(not(feature = "onnxruntime"))]
        BackendKind::OnnxRuntime => Err(left_out()),
    }
}
