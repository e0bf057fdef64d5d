//! What a runner is of: a task, or a model without one.

use std::path::PathBuf;

use riverrun::inference::{
    AnyRunnerOptions, FeatureExtraction, FillMask, ImageClassification, ModelExt, QuestionAnswering,
    SentenceEmbeddings, Task, TaskOptions, TextClassification, TextRanking, TokenClassification,
    ZeroShotClassification,
};
use riverrun::model::Model;
use riverrun::onnx::OnnxModel;
use riverrun::runner::wire::Map;
use riverrun::runner::{Batching, Runner, RunnerError};
use riverrun::tabular::TreeModel;

use pyo3::prelude::*;

use super::binding::{Binding, WithoutTask};
use super::unknown;
use crate::error::of_inference;

pub(super) const NAMES: [&str; 9] = [
    "text-classification",
    "token-classification",
    "feature-extraction",
    "sentence-embeddings",
    "zero-shot-classification",
    "fill-mask",
    "question-answering",
    "text-ranking",
    "image-classification",
];

/// Evaluates `$then` with `$T` as the type of the task of this name.
macro_rules! with_task {
    ($name:expr, $T:ident => $then:expr) => {{
        macro_rules! then {
            ($task:ty) => {{
                type $T = $task;
                $then
            }};
        }
        match $name {
            "text-classification" => then!(TextClassification),
            "token-classification" => then!(TokenClassification),
            "feature-extraction" => then!(FeatureExtraction),
            "sentence-embeddings" => then!(SentenceEmbeddings),
            "zero-shot-classification" => then!(ZeroShotClassification),
            "fill-mask" => then!(FillMask),
            "question-answering" => then!(QuestionAnswering),
            "text-ranking" => then!(TextRanking),
            "image-classification" => then!(ImageClassification),
            other => Err(unknown(other)),
        }
    }};
}

/// A runner of a model of the store: for a task, or of `"tensors"` or `"rows"` of one without.
pub(super) fn of_model(
    model: &Model, name: &str, parameters: Map, (batching, cached): (Batching, usize),
) -> PyResult<Box<dyn Binding>> {
    let options = |parameters| AnyRunnerOptions::new().parameters(parameters).batching(batching.clone());
    match name {
        "tensors" => Ok(Box::new(WithoutTask::<OnnxModel>::new(model.clone(), options(parameters)))),
        "rows" => Ok(Box::new(WithoutTask::<TreeModel>::new(model.clone(), options(parameters)))),
        name => with_task!(name, T => {
            let own = <T as Task>::Options::default().with_parameters(&parameters).map_err(|error| of_inference(&error))?;
            let runner = model.to_runner_with(own).map_err(|error| of_inference(&error))?;
            Ok(Box::new(runner.batching(batching).cached(cached)))
        }),
    }
}

/// A runner of a model in a directory, for a task.
pub(super) fn of_directory(
    path: PathBuf, name: &str, parameters: Map, batching: Batching,
) -> PyResult<Box<dyn Binding>> {
    with_task!(name, T => {
        let own = <T as Task>::Options::default().with_parameters(&parameters).map_err(|error| of_inference(&error))?;
        let shown = path.display().to_string();
        let runner = Runner::lazy(shown.clone(), format!("{shown} {own:?}"), move || {
            T::load(&path, own.clone())
                .map_err(|error| RunnerError::Load { runner: shown.as_str().into(), reason: error.to_string() })
        });
        Ok(Box::new(runner.batching(batching)))
    })
}
