//! Values of a `config.json` under the names that families have for them.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::InferenceError;
use crate::config::ModelConfig;
use crate::kernels::Activation;

/// The values of a configuration.
pub(super) struct Fields<'a> {
    path: &'a Path,
    value: &'a Value,
}

impl<'a> Fields<'a> {
    pub(super) fn new(config: &'a ModelConfig) -> Self {
        Self { path: config.path(), value: config.value() }
    }

    pub(super) fn problem<T>(&self, problem: String) -> Result<T, InferenceError> {
        Err(InferenceError::Config { path: self.path.to_owned(), problem })
    }

    /// The value under the first of `names` that has one; `null` is none.
    pub(super) fn get<T: DeserializeOwned>(&self, names: &[&str]) -> Result<Option<T>, InferenceError> {
        let found = names.iter().find_map(|name| Some((name, self.value.get(name).filter(|value| !value.is_null())?)));
        let Some((name, value)) = found else { return Ok(None) };
        match T::deserialize(value) {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.problem(format!("`{name}` is not as it should be: {error}; correct it")),
        }
    }

    pub(super) fn or<T: DeserializeOwned>(&self, names: &[&str], default: T) -> Result<T, InferenceError> {
        Ok(self.get(names)?.unwrap_or(default))
    }

    /// A size that a model can't do without.
    pub(super) fn size(&self, names: &[&str], what: &str) -> Result<usize, InferenceError> {
        match self.get(names)? {
            Some(0) => self.problem(format!("the {what} is 0; a model needs at least 1")),
            Some(size) => Ok(size),
            None => {
                let name = names.first().copied().unwrap_or_default();
                self.problem(format!(
                    "`{name}`, the {what}, is missing; take the file that was published with the model"
                ))
            }
        }
    }

    pub(super) fn activation(&self, names: &[&str], default: &str) -> Result<Activation, InferenceError> {
        let name: String = self.or(names, default.to_owned())?;
        Ok(match name.as_str() {
            "gelu" | "gelu_python" => Activation::Gelu,
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" | "gelu_accurate" => Activation::GeluTanh,
            "relu" => Activation::Relu,
            "silu" | "swish" => Activation::Silu,
            "tanh" => Activation::Tanh,
            "linear" => Activation::Identity,
            _ => {
                return self.problem(format!(
                    "activation `{name}` is not implemented; those implemented are gelu, gelu_python, gelu_new, \
                     gelu_fast, gelu_pytorch_tanh, gelu_accurate, relu, silu, swish, tanh and linear"
                ));
            }
        })
    }
}
