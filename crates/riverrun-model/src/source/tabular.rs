//! Boosters of XGBoost and LightGBM, told from the start of their files.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;

use super::pickle::has_extension;
use super::{Contents, Origin};
use crate::error::{At, Error, Result};
use crate::format::ModelFormat;
use crate::metadata::{Metadata, Signature};
use crate::task::InferenceTask;
use crate::tensor_spec::{Dimension, TensorSpec};

/// How much of a file tells what it is, in bytes.
const START: u64 = 256;

/// How many lines the head of a LightGBM file may have before its first tree, and how long they may be together.
const MAX_HEAD: u64 = 64 * 1024 * 1024;

/// The format of a file by its name and its start, if it is one of these.
pub(super) fn recognise(path: &Path) -> Result<Option<ModelFormat>> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut start = Vec::new();
    File::open(path).and_then(|file| file.take(START).read_to_end(&mut start)).at_outside("read", path)?;
    Ok(if has_extension(name, &["json", "ubj"]) && is_xgboost(&start) {
        Some(ModelFormat::Xgboost)
    } else if is_lightgbm(&start) {
        Some(ModelFormat::Lightgbm)
    } else {
        None
    })
}

/// Both forms are an object that begins with its learner.
fn is_xgboost(start: &[u8]) -> bool {
    start.first() == Some(&b'{') && start.windows(7).any(|word| word == b"learner")
}

fn is_lightgbm(start: &[u8]) -> bool {
    start.starts_with(b"tree\n") || start.starts_with(b"tree\r\n")
}

pub(super) fn scan_file(root: &Path, name: &str, format: ModelFormat) -> Contents {
    Contents {
        root: root.to_owned(),
        format,
        files: BTreeSet::from([name.to_owned()]),
        weights: BTreeSet::new(),
        main: Some(name.to_owned()),
        pickles: Vec::new(),
        origin: Origin::default(),
    }
}

/// Writes what the copy of a booster says of its features and its purpose into the metadata.
pub(super) fn inspect(copy: &Path, original: &Path, format: ModelFormat, metadata: &mut Metadata) -> Result<()> {
    let mut start = Vec::new();
    File::open(copy).and_then(|file| file.take(START).read_to_end(&mut start)).at("read", copy)?;
    let is_one = if format == ModelFormat::Xgboost { is_xgboost(&start) } else { is_lightgbm(&start) };
    if !is_one {
        return Err(Error::NotAModel { path: original.to_owned(), advice: advice(format) });
    }
    let unusable = |problem: String| Error::UnusableFile { path: original.to_owned(), problem };
    let booster = match format {
        ModelFormat::Lightgbm => lightgbm(copy)?,
        _ if has_extension(&original.to_string_lossy(), &["json"]) => {
            let file = BufReader::new(File::open(copy).at("read", copy)?);
            let model: XgboostModel = serde_json::from_reader(file)
                .map_err(|error| unusable(format!("it is no whole model of XGBoost ({error})")))?;
            model.learner.into()
        }
        // UBJSON is left to the runner that reads the trees.
        _ => Booster::default(),
    };
    metadata.task = booster.task();
    metadata.inputs = booster.inputs();
    if metadata.signatures.is_empty() {
        metadata.signatures.push(Signature::batchable("predict"));
    }
    Ok(())
}

fn advice(format: ModelFormat) -> &'static str {
    if format == ModelFormat::Xgboost {
        "write it with `booster.save_model('model.ubj')` of XGBoost 1.7 or later"
    } else {
        "write it with `booster.save_model('model.txt')` of LightGBM"
    }
}

/// What is told of a booster.
#[derive(Debug, Default)]
struct Booster {
    objective: String,
    features: usize,
    names: Vec<String>,
}

impl Booster {
    fn task(&self) -> Option<InferenceTask> {
        let objective = self.objective.as_str();
        let classifies = ["binary", "multi", "cross_entropy"].iter().any(|start| objective.starts_with(start));
        let regresses =
            ["reg", "count", "survival", "poisson", "gamma", "tweedie", "l1", "l2", "huber", "quantile", "mape"]
                .iter()
                .any(|start| objective.starts_with(start));
        if classifies {
            Some(InferenceTask::TabularClassification)
        } else {
            regresses.then_some(InferenceTask::TabularRegression)
        }
    }

    fn inputs(&self) -> Vec<TensorSpec> {
        let batch = || Dimension::Named("batch".into());
        if self.names.len() == self.features && self.features > 0 {
            return self.names.iter().map(|name| TensorSpec::new(name, "float32", Some(vec![batch()]))).collect();
        }
        let Some(features) = u32::try_from(self.features).ok().filter(|features| *features > 0) else {
            return Vec::new();
        };
        vec![TensorSpec::new("features", "float32", Some(vec![batch(), Dimension::Fixed(features)]))]
    }
}

#[derive(Deserialize)]
struct XgboostModel {
    learner: Learner,
}

#[derive(Deserialize)]
struct Learner {
    #[serde(default)]
    feature_names: Vec<String>,
    learner_model_param: Parameters,
    objective: Objective,
}

/// Numbers stand in quotes in XGBoost's files.
#[derive(Deserialize)]
struct Parameters {
    num_feature: String,
}

#[derive(Deserialize)]
struct Objective {
    name: String,
}

impl From<Learner> for Booster {
    fn from(learner: Learner) -> Self {
        Self {
            objective: learner.objective.name,
            features: learner.learner_model_param.num_feature.parse().unwrap_or(0),
            names: learner.feature_names,
        }
    }
}

/// Reads the `key=value` lines before the first tree.
fn lightgbm(path: &Path) -> Result<Booster> {
    let file = BufReader::new(File::open(path).at_outside("read", path)?);
    let mut booster = Booster::default();
    for line in file.take(MAX_HEAD).split(b'\n') {
        let line = line.at_outside("read", path)?;
        let line = String::from_utf8_lossy(&line);
        let Some((key, value)) = line.trim_end().split_once('=') else {
            continue;
        };
        match key {
            "Tree" => break,
            "max_feature_idx" => booster.features = value.parse::<usize>().map_or(0, |last| last.saturating_add(1)),
            "objective" => booster.objective = value.to_owned(),
            "feature_names" => booster.names = value.split(' ').map(str::to_owned).collect(),
            _ => {}
        }
    }
    Ok(booster)
}
