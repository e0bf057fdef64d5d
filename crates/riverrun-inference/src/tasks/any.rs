//! A runner of whatever a model is for.

use std::sync::Arc;

#[cfg(any(feature = "onnx", feature = "tabular"))]
use riverrun_model::ModelFormat;
use riverrun_model::{InferenceTask, Model};
use riverrun_runner::wire::Map;
use riverrun_runner::{AnyRunner, Batching};

use super::feature_extraction::FeatureExtraction;
use super::fill_mask::FillMask;
use super::question_answering::QuestionAnswering;
use super::sentence_embeddings::SentenceEmbeddings;
use super::task::{Task, TaskOptions};
use super::text_classification::TextClassification;
use super::text_ranking::TextRanking;
use super::token_classification::TokenClassification;
use super::zero_shot_classification::ZeroShotClassification;
use crate::{InferenceError, ModelExt};

/// Options of [`ModelExt::to_any_runner`].
#[derive(Debug, Clone, Default)]
pub struct AnyRunnerOptions {
    task: Option<InferenceTask>,
    parameters: Map,
    batching: Batching,
    cached: usize,
}

impl AnyRunnerOptions {
    /// The defaults: the task that the store knows the model to be for, with its own defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another task than the one that the store knows, which the model can do, too.
    #[must_use]
    pub fn task(mut self, task: InferenceTask) -> Self {
        self.task = Some(task);
        self
    }

    /// Options of the task by their names, such as `top_k` or `aggregation_strategy`.
    #[must_use]
    pub fn parameters(mut self, parameters: Map) -> Self {
        self.parameters = parameters;
        self
    }

    /// How requests are batched.
    #[must_use]
    pub fn batching(mut self, batching: Batching) -> Self {
        self.batching = batching;
        self
    }

    /// How many results are remembered: see [`Runner::cached`](riverrun_runner::Runner::cached). Of tensors and tables none are.
    #[must_use]
    pub fn cached(mut self, entries: usize) -> Self {
        self.cached = entries;
        self
    }
}

pub(crate) fn to_any_runner(model: &Model, options: &AnyRunnerOptions) -> Result<Arc<dyn AnyRunner>, InferenceError> {
    let metadata = model.metadata();
    let task = options.task.or(metadata.task);
    match (metadata.format, task) {
        #[cfg(feature = "tabular")]
        (ModelFormat::Xgboost | ModelFormat::Lightgbm, _) => bare::tabular(model, options),
        #[cfg(feature = "onnx")]
        (ModelFormat::Onnx, task) if !bare::is_for_task(model, task) => bare::onnx(model, options),
        (_, task) => of_task(model, options, task.unwrap_or(InferenceTask::TextClassification)),
    }
}

fn of_task(
    model: &Model, options: &AnyRunnerOptions, task: InferenceTask,
) -> Result<Arc<dyn AnyRunner>, InferenceError> {
    match task {
        InferenceTask::TextClassification => load::<TextClassification>(model, options),
        InferenceTask::TokenClassification => load::<TokenClassification>(model, options),
        // Who saved a model with `sentence-transformers` wants one vector for a text.
        InferenceTask::FeatureExtraction if model.path().join("modules.json").exists() => {
            load::<SentenceEmbeddings>(model, options)
        }
        InferenceTask::FeatureExtraction => load::<FeatureExtraction>(model, options),
        InferenceTask::ZeroShotClassification => load::<ZeroShotClassification>(model, options),
        InferenceTask::FillMask => load::<FillMask>(model, options),
        InferenceTask::QuestionAnswering => load::<QuestionAnswering>(model, options),
        InferenceTask::TextRanking => load::<TextRanking>(model, options),
        #[cfg(feature = "onnx")]
        InferenceTask::ImageClassification => load::<super::image_classification::ImageClassification>(model, options),
        other => Err(InferenceError::WrongTask {
            model: model.tag().to_string(),
            task: other.to_string(),
            wanted: "one of those that are implemented for its format",
        }),
    }
}

fn load<T: Task>(model: &Model, options: &AnyRunnerOptions) -> Result<Arc<dyn AnyRunner>, InferenceError> {
    let own = T::Options::default().with_parameters(&options.parameters)?;
    let runner = model.to_runner_with(own)?.batching(options.batching.clone()).cached(options.cached);
    runner.ensure_local()?;
    Ok(runner.erased())
}

/// Models without a task of this crate: they take what their files declare.
#[cfg(any(feature = "onnx", feature = "tabular"))]
mod bare {
    use super::*;
    use crate::tasks::feature_extraction::takes_text;
    use crate::tasks::task::Given;
    use riverrun_runner::wire::Portable;
    use riverrun_runner::{Runner, RunnerError};

    /// Whether the task's files are beside the graph.
    #[cfg(feature = "onnx")]
    pub(super) fn is_for_task(model: &Model, task: Option<InferenceTask>) -> bool {
        match task {
            Some(InferenceTask::ImageClassification) => model.file("preprocessor_config.json").is_ok(),
            Some(task) => takes_text(task) && model.file("tokenizer.json").is_ok(),
            None => false,
        }
    }

    #[cfg(feature = "onnx")]
    pub(super) fn onnx(model: &Model, options: &AnyRunnerOptions) -> Result<Arc<dyn AnyRunner>, InferenceError> {
        let mut given = Given::new(&options.parameters);
        let mut backend = crate::backend::AskedBackend::default();
        given.set("backend", &mut backend)?;
        given.nothing_else()?;
        runner(model, options, move |path| crate::backend::onnx::load(path, backend.onnx()))
    }

    #[cfg(feature = "tabular")]
    pub(super) fn tabular(model: &Model, options: &AnyRunnerOptions) -> Result<Arc<dyn AnyRunner>, InferenceError> {
        use riverrun_tabular::{TreeModel, TreeOptions};

        let mut given = Given::new(&options.parameters);
        let (mut raw, mut rounds) = (false, None);
        given.set("raw_scores", &mut raw)?;
        given.set("rounds", &mut rounds)?;
        given.nothing_else()?;
        let mut own = TreeOptions::new();
        if raw {
            own = own.raw_scores();
        }
        if let Some(rounds) = rounds {
            own = own.rounds(rounds);
        }
        runner(model, options, move |path| Ok(TreeModel::load_with(path, &own)?))
    }

    fn runner<R: Portable>(
        model: &Model, options: &AnyRunnerOptions,
        load: impl Fn(&std::path::Path) -> Result<R, InferenceError> + Send + Sync + 'static,
    ) -> Result<Arc<dyn AnyRunner>, InferenceError> {
        let (name, model) = (model.tag().to_string(), model.clone());
        let key = format!("{} {:?}", model.path().display(), options.parameters);
        let loaded = name.clone();
        let runner = Runner::lazy(name, key, move || {
            let failed = |reason: String| RunnerError::Load { runner: loaded.as_str().into(), reason };
            model.verify().map_err(|error| failed(error.to_string()))?;
            let main = model.metadata().main.as_deref().unwrap_or_default();
            load(&model.path().join(main)).map_err(|error| failed(error.to_string()))
        });
        let runner = runner.batching(options.batching.clone());
        runner.ensure_local()?;
        Ok(runner.erased())
    }
}
