//! Options of a model.

use crate::backend::BackendKind;

/// Options of [`OnnxModel::load_with`](crate::OnnxModel::load_with).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnnxOptions {
    pub(crate) backend: Option<BackendKind>,
    pub(crate) outputs: Option<Vec<String>>,
    pub(crate) batching: BatchDimension,
}

/// Which dimension of a model's tensors counts the items of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BatchDimension {
    /// The first, if the file leaves it open in every input and output. If it is always 1 there, items are computed one by one;
    /// otherwise an item is all that the model takes at once. A model that quantizes by the range of a whole tensor
    /// (`DynamicQuantizeLinear`) computes items one by one as well: in a batch, an item's numbers would depend on the others.
    #[default]
    Auto,
    /// This one, counted from 0, in every input and output.
    At(usize),
    /// None: an item is all that the model takes at once, and items are computed one by one.
    None,
}

impl OnnxOptions {
    /// The defaults: the first backend that can compute the model, all outputs, batches along the first dimension where that can be.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Computes with this backend, and with no other.
    #[must_use]
    pub fn backend(mut self, backend: BackendKind) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Gives only these outputs; the others need not even be tensors.
    #[must_use]
    pub fn outputs(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.outputs = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Sets which dimension counts the items of a batch.
    #[must_use]
    pub fn batch_dimension(mut self, dimension: BatchDimension) -> Self {
        self.batching = dimension;
        self
    }
}
