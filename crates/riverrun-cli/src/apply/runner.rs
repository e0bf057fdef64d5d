//! Where results come from: a model in this process, or a service.

use std::sync::Arc;
use std::time::Instant;

use indicatif::DecimalBytes;
use riverrun::inference::{AnyRunnerOptions, InferenceError, ModelConfig, ModelExt, Precision, Task, TaskOptions};
use riverrun::model::{InferenceTask, Model, ModelFormat, TagRef};
use riverrun::prelude::*;
use riverrun::runner::wire::Map;
use riverrun::runner::{AnyRunner, RunnerError};

use super::command::{Applied, right_command};
use crate::failure::{Failure, Result, say};

/// Loads the model, after seeing that it is for this command, and says what it is.
pub(super) fn of_model(command: &Applied, tag: &TagRef, model: &Model, parameters: &Map) -> Result<Arc<dyn AnyRunner>> {
    if !command.suits(model) {
        let purpose =
            model.metadata().task.map_or_else(|| model.metadata().format.to_string(), |task| task.to_string());
        return Err(Failure::Usage(format!(
            "`{}` is for {purpose}, which `riverrun {}` does not do; `riverrun {}` does",
            model.tag(),
            command.name,
            right_command(model)
        )));
    }
    let start = Instant::now();
    let runner = (command.load)(model, parameters, command.task).map_err(of_inference)?;
    let exact = if tag.exact().is_none() { format!("version {}, ", model.tag().version()) } else { String::new() };
    let asked = parameters.get("precision").and_then(|name| name.as_str()).map(str::to_owned);
    let stored = || stored_precision(model).map(|precision| precision.to_string());
    let precision = asked.or_else(stored).map_or(String::new(), |name| format!("{name}, "));
    let size = DecimalBytes(model.metadata().size());
    say(format_args!("{tag} ({exact}{precision}{size}) loaded in {} ms", start.elapsed().as_millis()));
    Ok(runner)
}

/// The precision of weights that were rounded ahead; such a model is computed in no other.
pub(crate) fn stored_precision(model: &Model) -> Option<Precision> {
    let is_of_encoder = model.metadata().format == ModelFormat::Safetensors;
    is_of_encoder.then(|| ModelConfig::read(model.path()).ok()?.precision()).flatten()
}

/// What a person asked for wrongly is wrong usage.
pub(crate) fn of_inference(error: InferenceError) -> Failure {
    match error {
        InferenceError::Store(error) => error.into(),
        InferenceError::Option { .. } | InferenceError::WrongTask { .. } | InferenceError::CannotQuantize { .. } => {
            Failure::Usage(error.to_string())
        }
        // What a program has to call again, a person does not.
        InferenceError::Runner(RunnerError::Load { reason, .. }) => Failure::Failed(reason),
        other => Failure::failed(other),
    }
}

/// Loads a model for the task `T`.
pub(super) fn load<T: Task>(
    model: &Model, parameters: &Map, _: Option<InferenceTask>,
) -> std::result::Result<Arc<dyn AnyRunner>, InferenceError> {
    let runner = model.to_runner_with(T::Options::default().with_parameters(parameters)?)?;
    runner.ensure_local()?;
    Ok(runner.erased())
}

/// Loads a model for whatever it is for.
pub(super) fn load_any(
    model: &Model, parameters: &Map, task: Option<InferenceTask>,
) -> std::result::Result<Arc<dyn AnyRunner>, InferenceError> {
    let options = AnyRunnerOptions::new().parameters(parameters.clone());
    model.to_any_runner(&task.into_iter().fold(options, AnyRunnerOptions::task))
}

/// A runner that a service answers for, after saying what it is.
pub(super) fn of_service<T: Task>(url: &str, model: Option<&TagRef>, parameters: &Map) -> Result<Arc<dyn AnyRunner>> {
    let name = model.map_or(T::TASK.name(), TagRef::name);
    let options = T::Options::default().with_parameters(parameters).map_err(of_inference)?;
    let runner = T::runner_with(name, &options);
    let client = runner.init_client(url).map_err(Failure::failed)?;
    let info = client.info();
    let model = info.model.map_or(String::new(), |model| format!(" serves {model},"));
    let protocol = info.protocol.map_or(String::new(), |protocol| format!(" spoken to in {protocol}"));
    say(format_args!("{url}{model}{protocol}"));
    Ok(runner.erased())
}

/// Whether a model may do the task `T`, as far as the store knows.
pub(super) fn suits<T: Task>(model: &Model) -> bool {
    let metadata = model.metadata();
    let is_of_texts = matches!(metadata.format, ModelFormat::Safetensors) || model.file("tokenizer.json").is_ok();
    is_of_texts && metadata.task.is_none_or(T::suits)
}

/// Whether a model is for this task.
pub(super) fn is_for(model: &Model, task: InferenceTask) -> bool {
    model.metadata().task == Some(task)
}
