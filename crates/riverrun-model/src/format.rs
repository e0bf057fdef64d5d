//! What the files of a model are.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the files of a model are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ModelFormat {
    /// A directory as `save_pretrained` of `transformers` writes it: `config.json`, `tokenizer.json`, and the weights in
    /// safetensors.
    #[serde(alias = "hugging-face")]
    Safetensors,
    /// An ONNX graph, with its external data beside it, and `tokenizer.json` and `config.json` where it reads text.
    Onnx,
    /// A booster of XGBoost, in JSON or UBJSON.
    Xgboost,
    /// A booster of LightGBM, in its text form.
    Lightgbm,
}

impl ModelFormat {
    /// Its name, as in `onnx`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Onnx => "onnx",
            Self::Xgboost => "xgboost",
            Self::Lightgbm => "lightgbm",
        }
    }

    /// The library that models in this format come from, unless something better is known.
    pub(crate) fn framework(self) -> &'static str {
        match self {
            Self::Safetensors => "transformers",
            other => other.name(),
        }
    }
}

impl fmt::Display for ModelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
