//! What all inference tasks have in common.

use std::fmt::Debug;
use std::hash::Hash;
use std::path::Path;
use std::sync::Arc;

use riverrun_model::InferenceTask;
use riverrun_runner::wire::{Map, Payload, Portable};
use riverrun_runner::{ItemError, Runner, RunnerError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::text_model::ModelOptions;
use crate::InferenceError;
use crate::backend::Sharing;
use crate::tokenization::Truncation;

/// An inference task: a runnable that a model's directory is loaded as.
///
/// [`ModelExt::to_runner_for`](crate::ModelExt::to_runner_for) makes a runner of it.
pub trait Task: Portable<Input: Hash, Output: Clone + Sync> + Sized {
    /// How it is loaded, and what it does unless an item says otherwise.
    type Options: TaskOptions<Task = Self>;

    /// Its name.
    const TASK: InferenceTask;

    /// Whether a model that the store knows to be for `task` may be able to do this one.
    #[must_use]
    fn suits(task: InferenceTask) -> bool {
        task == Self::TASK
    }

    /// Loads the model in `directory`, with a copy of the weights of its own or the one that is in use.
    ///
    /// # Errors
    /// A file is missing, damaged or does not fit the others; the model is none that is implemented, or has no head for the task; an
    /// option is impossible for it.
    fn load_from(directory: &Path, options: Self::Options, sharing: Sharing) -> Result<Self, InferenceError>;

    /// Loads the model in `directory`: `config.json`, `tokenizer.json` and `model.safetensors`.
    ///
    /// # Errors
    /// As [`load_from`](Self::load_from).
    fn load(directory: impl AsRef<Path>, options: Self::Options) -> Result<Self, InferenceError> {
        Self::load_from(directory.as_ref(), options, Sharing::Own)
    }

    /// A runner of a model that this process does not have: to be bound to a service that has it, or to a process of its own. Its
    /// `init_local` is an error; a model of the store has [`ModelExt::to_runner_for`](crate::ModelExt::to_runner_for).
    fn runner(name: impl Into<String>) -> Runner<Self> {
        Self::runner_with(name, &Self::Options::default())
    }

    /// As [`runner`](Self::runner), with the options that the service is asked for with every item.
    fn runner_with(name: impl Into<String>, options: &Self::Options) -> Runner<Self> {
        let name = name.into();
        let runner: Arc<str> = name.as_str().into();
        let lazy = Runner::lazy(name.clone(), format!("{} {name} elsewhere", Self::TASK), move || {
            let reason = "it was made without a model; bind it to a service with `init_client(url)`, or make it with \
                          `to_runner()` of a model of the store";
            Err(RunnerError::Load { runner: runner.clone(), reason: reason.to_owned() })
        });
        lazy.parameters(options.parameters())
    }
}

/// The options of a [`Task`]; whoever has them knows the task.
pub trait TaskOptions: Clone + Debug + Default + Send + Sync + 'static {
    /// The task.
    type Task: Task<Options = Self>;

    /// What a service has to be asked for that loaded the model with its defaults.
    #[must_use]
    fn parameters(&self) -> Map;

    /// These options, changed to what `parameters` say, by the same names.
    ///
    /// # Errors
    /// A name is unknown, or its value is not of its kind.
    fn with_parameters(self, parameters: &Map) -> Result<Self, InferenceError>;
}

/// Options by name, of which each is taken once.
pub(crate) struct Given {
    map: Map,
    known: Vec<&'static str>,
}

impl Given {
    pub(crate) fn new(parameters: &Map) -> Self {
        Self { map: parameters.clone(), known: Vec::new() }
    }

    /// Sets `option` to the value under `name`, if there is one.
    pub(crate) fn set<T: DeserializeOwned>(
        &mut self, name: &'static str, option: &mut T,
    ) -> Result<(), InferenceError> {
        self.known.push(name);
        if let Some(value) = self.map.remove(name) {
            *option = serde_json::from_value(value)
                .map_err(|error| InferenceError::Option { name: name.to_owned(), problem: error.to_string() })?;
        }
        Ok(())
    }

    /// Sets what all models that take texts have in common; nothing is left then.
    pub(crate) fn done(mut self, model: &mut ModelOptions) -> Result<(), InferenceError> {
        let mut truncation = model.truncation == Truncation::On;
        self.set("truncation", &mut truncation)?;
        model.truncation = if truncation { Truncation::On } else { Truncation::Off };
        self.set("max_length", &mut model.max_length)?;
        self.set("precision", &mut model.precision)?;
        self.set("backend", &mut model.backend)?;
        self.nothing_else()
    }

    /// Nothing is left that no option took.
    pub(crate) fn nothing_else(self) -> Result<(), InferenceError> {
        match self.map.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => {
                let problem = format!("there is none of that name; there are {}", self.known.join(", "));
                Err(InferenceError::Option { name, problem })
            }
        }
    }
}

/// Those that have a value.
pub(crate) fn parameters(all: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Map {
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// An item that is a text, or an object with one.
pub(crate) fn text_or_object<T: DeserializeOwned + From<String>>(
    payload: Payload, wanted: &str,
) -> Result<T, ItemError> {
    match payload {
        Payload::Text(text) => Ok(text.into()),
        payload => object(payload, wanted),
    }
}

/// An item that is an object.
pub(crate) fn object<T: DeserializeOwned>(payload: Payload, wanted: &str) -> Result<T, ItemError> {
    match payload {
        Payload::Value(value @ Value::Object(_)) => {
            serde_json::from_value(value).map_err(|error| ItemError::new(format!("{error}; {wanted}")))
        }
        other => Err(ItemError::new(format!("{} came, but {wanted}", other.kind()))),
    }
}

/// An input as an object; as a text where that says it all.
pub(crate) fn to_payload<T: Serialize>(input: &T) -> Payload {
    match serde_json::to_value(input) {
        Ok(Value::Object(object)) if object.len() == 1 => match object.get("text") {
            Some(Value::String(text)) => Payload::Text(text.clone()),
            _ => Payload::Value(Value::Object(object)),
        },
        Ok(value) => Payload::Value(value),
        // A struct of strings, numbers and lists always is JSON.
        Err(error) => Payload::Text(error.to_string()),
    }
}
