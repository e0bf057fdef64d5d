//! What `sentence-transformers` writes beside a model: how its tokens are pooled, and what becomes of that.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Pooling;
use crate::InferenceError;

/// How a directory says that its model makes embeddings.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Modules {
    /// One behind the other where there are several; none where the directory does not say.
    pub(super) poolings: Vec<Pooling>,
    pub(super) normalize: bool,
    pub(super) max_length: Option<usize>,
    pub(super) lower_case: bool,
    pub(super) prompts: BTreeMap<String, String>,
    pub(super) default_prompt: Option<String>,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    class: String,
}

#[derive(Deserialize)]
struct SentenceBert {
    max_seq_length: Option<usize>,
    do_lower_case: Option<bool>,
}

#[derive(Deserialize)]
struct SentenceTransformers {
    prompts: Option<BTreeMap<String, String>>,
    default_prompt_name: Option<String>,
}

/// The keys of a pooling's configuration, in the order in which their vectors stand.
const MODES: [(&str, Pooling); 6] = [
    ("pooling_mode_cls_token", Pooling::Cls),
    ("pooling_mode_max_tokens", Pooling::Max),
    ("pooling_mode_mean_tokens", Pooling::Mean),
    ("pooling_mode_mean_sqrt_len_tokens", Pooling::MeanSqrtLength),
    ("pooling_mode_weightedmean_tokens", Pooling::WeightedMean),
    ("pooling_mode_lasttoken", Pooling::LastToken),
];

impl Modules {
    /// Reads `directory`'s `modules.json` and what it names; the defaults where there is none.
    pub(super) fn read(directory: &Path) -> Result<Self, InferenceError> {
        let mut modules = Self::default();
        let path = directory.join("modules.json");
        let Some(list) = read::<Vec<Module>>(&path)? else { return Ok(modules) };
        for (index, module) in list.iter().enumerate() {
            let problem = |problem: String| Err(InferenceError::Config { path: path.clone(), problem });
            match module.class.rsplit('.').next().unwrap_or_default() {
                // The encoder itself.
                "Transformer" if index == 0 => {}
                "Pooling" => modules.poolings = poolings(directory, &module.path, &path)?,
                "Normalize" => modules.normalize = true,
                class => {
                    return problem(format!(
                        "the module `{class}` is not implemented; those implemented are Transformer, Pooling and Normalize"
                    ));
                }
            }
        }
        if let Some(config) = read::<SentenceBert>(&directory.join("sentence_bert_config.json"))? {
            modules.max_length = config.max_seq_length;
            modules.lower_case = config.do_lower_case.unwrap_or(false);
        }
        if let Some(config) = read::<SentenceTransformers>(&directory.join("config_sentence_transformers.json"))? {
            modules.prompts = config.prompts.unwrap_or_default();
            modules.default_prompt = config.default_prompt_name;
        }
        Ok(modules)
    }
}

fn poolings(directory: &Path, module: &str, path: &Path) -> Result<Vec<Pooling>, InferenceError> {
    // A path with anything but names could point anywhere.
    if !Path::new(module).components().all(|part| matches!(part, Component::Normal(_))) {
        let problem = format!("the module's path `{module}` is not a folder beside it");
        return Err(InferenceError::Config { path: path.to_owned(), problem });
    }
    let path = directory.join(module).join("config.json");
    let Some(config) = read::<Value>(&path)? else {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(InferenceError::Read { path, source });
    };
    let is = |key: &str| config.get(key).and_then(Value::as_bool);
    let problem = |problem: &str| Err(InferenceError::Config { path: path.clone(), problem: problem.to_owned() });
    if is("include_prompt") == Some(false) {
        return problem("include_prompt is false, which is not implemented: prompts count like the text");
    }
    let poolings: Vec<Pooling> =
        MODES.into_iter().filter(|(key, _)| is(key) == Some(true)).map(|(_, mode)| mode).collect();
    if poolings.is_empty() {
        return problem("no pooling mode is true; set `pooling_mode_mean_tokens`, say");
    }
    Ok(poolings)
}

/// The file may be missing.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, InferenceError> {
    if !path.exists() {
        return Ok(None);
    }
    let text =
        std::fs::read_to_string(path).map_err(|source| InferenceError::Read { path: path.to_owned(), source })?;
    let value = serde_json::from_str(&text).map_err(|source| InferenceError::Json {
        path: path.to_owned(),
        what: "configuration of sentence-transformers",
        source,
    })?;
    Ok(Some(value))
}
