//! A model and its tokenizer, as the tasks load them.

use std::path::Path;
use std::sync::Arc;

use riverrun_runner::{Compute, ItemError};

use crate::InferenceError;
use crate::backend::{self, AskedBackend, Backend, Output, PackedBatch, Rows, Sharing, Tokens};
use crate::config::ModelConfig;
use crate::encoder::Precision;
use crate::kernels::Cpu;
use crate::tokenization::{Cut, Limits, TextTokenizer, Truncation};

/// How a model is loaded, whatever its task.
#[derive(Debug, Clone, Default)]
pub(crate) struct ModelOptions {
    pub(crate) truncation: Truncation,
    pub(crate) max_length: Option<usize>,
    pub(crate) cpu: Option<Cpu>,
    pub(crate) precision: Option<Precision>,
    pub(crate) backend: AskedBackend,
}

impl ModelOptions {
    /// What a service that loaded the model with other options has to be asked for. It refuses what it can only be told when it
    /// loads the model, so that nobody gets another answer than they asked for.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'static str, Option<serde_json::Value>)> {
        let truncation = matches!(self.truncation, Truncation::Off).then_some(serde_json::Value::Bool(false));
        let precision = self.precision.filter(|&precision| precision != Precision::F32);
        let precision = precision.map(|precision| precision.name().into());
        [("truncation", truncation), ("max_length", self.max_length.map(Into::into)), ("precision", precision)]
            .into_iter()
    }
}

/// The methods that all options have.
macro_rules! model_options {
    ($options:ident) => {
        impl $options {
            /// Whether a text that is too long is cut (the default) or an error.
            #[must_use]
            pub fn truncation(mut self, truncation: bool) -> Self {
                use $crate::tokenization::Truncation;
                self.model.truncation = if truncation { Truncation::On } else { Truncation::Off };
                self
            }

            /// Tokens at which a text is cut, special ones included, instead of the model's maximum.
            #[must_use]
            pub fn max_length(mut self, tokens: usize) -> Self {
                self.model.max_length = Some(tokens);
                self
            }

            /// The instructions to use, instead of the highest level of this CPU or what `RIVERRUN_CPU` says.
            #[must_use]
            pub fn cpu(mut self, cpu: $crate::kernels::Cpu) -> Self {
                self.model.cpu = Some(cpu);
                self
            }

            /// The numbers to compute with, instead of those that the weights are stored in: 32-bit floats, unless the model was
            /// quantized ahead.
            #[must_use]
            pub fn precision(mut self, precision: $crate::encoder::Precision) -> Self {
                self.model.precision = Some(precision);
                self
            }

            /// What computes a model whose weights are in ONNX, instead of the one that is chosen for it.
            #[must_use]
            pub fn backend(mut self, backend: $crate::backend::AskedBackend) -> Self {
                self.model.backend = backend;
                self
            }
        }
    };
}
pub(crate) use model_options;

/// What of a text's tokenization a task asks for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tokenization {
    /// Which text of a pair is cut.
    pub(crate) cut: Cut,
    /// Tokens that the parts of a long text have in common.
    pub(crate) stride: Option<usize>,
    /// A limit that the task has, below that of the model.
    pub(crate) most: Option<usize>,
}

/// A model that takes texts.
pub(crate) struct TextModel {
    pub(crate) config: ModelConfig,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) tokenizer: TextTokenizer,
    pub(crate) cpu: Cpu,
}

impl TextModel {
    pub(crate) fn load(
        directory: &Path, options: &ModelOptions, tokenization: Tokenization, sharing: Sharing,
    ) -> Result<Self, InferenceError> {
        let cpu = options.cpu.map_or_else(Cpu::chosen, Ok)?;
        let config = ModelConfig::read(directory)?;
        let backend = backend::open(directory, &config, cpu, options.precision, options.backend, sharing)?;
        let tokenizer = tokenizer(&*backend, directory, options, tokenization)?;
        Ok(Self { config, backend, tokenizer, cpu })
    }

    /// Another tokenizer of the model.
    pub(crate) fn tokenizer_with(
        &self, directory: &Path, options: &ModelOptions, tokenization: Tokenization,
    ) -> Result<TextTokenizer, InferenceError> {
        tokenizer(&*self.backend, directory, options, tokenization)
    }

    /// The width of `output`, which `task` can't do without.
    pub(crate) fn width(
        &self, output: Output<'_>, task: &'static str, wanted: &'static str,
    ) -> Result<usize, InferenceError> {
        self.backend.width(output).ok_or_else(|| InferenceError::NoHead {
            path: self.config.path().to_owned(),
            found: self.config.architectures().join(", "),
            task,
            wanted,
        })
    }

    /// The labels' logits of each text.
    pub(crate) fn text_logits<'a>(
        &self, texts: impl IntoIterator<Item = &'a Tokens>, compute: &Compute,
    ) -> Result<Vec<f32>, ItemError> {
        self.compute(&PackedBatch::new(texts), Output::TextLogits, compute)
    }

    /// The logits of each token.
    pub(crate) fn token_logits<'a>(
        &self, texts: impl IntoIterator<Item = &'a Tokens>, compute: &Compute,
    ) -> Result<Vec<f32>, ItemError> {
        self.compute(&PackedBatch::new(texts), Output::TokenLogits(Rows::EveryToken), compute)
    }

    pub(crate) fn compute(
        &self, batch: &PackedBatch, output: Output<'_>, compute: &Compute,
    ) -> Result<Vec<f32>, ItemError> {
        self.backend.compute(batch, output, compute).map_err(item)
    }
}

fn tokenizer(
    backend: &dyn Backend, directory: &Path, options: &ModelOptions, tokenization: Tokenization,
) -> Result<TextTokenizer, InferenceError> {
    let mut most = backend.max_tokens();
    // A text that the caller wants cut elsewhere may be longer than the task would have it.
    if options.max_length.is_none() {
        most = tokenization.most.map_or(most, |own| own.min(most));
    }
    let limits = Limits {
        max_length: options.max_length,
        truncation: options.truncation,
        cut: tokenization.cut,
        stride: tokenization.stride,
    };
    TextTokenizer::load_with(directory, backend.vocabulary(), most, limits)
}

/// What went wrong, for the person who sent the item.
pub(crate) fn item(error: InferenceError) -> ItemError {
    ItemError::new(error.to_string())
}

/// Results that are no numbers are no answers.
pub(crate) fn finite(values: &[f32]) -> Result<(), ItemError> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(ItemError::new("the model's result for this text is not a number; its weights overflow or are damaged"))
}

/// Between 0 and 1, 0.5 for 0.
pub(crate) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// The largest, the first of several.
pub(crate) fn best(scores: &[f32]) -> usize {
    let mut best = 0;
    for (index, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = index;
        }
    }
    best
}
