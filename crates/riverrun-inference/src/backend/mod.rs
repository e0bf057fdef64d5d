//! What computes a model.

#[cfg(feature = "onnx")]
pub mod best_backend;
#[cfg(feature = "onnx")]
pub(crate) mod onnx;

use std::path::Path;
use std::sync::Arc;

use riverrun_runner::Compute;

use crate::InferenceError;
use crate::config::ModelConfig;
use crate::encoder::{Arithmetic, Encoder, EncoderConfig, Precision};
use crate::kernels::Cpu;

/// The tokens of one text, special ones included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Which text of a pair each token is of: 0 or 1.
    pub type_ids: Vec<u32>,
}

/// Tokenized texts one behind the other, without padding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackedBatch {
    ids: Vec<u32>,
    type_ids: Vec<u32>,
    offsets: Vec<usize>,
}

impl PackedBatch {
    /// The texts in this order.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a Tokens>) -> Self {
        let mut batch = Self { ids: Vec::new(), type_ids: Vec::new(), offsets: vec![0] };
        for text in texts {
            batch.ids.extend_from_slice(&text.ids);
            batch.type_ids.extend_from_slice(&text.type_ids);
            batch.offsets.push(batch.ids.len());
        }
        batch
    }

    /// Token ids of all texts.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Type ids of all texts.
    #[must_use]
    pub fn type_ids(&self) -> &[u32] {
        &self.type_ids
    }

    /// Where each text begins; one more entry says where the last one ends.
    #[must_use]
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// How many texts there are.
    #[must_use]
    pub fn sequences(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }
}

/// What is asked of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output<'a> {
    /// A sequence classifier's logits, one row per text: `[sequences, labels]`.
    TextLogits,
    /// The logits of tokens, `[rows, width]`: a token classifier's (`width` labels), of question answering (start and end of the
    /// answer), or of a masked language model (`width` is the vocabulary).
    TokenLogits(Rows<'a>),
    /// The hidden states after the last layer, `[rows, width]`.
    Hidden(Rows<'a>),
}

/// Which tokens of a packed batch are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows<'a> {
    /// All of them, in their order.
    EveryToken,
    /// Those at these places among all tokens of the batch, which ascend.
    Chosen(&'a [usize]),
}

impl Rows<'_> {
    /// How many there are in `batch`.
    #[must_use]
    pub fn count(&self, batch: &PackedBatch) -> usize {
        match self {
            Self::EveryToken => batch.ids().len(),
            Self::Chosen(chosen) => chosen.len(),
        }
    }
}

/// Computes a model.
///
/// What it gives for a text is the same bits in any batch, at any place and with any number of threads.
pub trait Backend: Send + Sync {
    /// Rows of the token embedding: ids are below it.
    fn vocabulary(&self) -> usize;

    /// How many tokens a text may have.
    fn max_tokens(&self) -> usize;

    /// How many numbers a row of `output` has; `None` where the model has no such output. Which rows are asked for does not matter.
    fn width(&self, output: Output<'_>) -> Option<usize>;

    /// The rows that are asked for, one behind the other.
    ///
    /// # Errors
    /// The batch does not fit the model: an empty or too long text, an unknown id; or it has no such output.
    fn compute(&self, batch: &PackedBatch, output: Output<'_>, compute: &Compute) -> Result<Vec<f32>, InferenceError>;
}

/// Which backend was asked for, of models that have a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AskedBackend {
    /// None: the one that was the fastest on this machine, if that was measured, or the first that can compute the model.
    #[default]
    #[serde(rename = "auto")]
    Automatic,
    /// RTen.
    Rten,
    /// ONNX Runtime.
    OnnxRuntime,
}

#[cfg(feature = "onnx")]
impl AskedBackend {
    /// The same as `riverrun-onnx` names it; nothing where the choice is left to it.
    #[must_use]
    pub fn onnx(self) -> Option<riverrun_onnx::BackendKind> {
        match self {
            Self::Automatic => None,
            Self::Rten => Some(riverrun_onnx::BackendKind::Rten),
            Self::OnnxRuntime => Some(riverrun_onnx::BackendKind::OnnxRuntime),
        }
    }
}

/// Whether a model's weights are loaded once for all who use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// A copy of one's own: the directory may change.
    Own,
    /// The copy that is in use already, if there is one: the directory never changes, as in the model store.
    Shared,
}

/// What computes the model in `directory`: the native encoder, or where its weights are in ONNX a backend for that.
pub(crate) fn open(
    directory: &Path, config: &ModelConfig, cpu: Cpu, precision: Option<Precision>, asked: AskedBackend,
    sharing: Sharing,
) -> Result<Arc<dyn Backend>, InferenceError> {
    let refused =
        |name: &str, problem: &str| Err(InferenceError::Option { name: name.to_owned(), problem: problem.to_owned() });
    #[cfg(feature = "onnx")]
    if let Some(graph) = onnx::graph(directory) {
        if precision.is_some_and(|precision| precision != Precision::F32) {
            return refused("precision", "an ONNX model has the precision that it was exported in");
        }
        return Ok(Arc::new(onnx::OnnxText::load(&graph, config, asked.onnx())?));
    }
    if !matches!(asked, AskedBackend::Automatic) {
        return refused("backend", "weights in safetensors are computed by the native encoder; leave it out");
    }
    let precision = precision.or(config.precision()).unwrap_or_default();
    let (config, arithmetic) = (EncoderConfig::of(config)?, Arithmetic { cpu, precision });
    Ok(match sharing {
        Sharing::Own => Arc::new(Encoder::load(directory, config, arithmetic)?),
        Sharing::Shared => Encoder::load_shared(directory, config, arithmetic)?,
    })
}
