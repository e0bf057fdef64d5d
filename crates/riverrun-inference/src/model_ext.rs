//! From a model of the store to a runner.

use std::sync::Arc;

use riverrun_model::{Model, ModelFormat};
use riverrun_runner::{AnyRunner, Runner, RunnerError};

use crate::backend::Sharing;
use crate::tasks::feature_extraction::takes_text;
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
    /// With the features `onnx` and `tabular` it is a runner of any model of the store: of an ONNX model that is for no task it is one over
    /// named tensors, of a tree ensemble one of rows.
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
        if let Some(problem) = unreadable(self) {
            let (model, format) = (self.tag().to_string(), self.metadata().format.name());
            return Err(InferenceError::WrongFormat { model, format, problem });
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

/// Why no task can read the model's files.
fn unreadable(model: &Model) -> Option<&'static str> {
    let has_tokenizer = || model.file("tokenizer.json").is_ok();
    match model.metadata().format {
        ModelFormat::Safetensors => None,
        ModelFormat::Onnx if !cfg!(feature = "onnx") => {
            Some("and this program was built without it; build it with the feature `onnx`")
        }
        ModelFormat::Onnx if model.metadata().task.is_none_or(takes_text) && !has_tokenizer() => Some(
            "and has no tokenizer.json, without which it reads no texts: import it with the tokenizer.json and config.json that \
             were published with it, or give it tensors with `riverrun predict` or `riverrun_onnx`",
        ),
        ModelFormat::Onnx => None,
        _ => Some("which is for rows of tables and not for texts; `riverrun predict` and `riverrun_tabular` run it"),
    }
}
