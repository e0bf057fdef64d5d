//! What tells the commands that apply a model from each other.

use std::sync::Arc;

use riverrun::inference::{InferenceError, Task};
use riverrun::model::{InferenceTask, Model, ModelFormat, TagRef};
use riverrun::runner::AnyRunner;
use riverrun::runner::wire::Map;
use serde_json::Value;

use super::intake::Intake;
use super::runner;
use crate::failure::Result;

/// Binds a runner to the service at a URL.
type Connect = fn(&str, Option<&TagRef>, &Map) -> Result<Arc<dyn AnyRunner>>;

type Loaded = std::result::Result<Arc<dyn AnyRunner>, InferenceError>;

/// A command that applies a model to records.
pub(crate) struct Applied {
    pub(super) name: &'static str,
    /// The model where none is named.
    pub(super) default_tag: Option<String>,
    pub(super) suits: fn(&Model) -> bool,
    pub(super) load: fn(&Model, &Map, Option<InferenceTask>) -> Loaded,
    pub(super) connect: Option<Connect>,
    /// What a query is asked of, instead of the task's own items.
    pub(crate) query: Option<String>,
    /// What to do, in place of what the store knows the model to be for.
    pub(crate) task: Option<InferenceTask>,
    /// Options of the task.
    pub(crate) parameters: Vec<(String, Value)>,
    pub(crate) shape: Shape,
}

/// How a result stands in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The best label and its score beside what was given, or all of the labels.
    Labels { all: bool },
    /// The result under this name beside what was given.
    Field(&'static str),
    /// The score of a document, and in the end so many of them, best first.
    Ranked { most: usize },
}

impl Applied {
    /// A command for one task.
    pub(crate) fn to<T: Task>(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            default_tag: Some(format!("{}:latest", T::TASK)),
            suits: runner::suits::<T>,
            load: runner::load::<T>,
            connect: Some(runner::of_service::<T>),
            query: None,
            task: None,
            parameters: Vec::new(),
            shape,
        }
    }

    /// The command for all models.
    pub(crate) fn to_any(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            default_tag: None,
            suits: |_| true,
            load: runner::load_any,
            connect: None,
            query: None,
            task: None,
            parameters: Vec::new(),
            shape,
        }
    }

    pub(super) fn suits(&self, model: &Model) -> bool {
        (self.suits)(model)
    }

    /// Adds an option of the task, if it was given.
    #[must_use]
    pub(crate) fn option(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        self.parameters.extend(value.map(|value| (name.to_owned(), value.into())));
        self
    }

    /// What the model takes.
    pub(super) fn intake(&self, model: Option<&Model>, runner: &dyn AnyRunner) -> Intake {
        if let Some(query) = &self.query {
            return Intake::Document { query: query.clone() };
        }
        match model {
            Some(model) if is_tabular(model) => Intake::Row { names: feature_names(model) },
            Some(model) if self.task.is_none() && is_bare_onnx(model) => {
                Intake::Tensors { names: model.metadata().inputs.iter().map(|input| input.name.clone()).collect() }
            }
            _ => Intake::of_runner(runner),
        }
    }
}

fn is_tabular(model: &Model) -> bool {
    matches!(model.metadata().format, ModelFormat::Xgboost | ModelFormat::Lightgbm)
}

/// An ONNX model that takes tensors, as it is for no task that has its files beside it.
fn is_bare_onnx(model: &Model) -> bool {
    model.metadata().format == ModelFormat::Onnx
        && (model.metadata().task.is_none() || model.file("tokenizer.json").is_err())
        && !runner::is_for(model, InferenceTask::ImageClassification)
}

/// The names of the features, where the store has noted them at the import or the model's file has them.
fn feature_names(model: &Model) -> Vec<String> {
    let metadata = model.metadata();
    match metadata.inputs.as_slice() {
        // All features in one, as the store notes those without names.
        [only] if only.shape.as_ref().is_some_and(|shape| shape.len() > 1) => Vec::new(),
        [] => {
            let file = model.path().join(metadata.main.as_deref().unwrap_or_default());
            let loaded = riverrun::tabular::TreeModel::load(file).ok();
            loaded.and_then(|model| model.feature_names().map(<[String]>::to_vec)).unwrap_or_default()
        }
        inputs => inputs.iter().map(|input| input.name.clone()).collect(),
    }
}

/// The command for what a model is for.
pub(crate) fn right_command(model: &Model) -> &'static str {
    match model.metadata().task {
        _ if is_tabular(model) || is_bare_onnx(model) => "predict",
        // What is not known to be for anything is taken for a text classifier.
        None | Some(InferenceTask::TextClassification) => "classify",
        Some(InferenceTask::TokenClassification) => "ner",
        Some(InferenceTask::FeatureExtraction) => "embed",
        Some(InferenceTask::TextRanking) => "rerank",
        Some(_) => "predict",
    }
}
