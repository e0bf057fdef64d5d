//! The native encoder: BERT and its like, computed packed.
//!
//! The tokens of all texts stand in one matrix without padding, so a linear layer is one product over all of them;
//! attention runs per text. The last layer computes only the first token of each text after its keys and values.

mod architecture;
mod config;
mod forward;
mod layer;
mod linear;
mod sharing;
mod weights;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use riverrun_runner::Compute;

pub use config::EncoderConfig;

use self::architecture::Architecture;
use self::forward::Scratch;
use self::layer::{Layer, load_norm};
use self::linear::Linear;
use self::weights::Weights;
use crate::InferenceError;
use crate::backend::{Backend, Output, PackedBatch};
use crate::kernels::{Activation, Cpu, LayerNorm};

/// Tokens that are computed at once: enough to keep a panel of weights busy, few enough for the cache.
const CHUNK_TOKENS: usize = 256;

/// A sequence classifier of the BERT family, in f32.
pub struct Encoder {
    config: EncoderConfig,
    cpu: Cpu,
    words: Vec<f32>,
    positions: Vec<f32>,
    /// `[types, hidden]`; empty where the architecture has none.
    types: Vec<f32>,
    norm: LayerNorm,
    layers: Vec<Layer>,
    pooler: Linear,
    pooler_activation: Activation,
    classifier: Linear,
    scratch: Mutex<Vec<Scratch>>,
}

impl Encoder {
    /// Loads the classifier in `directory`, for the instructions of `cpu`.
    ///
    /// # Errors
    /// A file is missing or damaged, or the model is none that is implemented.
    pub fn load(directory: &Path, config: EncoderConfig, cpu: Cpu) -> Result<Self, InferenceError> {
        let names = config.architecture.names();
        let mut weights = Weights::open(directory, config.architecture.name(), names.prefix)?;
        let weights = &mut weights;
        let (hidden, labels) = (config.hidden, config.labels);
        let rows = weights.rows("classifier.weight")?;
        if rows != labels {
            let (path, tensor) = (config.path.clone(), "classifier.weight".to_owned());
            return Err(InferenceError::Labels { path, labels, tensor, rows });
        }
        let words = weights.tensor("embeddings.word_embeddings.weight", &[config.vocabulary, hidden])?;
        let positions = weights.tensor("embeddings.position_embeddings.weight", &[config.positions, hidden])?;
        let (types, pooler_activation) = match config.architecture {
            Architecture::Bert => {
                let types = weights.tensor("embeddings.token_type_embeddings.weight", &[config.types, hidden])?;
                (types, Activation::Tanh)
            }
            Architecture::DistilBert => (Vec::new(), Activation::Relu),
        };
        let norm = load_norm(weights, "embeddings.LayerNorm", &config)?;
        let layers =
            (0..config.layers).map(|index| Layer::load(weights, &names, &config, index)).collect::<Result<_, _>>()?;
        let pooler = Linear::load(weights, names.pooler, hidden, hidden)?;
        let classifier = Linear::load(weights, "classifier", hidden, labels)?;
        let scratch = Mutex::default();
        Ok(Self { config, cpu, words, positions, types, norm, layers, pooler, pooler_activation, classifier, scratch })
    }

    /// The model's configuration.
    #[must_use]
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    fn check(&self, batch: &PackedBatch) -> Result<(), InferenceError> {
        let problem = |problem: String| Err(InferenceError::Batch { problem });
        if let Some(id) = batch.ids().iter().find(|&&id| id as usize >= self.config.vocabulary) {
            return problem(format!("token {id} is beyond the vocabulary of {}", self.config.vocabulary));
        }
        let types = if self.types.is_empty() { usize::MAX } else { self.config.types };
        if let Some(id) = batch.type_ids().iter().find(|&&id| id as usize >= types) {
            return problem(format!("type {id} of a text pair is beyond the {types} types it was trained with"));
        }
        if batch.type_ids().len() != batch.ids().len() {
            return problem("there is not one type per token".to_owned());
        }
        for text in batch.offsets().windows(2) {
            match text[1] - text[0] {
                0 => return problem("a text has no tokens at all".to_owned()),
                tokens if tokens > self.config.positions => {
                    return problem(format!("a text has {tokens} tokens, and {} is the most", self.config.positions));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Backend for Encoder {
    fn vocabulary(&self) -> usize {
        self.config.vocabulary
    }

    fn max_tokens(&self) -> usize {
        self.config.positions
    }

    fn width(&self, output: Output<'_>) -> Option<usize> {
        matches!(output, Output::TextLogits).then_some(self.config.labels)
    }

    fn compute(&self, batch: &PackedBatch, output: Output<'_>, compute: &Compute) -> Result<Vec<f32>, InferenceError> {
        let Some(labels) = self.width(output) else {
            return Err(InferenceError::Batch { problem: "the model has no such output".to_owned() });
        };
        self.check(batch)?;
        let mut logits = vec![0.0; batch.sequences() * labels];
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let offsets = batch.offsets();
        let mut first = 0;
        while first < batch.sequences() {
            let mut end = first + 1;
            while end < batch.sequences() && offsets[end + 1] - offsets[first] <= CHUNK_TOKENS {
                end += 1;
            }
            let out = &mut logits[first * labels..end * labels];
            self.forward(batch, first..end, &mut scratch, out, compute);
            first = end;
        }
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        Ok(logits)
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Encoder").field("config", &self.config).field("cpu", &self.cpu).finish_non_exhaustive()
    }
}
