//! What computes a model.

use riverrun_runner::Compute;

use crate::InferenceError;

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

/// Computes a sequence classifier's logits.
///
/// A text's logits are the same bits in any batch, at any place and with any number of threads.
pub trait Backend: Send + Sync {
    /// Labels of the classifier.
    fn labels(&self) -> usize;

    /// Rows of the token embedding: ids are below it.
    fn vocabulary(&self) -> usize;

    /// How many tokens a text may have.
    fn max_tokens(&self) -> usize;

    /// The logits of every text, `[sequences, labels]`.
    ///
    /// # Errors
    /// The batch does not fit the model: an empty or too long text, an unknown id.
    fn logits(&self, batch: &PackedBatch, compute: &Compute) -> Result<Vec<f32>, InferenceError>;
}
