//! What a model's `config.json` says, whatever computes the model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::InferenceError;
use crate::encoder::Precision;

/// What `quantization_config` calls the form in which this crate stores weights that are rounded ahead.
pub(crate) const QUANTIZATION_METHOD: &str = "riverrun";

/// What a model's task is, where its configuration says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemType {
    /// Numbers, not classes.
    Regression,
    /// One of the labels.
    SingleLabelClassification,
    /// Any number of the labels.
    MultiLabelClassification,
}

/// A directory's `config.json`: labels and classes by name, and the whole of it for who computes the model.
#[derive(Debug, Clone)]
pub struct ModelConfig {
    path: PathBuf,
    value: Value,
    architectures: Vec<String>,
    labels: Vec<String>,
    problem_type: Option<ProblemType>,
    precision: Option<Precision>,
}

/// What `quantization_config` says of weights that were rounded ahead by this crate.
#[derive(Deserialize)]
struct Rounded {
    precision: String,
}

#[derive(Deserialize)]
struct Raw {
    architectures: Option<Vec<String>>,
    id2label: Option<BTreeMap<String, String>>,
    num_labels: Option<usize>,
    problem_type: Option<ProblemType>,
    quantization_config: Option<Value>,
}

impl ModelConfig {
    /// Reads `directory`'s `config.json`.
    ///
    /// # Errors
    /// There is none, or it is malformed.
    pub fn read(directory: &Path) -> Result<Self, InferenceError> {
        let path = directory.join("config.json");
        let text =
            std::fs::read_to_string(&path).map_err(|source| InferenceError::Read { path: path.clone(), source })?;
        let value: Value = json(&path, serde_json::from_str(&text))?;
        let raw: Raw = json(&path, Raw::deserialize(&value))?;
        let labels = labels(&path, raw.id2label, raw.num_labels)?;
        let precision = raw.quantization_config.map(|value| precision(&path, value)).transpose()?.flatten();
        let architectures = raw.architectures.unwrap_or_default();
        Ok(Self { path, value, architectures, labels, problem_type: raw.problem_type, precision })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All that it says.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The classes of `transformers` that the model was saved from.
    #[must_use]
    pub fn architectures(&self) -> &[String] {
        &self.architectures
    }

    /// The labels in the order of the classifier's rows.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The task, where the configuration says so.
    #[must_use]
    pub fn problem_type(&self) -> Option<ProblemType> {
        self.problem_type
    }

    /// The precision whose numbers the weights are stored in, where [`quantize`](crate::quantize()) rounded them; such a model is computed
    /// in no other.
    #[must_use]
    pub fn precision(&self) -> Option<Precision> {
        self.precision
    }
}

/// Those of other libraries have a method of another name.
fn precision(path: &Path, value: Value) -> Result<Option<Precision>, InferenceError> {
    if value["quant_method"] != QUANTIZATION_METHOD {
        return Ok(None);
    }
    let Rounded { precision } = json(path, Rounded::deserialize(value))?;
    let known = precision.parse().ok().filter(|&precision| precision != Precision::F32);
    known.map(Some).ok_or_else(|| InferenceError::Config {
        path: path.to_owned(),
        problem: format!(
            "`quantization_config` has the precision `{precision}`, which no weights are stored in; quantize the model again with \
             `riverrun models quantize`"
        ),
    })
}

fn json<T>(path: &Path, result: Result<T, serde_json::Error>) -> Result<T, InferenceError> {
    result.map_err(|source| InferenceError::Json { path: path.to_owned(), what: "model configuration", source })
}

/// As `transformers` does: `id2label` wins over `num_labels`, and without both there are two.
fn labels(
    path: &Path, id2label: Option<BTreeMap<String, String>>, num_labels: Option<usize>,
) -> Result<Vec<String>, InferenceError> {
    let Some(mut names) = id2label else {
        let count = num_labels.unwrap_or(2);
        return Ok((0..count.min(1 << 20)).map(|id| format!("LABEL_{id}")).collect());
    };
    let count = names.len();
    (0..count)
        .map(|id| {
            names.remove(&id.to_string()).ok_or_else(|| InferenceError::Config {
                path: path.to_owned(),
                problem: format!("`id2label` has {count} labels but none for {id}; number them from 0 without a gap"),
            })
        })
        .collect()
}
