//! The native encoder: BERT and its like, computed packed.
//!
//! The tokens of all texts stand in one matrix without padding, so a linear layer is one product over all of them;
//! attention runs per text. Where one token of each text is read, the last layer computes only that one after its keys and values.

mod architecture;
mod config;
mod convolution;
mod details;
mod embeddings;
mod fields;
mod forward;
mod head;
mod layer;
mod linear;
mod norm;
mod packed_file;
mod positions;
mod precision;
mod quantized;
mod rows;
mod sharing;
mod stored_tensor;
mod table;
mod tensor_file;
mod weights;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use riverrun_runner::Compute;

pub use config::EncoderConfig;
pub use precision::{Arithmetic, Precision, computes_bf16};

use self::architecture::Family;
pub(crate) use self::architecture::HeadKind;
use self::convolution::Convolution;
use self::embeddings::Embeddings;
use self::forward::{Read, Scratch};
use self::head::Head;
use self::layer::Layers;
use self::norm::load_norm;
use self::stored_tensor::StoredTensor;
pub(crate) use self::stored_tensor::write_tensors;
use self::weights::Weights;
use crate::InferenceError;
use crate::backend::{Backend, Output, PackedBatch, Rows};
use crate::kernels::{Cpu, LayerNorm, begin_region};

/// Tokens that are computed at once: enough to keep a panel of weights busy, few enough for the cache.
const CHUNK_TOKENS: usize = 256;

/// An encoder of the BERT family with its head.
pub struct Encoder {
    config: EncoderConfig,
    cpu: Cpu,
    embeddings: Embeddings,
    layers: Layers,
    convolution: Option<Convolution>,
    final_norm: Option<LayerNorm>,
    head: Option<Head>,
    scratch: Mutex<Vec<Scratch>>,
}

impl Encoder {
    /// Loads the model in `directory`, for this arithmetic.
    ///
    /// # Errors
    /// A file is missing or damaged, or the model is none that is implemented; its weights are stored in another precision.
    pub fn load(directory: &Path, config: EncoderConfig, arithmetic: Arithmetic) -> Result<Self, InferenceError> {
        let mut weights = Weights::open(directory, &config, arithmetic)?;
        Self::of(&mut weights, config, arithmetic.cpu)
    }

    /// The tensors of the model in `directory` as they are stored when its weights are rounded ahead.
    pub(crate) fn rounded(
        directory: &Path, config: EncoderConfig, arithmetic: Arithmetic,
    ) -> Result<Vec<StoredTensor>, InferenceError> {
        let mut weights = Weights::open(directory, &config, arithmetic)?;
        weights.record();
        // So that exactly what is read by whoever loads it is stored, whatever the architecture.
        Self::of(&mut weights, config, arithmetic.cpu)?;
        weights.recorded()
    }

    fn of(weights: &mut Weights, config: EncoderConfig, cpu: Cpu) -> Result<Self, InferenceError> {
        begin_region();
        let embeddings = Embeddings::load(weights, &config)?;
        let head = Head::load(weights, &config, embeddings.words())?;
        let convolution = Convolution::load(weights, &config)?;
        let layers = Layers::load(weights, &config)?;
        let final_norm = match config.family() {
            Family::ModernBert => Some(load_norm(weights, "final_norm", config.hidden, &config)?),
            _ => None,
        };
        Ok(Self { config, cpu, embeddings, layers, convolution, final_norm, head, scratch: Mutex::default() })
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
        // Where there is one type, every token has it, whatever its tokenizer says: RoBERTa's models are never told types.
        let types = if self.config.types > 1 && self.embeddings.has_types() { self.config.types } else { usize::MAX };
        if let Some(id) = batch.type_ids().iter().find(|&&id| id as usize >= types) {
            return problem(format!("type {id} of a text pair is beyond the {types} types it was trained with"));
        }
        if batch.type_ids().len() != batch.ids().len() {
            return problem("there is not one type per token".to_owned());
        }
        let most = self.config.max_tokens();
        for text in batch.offsets().windows(2) {
            match text[1] - text[0] {
                0 => return problem("a text has no tokens at all".to_owned()),
                tokens if tokens > most => {
                    return problem(format!("a text has {tokens} tokens, and {most} is the most"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Which hidden states `output` reads.
    fn read<'a>(&self, batch: &PackedBatch, output: Output<'a>) -> Result<Read<'a>, InferenceError> {
        let rows = match output {
            Output::TextLogits if self.head.as_ref().is_some_and(|head| head.mean) => return Ok(Read::Mean),
            Output::TextLogits => return Ok(Read::First),
            Output::TokenLogits(rows) | Output::Hidden(rows) => rows,
        };
        match rows {
            Rows::EveryToken => Ok(Read::Every),
            Rows::Chosen(tokens) => {
                let inside = tokens.last().is_none_or(|&last| last < batch.ids().len());
                if !inside || !tokens.is_sorted() {
                    let problem = "the chosen tokens do not ascend, or lie beyond the batch".to_owned();
                    return Err(InferenceError::Batch { problem });
                }
                Ok(Read::Chosen(tokens))
            }
        }
    }
}

impl Backend for Encoder {
    fn vocabulary(&self) -> usize {
        self.config.vocabulary
    }

    fn max_tokens(&self) -> usize {
        self.config.max_tokens()
    }

    fn width(&self, output: Output<'_>) -> Option<usize> {
        match output {
            Output::Hidden(_) => Some(self.config.hidden),
            Output::TextLogits => {
                self.head.as_ref().filter(|head| head.kind == HeadKind::Sequence).map(|head| head.width)
            }
            Output::TokenLogits(_) => {
                self.head.as_ref().filter(|head| head.kind != HeadKind::Sequence).map(|head| head.width)
            }
        }
    }

    fn compute(&self, batch: &PackedBatch, output: Output<'_>, compute: &Compute) -> Result<Vec<f32>, InferenceError> {
        let Some(width) = self.width(output) else {
            let problem = "the model has no head that could give what is asked for".to_owned();
            return Err(InferenceError::Batch { problem });
        };
        self.check(batch)?;
        let read = self.read(batch, output)?;
        let mut out = Vec::new();
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let mut logits = Vec::new();
        let offsets = batch.offsets();
        let mut first = 0;
        while first < batch.sequences() {
            let mut end = first + 1;
            while end < batch.sequences() && offsets[end + 1] - offsets[first] <= CHUNK_TOKENS {
                end += 1;
            }
            let read = match read {
                Read::Chosen(tokens) => {
                    let from = tokens.partition_point(|&token| token < offsets[first]);
                    let to = tokens.partition_point(|&token| token < offsets[end]);
                    Read::Chosen(&tokens[from..to])
                }
                read => read,
            };
            if !matches!(read, Read::Chosen([])) {
                let rows = self.hidden(batch, first..end, read, &mut scratch, compute);
                match (&self.head, output) {
                    (Some(head), Output::TextLogits | Output::TokenLogits(_)) => {
                        let start = out.len();
                        out.resize(start + rows.len() / self.config.hidden * width, 0.0);
                        head.forward(self.cpu, rows, self.config.hidden, &mut logits, &mut out[start..], compute);
                    }
                    _ => out.extend_from_slice(rows),
                }
            }
            first = end;
        }
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        Ok(out)
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Encoder").field("config", &self.config).field("cpu", &self.cpu).finish_non_exhaustive()
    }
}
