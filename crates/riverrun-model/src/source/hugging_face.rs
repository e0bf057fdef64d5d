//! What of a Hugging Face model directory is imported.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::pickle::{self, is_pickle};
use super::{Contents, Origin, read_small, regular_files};
use crate::error::{Error, Result};
use crate::format::ModelFormat;
use crate::relative_path;
use crate::task::InferenceTask;

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const WEIGHTS_INDEX: &str = "model.safetensors.index.json";
/// Names the parts of a model of `sentence-transformers`.
pub(crate) const MODULES: &str = "modules.json";

/// A JSON file that nothing is known about is taken up to this size, in bytes.
const SMALL_JSON: u64 = 1024 * 1024;

/// The largest `config.json`, in bytes. The names of a hundred thousand labels may stand in one.
const MAX_CONFIG: u64 = 16 << 20;

/// The largest index of weights, in bytes. It has a line for each tensor.
pub(crate) const MAX_INDEX: u64 = 64 << 20;

/// The largest `modules.json`, in bytes. It has a few lines.
pub(crate) const MAX_MODULES: u64 = SMALL_JSON;

/// How many bytes a file may have that is read into memory, if it is one.
#[cfg(feature = "pull")]
pub(crate) fn most_bytes(path: &str) -> Option<u64> {
    match path {
        CONFIG => Some(MAX_CONFIG),
        WEIGHTS_INDEX => Some(MAX_INDEX),
        MODULES => Some(MAX_MODULES),
        _ => None,
    }
}

/// Looks at the names in a directory, and at the index of its weights if it has one.
///
/// A symbolic link counts as the file it leads to: the cache of `huggingface_hub` is made of them.
pub(crate) fn scan(path: &Path) -> Result<Contents> {
    let present = regular_files(path)?;
    let mut weights = weights(path, &present)?;
    for (file, advice) in [(CONFIG, DOWNLOAD_ADVICE), (TOKENIZER, TOKENIZER_ADVICE)] {
        if !present.contains_key(file) {
            return Err(missing(path, file, advice));
        }
    }
    let mut files = companions(&present);
    if !present.contains_key(WEIGHTS) {
        files.insert(WEIGHTS_INDEX.to_owned());
    }
    for module in modules(path, &present)? {
        let (config, tensors) = (format!("{module}/config.json"), format!("{module}/model.safetensors"));
        if path.join(&tensors).is_file() {
            weights.insert(tensors);
        }
        if path.join(&config).is_file() {
            files.insert(config);
        }
    }
    files.extend(weights.iter().cloned());
    Ok(Contents {
        root: path.to_owned(),
        format: ModelFormat::Safetensors,
        files,
        weights,
        main: None,
        pickles: present.into_keys().filter(|name| is_pickle(name)).collect(),
        origin: Origin::default(),
    })
}

/// Whether a directory holds weights of `transformers`, readable or not.
pub(crate) fn has_weights(path: &Path) -> Result<bool> {
    let present = regular_files(path)?;
    Ok([WEIGHTS, WEIGHTS_INDEX].iter().any(|name| present.contains_key(*name)))
}

/// The files beside the weights that belong to the model.
pub(crate) fn companions(present: &BTreeMap<String, u64>) -> BTreeSet<String> {
    present.iter().filter(|(name, size)| is_wanted(name, **size)).map(|(name, _)| name.clone()).collect()
}

/// The directories with the parts of a model of `sentence-transformers`, such as `1_Pooling`.
fn modules(path: &Path, present: &BTreeMap<String, u64>) -> Result<Vec<String>> {
    if !present.contains_key(MODULES) {
        return Ok(Vec::new());
    }
    let file = path.join(MODULES);
    let bytes = read_small(&file, MAX_MODULES)?;
    parse_modules(&bytes).map_err(|problem| Error::UnusableFile { path: file, problem })
}

/// The directories that a `modules.json` names, without the model's own.
pub(crate) fn parse_modules(content: &[u8]) -> Result<Vec<String>, String> {
    #[derive(Deserialize)]
    struct Module {
        path: String,
    }
    let modules: Vec<Module> =
        serde_json::from_slice(content).map_err(|error| format!("it is no list of modules ({error})"))?;
    let directories: Vec<String> =
        modules.into_iter().map(|module| module.path).filter(|path| !path.is_empty()).collect();
    for directory in &directories {
        relative_path::check(directory)?;
    }
    Ok(directories)
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

    let path = directory.join(WEIGHTS_INDEX);
    let bytes = read_small(&path, MAX_INDEX)?;
    let shards = parse_index(&bytes).map_err(|problem| Error::UnusableFile { path, problem })?;
    for shard in &shards {
        if !present.contains_key(shard) {
            return Err(missing(directory, shard, SHARD_ADVICE));
        }
    }
    Ok(shards)
}

/// The shards that an index of weights names.
pub(crate) fn parse_index(content: &[u8]) -> Result<BTreeSet<String>, String> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let index: Index =
        serde_json::from_slice(content).map_err(|error| format!("it is no index of weights ({error})"))?;
    let shards: BTreeSet<String> = index.weight_map.into_values().collect();
    if shards.is_empty() {
        return Err("it names no weights".into());
    }
    for shard in &shards {
        if shard.contains(['/', '\\']) || !shard.ends_with(".safetensors") {
            return Err(format!("it names `{}`, which is no safetensors file beside it", shard.escape_debug()));
        }
    }
    Ok(shards)
}

/// Whether a file beside the weights belongs to the model.
pub(crate) fn is_wanted(name: &str, size: u64) -> bool {
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

/// The refusal of a directory whose weights are in a pickle.
pub(crate) fn pickle_only(directory: &Path, pickle: &str) -> Error {
    let class = Architecture::read(&directory.join(CONFIG)).ok().and_then(|architecture| architecture.class);
    pickle::of_transformers(directory.join(pickle), class.as_deref(), &directory.display().to_string(), directory)
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
        let bytes = read_small(config, MAX_CONFIG)?;
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
    use std::fs;

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
        scan(directory.path()).unwrap_err().to_string()
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

        let scanned = scan(directory.path()).unwrap();

        let taken: Vec<_> = scanned.files.iter().map(String::as_str).collect();
        assert_eq!(
            taken,
            ["README.md", "config.json", "model.safetensors", "spiece.model", "tokenizer.json", "vocab.txt"]
        );
        assert_eq!(scanned.pickles, ["pytorch_model.bin", "training_args.bin"]);
    }

    #[test]
    fn a_file_that_is_too_large_for_what_it_is_is_not_read_into_memory() {
        let all =
            [("config.json", "{}"), ("tokenizer.json", "{}"), (WEIGHTS, ""), (MODULES, "[]"), (WEIGHTS_INDEX, "")];
        for (name, size) in [(MODULES, MAX_MODULES), (WEIGHTS_INDEX, MAX_INDEX)] {
            let directory = directory(&all);
            // A hole: it takes no room on the disk.
            fs::File::create(directory.path().join(name)).unwrap().set_len(size + 1).unwrap();
            if name == WEIGHTS_INDEX {
                fs::remove_file(directory.path().join(WEIGHTS)).unwrap();
            }

            let message = scan(directory.path()).unwrap_err().to_string();

            assert!(message.contains(&format!("{name} is not usable: it has more than the {size} bytes")), "{message}");
        }
        let directory = directory(&all);
        fs::File::create(directory.path().join(CONFIG)).unwrap().set_len(MAX_CONFIG + 1).unwrap();
        assert!(Architecture::read(&directory.path().join(CONFIG)).unwrap_err().to_string().contains("more than"));
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

        let scanned = scan(whole.path()).unwrap();
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
