//! From a model of the store to a runner.

use riverrun_model::{InferenceTask, Model};
use riverrun_runner::{Runner, RunnerError};

use crate::backend::Sharing;
use crate::{InferenceError, TextClassification, TextClassificationOptions};

/// Makes a [`Model`] into a [`Runner`].
///
/// ```no_run
/// use riverrun_inference::ModelExt;
/// use riverrun_model::{ModelStore, TagRef};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let model = ModelStore::open_default()?.get(&TagRef::parse("tweet-sentiment:latest")?)?;
/// let runner = model.to_runner()?;
/// runner.init_local()?;
/// println!("{:?}", runner.run("What a lovely day")?);
/// # Ok(())
/// # }
/// ```
pub trait ModelExt {
    /// A runner of this model with the default options.
    ///
    /// The model is loaded by `init_local`, which checks the hashes of its files, once per process however many runners
    /// there are of it.
    ///
    /// # Errors
    /// The store knows the model to be for another task than text classification.
    fn to_runner(&self) -> Result<Runner<TextClassification>, InferenceError>;

    /// A runner of this model with these options.
    ///
    /// Whatever the options, runners of one model share one copy of its weights.
    ///
    /// # Errors
    /// The store knows the model to be for another task than text classification.
    fn to_runner_with(&self, options: TextClassificationOptions) -> Result<Runner<TextClassification>, InferenceError>;
}

impl ModelExt for Model {
    fn to_runner(&self) -> Result<Runner<TextClassification>, InferenceError> {
        self.to_runner_with(TextClassificationOptions::new())
    }

    fn to_runner_with(&self, options: TextClassificationOptions) -> Result<Runner<TextClassification>, InferenceError> {
        match self.metadata().task {
            None | Some(InferenceTask::TextClassification) => {}
            Some(task) => {
                let (model, task) = (self.tag().to_string(), task.to_string());
                return Err(InferenceError::WrongTask {
                    model,
                    task,
                    wanted: InferenceTask::TextClassification.name(),
                });
            }
        }
        let (name, model) = (self.tag().to_string(), self.clone());
        // The path, since two stores may hold different models under one tag.
        let key = format!("{} {options:?}", model.path().display());
        let (runner, parameters) = (name.clone(), options.parameters());
        let lazy = Runner::lazy(name, key, move || {
            let failed = |reason: String| RunnerError::Load { runner: runner.as_str().into(), reason };
            model.verify().map_err(|error| failed(error.to_string()))?;
            TextClassification::load_from(model.path(), options.clone(), Sharing::Shared)
                .map_err(|error| failed(error.to_string()))
        });
        Ok(lazy.parameters(parameters))
    }
}
