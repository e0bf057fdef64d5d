//! From a model of the store to a runner.

use std::sync::Arc;

use riverrun_model::{Model, ModelFormat};
use riverrun_runner::{AnyRunner, Runner, RunnerError};

use crate::backend::Sharing;
use crate::tasks::{AnyRunnerOptions, to_any_runner};
use crate::{InferenceError, Task, TaskOptions, TextClassification, TextClassificationOptions};

/// Makes a [`Model`] into a [`Runner`].
///
/// ```no_run
/// use riverrun_inference::{ModelExt, SentenceEmbeddings, TokenClassificationOptions};
/// use riverrun_model::{ModelStore, TagRef};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = ModelStore::open_default()?;
///
/// // Text classification.
/// let runner = store.get(&TagRef::parse("tweet-sentiment:latest")?)?.to_runner()?;
/// runner.init_local()?;
/// println!("{:?}", runner.run("What a lovely day")?);
///
/// // Another task, by its type or by its options.
/// let embeddings = store.get(&TagRef::parse("minilm")?)?.to_runner_for::<SentenceEmbeddings>()?;
/// let entities = store.get(&TagRef::parse("ner")?)?.to_runner_with(TokenClassificationOptions::new())?;
/// # Ok(())
/// # }
/// ```
pub trait ModelExt {
    /// A runner of this model that classifies texts, with the default options.
    ///
    /// The model is loaded by `init_local`, which checks the hashes of its files, once per process however many runners
    /// there are of it.
    ///
    /// # Errors
    /// The store knows the model to be for another task than text classification.
    fn to_runner(&self) -> Result<Runner<TextClassification>, InferenceError> {
        self.to_runner_with(TextClassificationOptions::new())
    }

    /// A runner of this model for the task `T`, with its default options.
    ///
    /// # Errors
    /// The store knows the model to be for a task whose models can't do this one.
    fn to_runner_for<T: Task>(&self) -> Result<Runner<T>, InferenceError> {
        self.to_runner_with(T::Options::default())
    }

    /// A runner of this model for the task that the options are of.
    ///
    /// Whatever the task and the options, runners of one model share one copy of its weights.
    ///
    /// # Errors
    /// The store knows the model to be for a task whose models can't do this one.
    fn to_runner_with<O: TaskOptions>(&self, options: O) -> Result<Runner<O::Task>, InferenceError>;

    /// A loaded runner, without its types, for the task that the store knows the model to be for: what services and the command line
    /// need, who learn the task when they run.
    ///
    /// # Errors
    /// The task is none that is implemented, an option is unknown, the model cannot be loaded.
    fn to_any_runner(&self, options: &AnyRunnerOptions) -> Result<Arc<dyn AnyRunner>, InferenceError>;
}

impl ModelExt for Model {
    fn to_runner_with<O: TaskOptions>(&self, options: O) -> Result<Runner<O::Task>, InferenceError> {
        if let Some(task) = self.metadata().task
            && !O::Task::suits(task)
        {
            return Err(InferenceError::WrongTask {
                model: self.tag().to_string(),
                task: task.to_string(),
                wanted: O::Task::TASK.name(),
            });
        }
        match self.metadata().format {
            ModelFormat::Safetensors => {}
            other => {
                return Err(InferenceError::WrongFormat { model: self.tag().to_string(), format: other.name() });
            }
        }
        let (name, model) = (self.tag().to_string(), self.clone());
        // The path, since two stores may hold different models under one tag; the options' type tells the tasks apart.
        let key = format!("{} {options:?}", model.path().display());
        let (runner, parameters) = (name.clone(), options.parameters());
        let lazy = Runner::lazy(name, key, move || {
            let failed = |reason: String| RunnerError::Load { runner: runner.as_str().into(), reason };
            model.verify().map_err(|error| failed(error.to_string()))?;
            O::Task::load_from(model.path(), options.clone(), Sharing::Shared)
                .map_err(|error| failed(error.to_string()))
        });
        Ok(lazy.parameters(parameters))
    }

    fn to_any_runner(&self, options: &AnyRunnerOptions) -> Result<Arc<dyn AnyRunner>, InferenceError> {
        to_any_runner(self, options)
    }
}
