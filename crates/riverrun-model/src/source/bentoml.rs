//! Directories of BentoML's own model store, as its `save_model` writes them since version 1.0.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::pickle::is_pickle;
use super::{Contents, Origin, hugging_face, onnx, read_small, regular_files, tabular};
use crate::error::{Error, Result};
use crate::format::ModelFormat;
use crate::metadata::Signature;

const DESCRIPTION: &str = "model.yaml";

/// The largest description that is read, in bytes.
const MAX_DESCRIPTION: u64 = 1024 * 1024;

/// What is read of a `model.yaml`.
#[derive(Deserialize)]
struct Description {
    name: String,
    version: String,
    module: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    metadata: serde_json::Map<String, Value>,
    #[serde(default)]
    signatures: BTreeMap<String, BentoSignature>,
    #[serde(default)]
    options: Options,
    #[serde(default)]
    context: Context,
}

#[derive(Default, Deserialize)]
struct Options {
    #[serde(default)]
    task: Option<String>,
}

#[derive(Default, Deserialize)]
struct Context {
    #[serde(default)]
    bentoml_version: Option<String>,
    #[serde(default)]
    framework_versions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct BentoSignature {
    #[serde(default)]
    batchable: bool,
    #[serde(default)]
    batch_dim: BatchDim,
}

/// One dimension, or one for what goes in and one for what comes out.
#[derive(Deserialize)]
#[serde(untagged)]
enum BatchDim {
    One(usize),
    InAndOut(usize, IgnoredAny),
}

impl Default for BatchDim {
    fn default() -> Self {
        Self::One(0)
    }
}

impl BatchDim {
    fn of_input(&self) -> usize {
        match self {
            Self::One(dimension) | Self::InAndOut(dimension, _) => *dimension,
        }
    }
}

/// Whether a directory is one of BentoML's store.
pub(crate) fn is_in(directory: &Path) -> bool {
    directory.join(DESCRIPTION).is_file()
}

/// Looks at a directory of BentoML's store.
pub(crate) fn scan(directory: &Path) -> Result<Contents> {
    let description = Description::read(&directory.join(DESCRIPTION))?;
    let present = regular_files(directory)?;
    let saved = |extensions: &[&str]| {
        let names = extensions.iter().map(|extension| format!("saved_model.{extension}"));
        names.into_iter().find(|name| present.contains_key(name))
    };
    let missing = |file: &str| Error::MissingFile {
        directory: directory.to_owned(),
        file: file.to_owned(),
        advice: "it is not as BentoML saves a model of this kind; export it from the library itself, and import that",
    };

    let module = description.module.rsplit('.').next().unwrap_or_default().to_owned();
    let mut contents = match module.as_str() {
        "transformers" => hugging_face::scan(directory)?,
        "onnx" => onnx::scan_file(directory, &saved(&["onnx"]).ok_or_else(|| missing("saved_model.onnx"))?)?,
        "xgboost" => {
            let file = saved(&["ubj", "json"]).ok_or_else(|| missing("saved_model.ubj"))?;
            tabular::scan_file(directory, &file, ModelFormat::Xgboost)
        }
        "lightgbm" => {
            let file = saved(&["txt"]).ok_or_else(|| missing("saved_model.txt"))?;
            tabular::scan_file(directory, &file, ModelFormat::Lightgbm)
        }
        _ => {
            return Err(Error::ForeignFramework {
                directory: directory.to_owned(),
                module: description.module.escape_debug().to_string(),
            });
        }
    };
    contents.pickles = present.into_keys().filter(|name| is_pickle(name)).collect();
    contents.origin = description.into_origin(module);
    Ok(contents)
}

impl Description {
    fn read(path: &Path) -> Result<Self> {
        let unusable = |problem: String| Error::UnusableFile { path: path.to_owned(), problem };
        let text =
            String::from_utf8(read_small(path, MAX_DESCRIPTION)?).map_err(|_| unusable("it is not UTF-8".into()))?;
        serde_saphyr::from_str(&text).map_err(|error| {
            let first = error.to_string().lines().next().unwrap_or_default().to_owned();
            unusable(format!("it is no description of a model of BentoML ({first})"))
        })
    }

    fn into_origin(self, framework: String) -> Origin {
        let mut source = toml::Table::new();
        source.insert("store".into(), "bentoml".into());
        source.insert("tag".into(), format!("{}:{}", self.name, self.version).into());
        if let Some(version) = self.context.bentoml_version {
            source.insert("bentoml".into(), version.into());
        }
        let versions = self.context.framework_versions.into_iter().map(|(name, version)| (name, version.into()));
        source.insert("versions".into(), toml::Value::Table(versions.collect()));

        let mut metadata: toml::Table =
            self.metadata.into_iter().filter_map(|(key, value)| Some((key, to_toml(value)?))).collect();
        metadata.entry("source").or_insert(source.into());
        let signature = |(method, signature): (String, BentoSignature)| Signature {
            method,
            batchable: signature.batchable,
            batch_dim: signature.batch_dim.of_input(),
        };
        Origin {
            name: Some(self.name),
            version: Some(self.version),
            framework: Some(framework),
            task: self.options.task.and_then(|task| task.parse().ok()),
            signatures: self.signatures.into_iter().map(signature).collect(),
            labels: self.labels,
            metadata,
        }
    }
}

/// A value without the nothings, which TOML does not have.
fn to_toml(value: Value) -> Option<toml::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => value.into(),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64()?.into(),
        },
        Value::String(text) => text.into(),
        Value::Array(values) => values.into_iter().filter_map(to_toml).collect::<Vec<_>>().into(),
        Value::Object(fields) => {
            toml::Value::Table(fields.into_iter().filter_map(|(key, value)| Some((key, to_toml(value)?))).collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn directory(description: &str, files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(DESCRIPTION), description).unwrap();
        for file in files {
            fs::write(directory.path().join(file), "").unwrap();
        }
        directory
    }

    #[test]
    fn a_library_whose_models_are_pickles_is_named_with_what_to_do() {
        let saved = directory("{name: iris, version: a1, module: bentoml.sklearn}", &["saved_model.pkl"]);

        let message = scan(saved.path()).unwrap_err().to_string();

        assert!(message.contains("bentoml.sklearn") && message.contains("ONNX"), "{message}");
    }

    #[test]
    fn pickled_weights_are_refused_with_how_to_convert_them() {
        let saved = directory(
            "{name: bert, version: a1, module: bentoml.transformers}",
            &["config.json", "tokenizer.json", "pytorch_model.bin"],
        );

        let message = scan(saved.path()).unwrap_err().to_string();

        assert!(message.contains("pytorch_model.bin is a Python pickle"), "{message}");
    }

    #[test]
    fn an_unusable_description_is_named_in_one_line() {
        let bomb = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, level| {
            let below = level - 1;
            text + &format!("a{level}: &a{level} [*a{below}, *a{below}, *a{below}, *a{below}]\n")
        });
        for description in ["", "[]", "name: 1\n  x", "name: x", &bomb] {
            let saved = directory(description, &[]);

            let message = scan(saved.path()).unwrap_err().to_string();

            assert!(message.contains("model.yaml is not usable") && !message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn what_is_nothing_or_no_number_of_toml_is_left_out_or_rounded() {
        let value = serde_json::json!({"a": null, "b": [1, null, 2.5], "c": 18446744073709551615_u64});

        let table = to_toml(value).unwrap();

        assert_eq!(table.get("a"), None);
        assert_eq!(table["b"].as_array().unwrap().len(), 2);
        assert!(table["c"].as_float().is_some());
    }
}
