//! What of a Hugging Face model directory is imported.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{At, Error, Result};
use crate::task::InferenceTask;

pub(crate) const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const WEIGHTS: &str = "model.safetensors";
const WEIGHTS_INDEX: &str = "model.safetensors.index.json";

/// A JSON file that nothing is known about is taken up to this size, in bytes.
const SMALL_JSON: u64 = 1024 * 1024;

/// The files of a Hugging Face model directory, sorted into what is taken and what is not.
#[derive(Debug)]
pub(crate) struct HuggingFaceDirectory {
    path: PathBuf,
    /// The names of the files to take, all directly in the directory.
    pub(crate) files: BTreeSet<String>,
    /// Those of them that hold weights.
    pub(crate) weights: BTreeSet<String>,
    /// The pickles that lie beside the safetensors and are left out.
    pub(crate) pickles: Vec<String>,
}

impl HuggingFaceDirectory {
    /// Looks at the names in a directory, and at the index of its weights if it has one.
    ///
    /// A symbolic link counts as the file it leads to: the cache of `huggingface_hub` is made of them.
    pub(crate) fn scan(path: &Path) -> Result<Self> {
        let kind = fs::metadata(path).at("read", path)?;
        if !kind.is_dir() {
            let parent = path.parent().unwrap_or(path);
            return Err(match path.file_name().and_then(|name| name.to_str()) {
                Some(name) if is_pickle(name) => pickle_only(parent, name),
                _ => Error::NotADirectory { path: path.to_owned() },
            });
        }
        let present = regular_files(path)?;

        let weights = weights(path, &present)?;
        for (file, advice) in [(CONFIG, DOWNLOAD_ADVICE), (TOKENIZER, TOKENIZER_ADVICE)] {
            if !present.contains_key(file) {
                return Err(missing(path, file, advice));
            }
        }
        let mut files: BTreeSet<String> =
            present.iter().filter(|(name, size)| is_wanted(name, **size)).map(|(name, _)| name.clone()).collect();
        files.extend(weights.iter().cloned());
        if !present.contains_key(WEIGHTS) {
            files.insert(WEIGHTS_INDEX.to_owned());
        }

        Ok(Self {
            path: path.to_owned(),
            files,
            weights,
            pickles: present.into_keys().filter(|name| is_pickle(name)).collect(),
        })
    }

    /// Where one of the files is.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

const DOWNLOAD_ADVICE: &str =
    "a Hugging Face model has one: download the whole model with `hf download REPOSITORY --local-dir DIR`";
const TOKENIZER_ADVICE: &str = "write it with `python -c \"import transformers; \
    transformers.AutoTokenizer.from_pretrained('DIR').save_pretrained('DIR')\"`";
const WEIGHTS_ADVICE: &str = "Riverrun reads weights in safetensors only: download them with \
    `hf download REPOSITORY --local-dir DIR`";
const SHARD_ADVICE: &str = "model.safetensors.index.json names it: download the whole model with \
    `hf download REPOSITORY --local-dir DIR`";

fn missing(directory: &Path, file: &str, advice: &'static str) -> Error {
    Error::MissingFile { directory: directory.to_owned(), file: file.to_owned(), advice }
}

/// The regular files directly in a directory, links followed, with their sizes.
fn regular_files(directory: &Path) -> Result<BTreeMap<String, u64>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).at("read", directory)? {
        let entry = entry.at("read", directory)?;
        // A name that is not UTF-8 is none that is looked for; a link to nowhere is a file that is missing.
        let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), fs::metadata(entry.path())) else {
            continue;
        };
        if metadata.is_file() {
            files.insert(name, metadata.len());
        }
    }
    Ok(files)
}

/// The files with the weights: one, or the shards of an index.
fn weights(directory: &Path, present: &BTreeMap<String, u64>) -> Result<BTreeSet<String>> {
    if present.contains_key(WEIGHTS) {
        return Ok(BTreeSet::from([WEIGHTS.to_owned()]));
    }
    if !present.contains_key(WEIGHTS_INDEX) {
        let mut pickles: Vec<&str> = present.keys().map(String::as_str).filter(|name| is_pickle(name)).collect();
        // `training_args.bin` and the like are pickles too, but not the one with the weights.
        pickles.sort_by_key(|name| !name.starts_with("pytorch_model"));
        return Err(match pickles.first() {
            Some(pickle) => pickle_only(directory, pickle),
            None => missing(directory, WEIGHTS, WEIGHTS_ADVICE),
        });
    }

    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let path = directory.join(WEIGHTS_INDEX);
    let unusable = |problem: String| Error::UnusableFile { path: path.clone(), problem };
    let bytes = fs::read(&path).at("read", &path)?;
    let index: Index =
        serde_json::from_slice(&bytes).map_err(|error| unusable(format!("it is no index of weights ({error})")))?;
    let shards: BTreeSet<String> = index.weight_map.into_values().collect();
    if shards.is_empty() {
        return Err(unusable("it names no weights".into()));
    }
    for shard in &shards {
        if shard.contains(['/', '\\']) || !shard.ends_with(".safetensors") {
            return Err(unusable(format!(
                "it names `{}`, which is no safetensors file beside it",
                shard.escape_debug()
            )));
        }
        if !present.contains_key(shard) {
            return Err(missing(directory, shard, SHARD_ADVICE));
        }
    }
    Ok(shards)
}

/// Whether a file beside the weights belongs to the model.
fn is_wanted(name: &str, size: u64) -> bool {
    const DOCUMENTS: [&str; 4] = ["readme", "model_card", "license", "notice"];
    const TOKENIZER_FILES: [&str; 4] = ["vocab.txt", "vocab.json", "merges.txt", "chat_template.jinja"];
    let lower = name.to_ascii_lowercase();
    let stem = lower.split('.').next().unwrap_or_default();

    name == CONFIG
        || name == TOKENIZER
        || TOKENIZER_FILES.contains(&name)
        || (lower.ends_with(".model") && !lower.starts_with('.'))
        || DOCUMENTS.contains(&stem)
        || (lower.ends_with(".json")
            && !lower.ends_with(".index.json")
            && !lower.starts_with('.')
            && size <= SMALL_JSON)
}

fn is_pickle(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|e| e.to_str());
    extension.is_some_and(|extension| {
        ["bin", "pkl", "pickle", "pt", "pth", "ckpt"].iter().any(|pickle| extension.eq_ignore_ascii_case(pickle))
    })
}

fn pickle_only(directory: &Path, pickle: &str) -> Error {
    let class = Architecture::read(&directory.join(CONFIG))
        .ok()
        .and_then(|architecture| architecture.class)
        .filter(|class| class.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or_else(|| "AutoModelForSequenceClassification".to_owned());
    let from = directory.display();
    Error::PickleOnly {
        file: directory.join(pickle),
        command: format!(
            "python -c \"import transformers; transformers.{class}.from_pretrained('{from}')\
             .save_pretrained('{from}', safe_serialization=True)\""
        ),
        directory: directory.to_owned(),
    }
}

/// What a `config.json` says about the model's class.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Architecture {
    /// The first of its `architectures`.
    pub(crate) class: Option<String>,
    /// The inference task of that class.
    pub(crate) task: Option<InferenceTask>,
}

impl Architecture {
    /// Reads a `config.json`.
    pub(crate) fn read(config: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Config {
            architectures: Option<Vec<String>>,
        }
        let bytes = fs::read(config).at("read", config)?;
        let parsed: Config = serde_json::from_slice(&bytes).map_err(|error| Error::UnusableFile {
            path: config.to_owned(),
            problem: format!("it is no model configuration ({error})"),
        })?;
        let class = parsed.architectures.unwrap_or_default().into_iter().next();
        let task = class.as_deref().and_then(InferenceTask::of_architecture);
        Ok(Self { class, task })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(directory.path().join(name), content).unwrap();
        }
        directory
    }

    fn message(files: &[(&str, &str)]) -> String {
        let directory = directory(files);
        HuggingFaceDirectory::scan(directory.path()).unwrap_err().to_string()
    }

    #[test]
    fn only_what_a_model_needs_is_taken() {
        let directory = directory(&[
            ("config.json", "{}"),
            ("tokenizer.json", "{}"),
            ("model.safetensors", ""),
            ("vocab.txt", ""),
            ("spiece.model", ""),
            ("README.md", ""),
            ("pytorch_model.bin", ""),
            ("training_args.bin", ""),
            ("pytorch_model.bin.index.json", "{}"),
            ("tf_model.h5", ""),
            (".gitattributes", ""),
            (".secret.json", "{}"),
        ]);
        fs::create_dir(directory.path().join("onnx")).unwrap();

        let scanned = HuggingFaceDirectory::scan(directory.path()).unwrap();

        let taken: Vec<_> = scanned.files.iter().map(String::as_str).collect();
        assert_eq!(
            taken,
            ["README.md", "config.json", "model.safetensors", "spiece.model", "tokenizer.json", "vocab.txt"]
        );
        assert_eq!(scanned.pickles, ["pytorch_model.bin", "training_args.bin"]);
    }

    #[test]
    fn pickles_alone_are_refused_with_the_command_that_converts_them() {
        let message = message(&[
            ("config.json", r#"{"architectures": ["BertForSequenceClassification"]}"#),
            ("optimizer.pt", ""),
            ("pytorch_model.bin", ""),
        ]);

        assert!(message.contains("/pytorch_model.bin is a Python pickle"), "{message}");
        assert!(message.contains("transformers.BertForSequenceClassification.from_pretrained"), "{message}");
        assert!(message.contains("safe_serialization=True"), "{message}");
    }

    #[test]
    fn a_config_cannot_put_code_into_the_command_that_converts() {
        let message = message(&[("config.json", r#"{"architectures": ["x; import os"]}"#), ("model.pkl", "")]);

        assert!(!message.contains("import os"), "{message}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let tokenizer = message(&[("config.json", "{}"), ("model.safetensors", "")]);
        let config = message(&[("tokenizer.json", "{}"), ("model.safetensors", "")]);
        let weights = message(&[("config.json", "{}"), ("tokenizer.json", "{}")]);

        assert!(tokenizer.contains("has no tokenizer.json; "), "{tokenizer}");
        assert!(config.contains("has no config.json; "), "{config}");
        assert!(weights.contains("has no model.safetensors; "), "{weights}");
    }

    #[test]
    fn an_index_brings_its_shards_and_nothing_from_elsewhere() {
        let index = r#"{"weight_map": {"a": "1.safetensors", "b": "2.safetensors", "c": "1.safetensors"}}"#;
        let all = [
            ("config.json", "{}"),
            ("tokenizer.json", "{}"),
            (WEIGHTS_INDEX, index),
            ("1.safetensors", ""),
            ("2.safetensors", ""),
            ("other.safetensors", ""),
        ];
        let whole = directory(&all);

        let scanned = HuggingFaceDirectory::scan(whole.path()).unwrap();
        let missing = message(&all[..4]);
        let outside = message(&[
            ("config.json", "{}"),
            ("tokenizer.json", "{}"),
            (WEIGHTS_INDEX, r#"{"weight_map": {"a": "../1.safetensors"}}"#),
        ]);

        assert_eq!(scanned.weights, BTreeSet::from(["1.safetensors", "2.safetensors"].map(str::to_owned)));
        assert!(scanned.files.contains(WEIGHTS_INDEX));
        assert!(!scanned.files.contains("other.safetensors"));
        assert!(missing.contains("has no 2.safetensors; "), "{missing}");
        assert!(outside.contains("`../1.safetensors`, which is no safetensors file beside it"), "{outside}");
    }
}
