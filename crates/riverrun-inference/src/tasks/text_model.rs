//! A model and its tokenizer, as the tasks load them.

use std::path::Path;
use std::sync::Arc;

use crate::InferenceError;
use crate::backend::{self, Backend, Sharing};
use crate::config::ModelConfig;
use crate::encoder::{Arithmetic, Precision};
use crate::kernels::Cpu;
use crate::tokenization::{TextTokenizer, Truncation};

/// How a model is loaded, whatever its task.
#[derive(Debug, Clone, Default)]
pub(crate) struct ModelOptions {
    pub(crate) truncation: Truncation,
    pub(crate) max_length: Option<usize>,
    pub(crate) cpu: Option<Cpu>,
    pub(crate) precision: Precision,
}

/// A model that takes texts.
pub(crate) struct TextModel {
    pub(crate) config: ModelConfig,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) tokenizer: TextTokenizer,
    pub(crate) cpu: Cpu,
}

impl TextModel {
    pub(crate) fn load(directory: &Path, options: &ModelOptions, sharing: Sharing) -> Result<Self, InferenceError> {
        let cpu = options.cpu.map_or_else(Cpu::chosen, Ok)?;
        let config = ModelConfig::read(directory)?;
        let backend = backend::open(directory, &config, Arithmetic { cpu, precision: options.precision }, sharing)?;
        let (vocabulary, most) = (backend.vocabulary(), backend.max_tokens());
        let tokenizer = TextTokenizer::load(directory, vocabulary, most, options.max_length, options.truncation)?;
        Ok(Self { config, backend, tokenizer, cpu })
    }
}
