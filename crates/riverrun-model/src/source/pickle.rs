//! Python pickles, which are never read.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// Whether a file is a pickle by its name. `.bin` is one beside a model of `transformers`, and data beside an ONNX graph.
pub(crate) fn is_pickle(name: &str) -> bool {
    has_extension(name, &["bin"]) || is_surely_pickle(name)
}

/// Whether a file is a pickle by its name, whatever it lies beside.
pub(crate) fn is_surely_pickle(name: &str) -> bool {
    has_extension(name, &["pkl", "pickle", "pt", "pth", "ckpt", "joblib"])
}

pub(crate) fn has_extension(name: &str, extensions: &[&str]) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| extensions.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// The refusal of a pickle of `transformers`: `class` of it reads `from`, and writes safetensors to `into`.
pub(crate) fn of_transformers(file: PathBuf, class: Option<&str>, from: &str, into: &Path) -> Error {
    // The class comes from a file that anybody may have written, and goes into a command that a person may run.
    let class = class
        .filter(|class| class.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or("AutoModelForSequenceClassification");
    Error::PickleOnly {
        file,
        command: format!(
            "python -c \"import transformers; transformers.{class}.from_pretrained('{from}')\
             .save_pretrained('{to}', safe_serialization=True)\"",
            to = into.display()
        ),
        directory: into.to_owned(),
    }
}

/// The refusal of a pickle on the hub: Python reads it from there, and writes the model to `into`.
#[cfg(feature = "pull")]
pub(crate) fn of_repository(file: PathBuf, repository: &str, revision: &str, into: &Path) -> Error {
    let to = into.display();
    let from = format!("'{repository}', revision='{revision}'");
    Error::PickleOnly {
        file,
        command: format!(
            "python -c \"import transformers as t; t.AutoModelForSequenceClassification.from_pretrained({from})\
             .save_pretrained('{to}', safe_serialization=True); t.AutoTokenizer.from_pretrained({from})\
             .save_pretrained('{to}')\""
        ),
        directory: into.to_owned(),
    }
}
