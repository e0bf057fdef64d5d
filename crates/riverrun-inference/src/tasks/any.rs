//! A runner of whatever a model is for.

use std::sync::Arc;

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
}

pub(crate) fn to_any_runner(model: &Model, options: &AnyRunnerOptions) -> Result<Arc<dyn AnyRunner>, InferenceError> {
    let task = options.task.or(model.metadata().task).unwrap_or(InferenceTask::TextClassification);
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
        other => Err(InferenceError::WrongTask {
            model: model.tag().to_string(),
            task: other.to_string(),
            wanted: "one of those that are implemented for texts",
        }),
    }
}

fn load<T: Task>(model: &Model, options: &AnyRunnerOptions) -> Result<Arc<dyn AnyRunner>, InferenceError> {
    let own = T::Options::default().with_parameters(&options.parameters)?;
    let runner = model.to_runner_with(own)?.batching(options.batching.clone());
    runner.ensure_local()?;
    Ok(runner.erased())
}
