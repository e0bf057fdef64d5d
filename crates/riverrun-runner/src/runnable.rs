//! What a runner runs: [`Runnable`], in two stages.

use crate::compute::Compute;

/// An input that is ready to be batched.
#[derive(Debug, Clone)]
pub struct Prepared<P> {
    /// What [`Runnable::run`] takes.
    pub value: P,
    /// What the item adds to a batch: tokens for a text model, 1 where items cost alike.
    pub cost: usize,
}

/// A model's computation, or the user's own.
///
/// It has two stages. [`prepare`](Self::prepare) works on one item on the caller's thread (tokenization, decoding);
/// [`run`](Self::run) works on a batch of prepared items on a compute permit.
///
/// One instance is shared by every caller of the process, so both stages take `&self`.
pub trait Runnable: Send + Sync + 'static {
    /// One item as the caller gives it.
    type Input: Send + 'static;
    /// One item as a batch holds it. A copy is kept while a batch runs, for a second try in halves.
    type Prepared: Clone + Send + 'static;
    /// The result for one item.
    type Output: Send + 'static;

    /// Makes one item ready for a batch.
    ///
    /// # Errors
    /// The item is at fault (too long, malformed); it fails alone and never reaches a batch.
    fn prepare(&self, input: Self::Input) -> Result<Prepared<Self::Prepared>, ItemError>;

    /// Computes a batch: one result per item, in the order of `batch`.
    ///
    /// For one build, CPU and precision an item's result must not depend on the other items of its batch, its place
    /// among them, or `compute`'s threads: exactly-once output with a model in the path rests on it.
    ///
    /// # Errors
    /// A batch that fails as a whole gives one error; the batcher then runs its halves, and theirs, so that one bad item
    /// fails alone.
    fn run(
        &self, batch: Vec<Self::Prepared>, compute: &Compute,
    ) -> Result<Vec<Result<Self::Output, ItemError>>, ItemError>;

    /// Whether a batch is padded to its longest item, so that it costs as many times that as it has items.
    ///
    /// Batches are then made of items that cost alike; otherwise in the order in which they came.
    fn pads(&self) -> bool {
        false
    }

    /// How many items [`prepare`](Self::prepare) has cut to what can be computed, so far. None by default.
    fn truncated(&self) -> u64 {
        0
    }

    /// Computes something typical, so that the first request finds everything in place, and finds out whether it can compute at all.
    /// Nothing by default.
    ///
    /// # Errors
    /// It can't compute.
    fn warm_up(&self, compute: &Compute) -> Result<(), ItemError> {
        let _ = compute;
        Ok(())
    }

    /// What can be called by name; [`predict`](Signature::predict) alone by default.
    ///
    /// A runnable with several signatures also implements [`prepare_method`](Self::prepare_method) or
    /// [`run_method`](Self::run_method), where it learns which one was called.
    fn signatures(&self) -> Vec<Signature> {
        vec![Signature::predict()]
    }

    /// [`prepare`](Self::prepare) for the signature called `method`.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    fn prepare_method(&self, method: &str, input: Self::Input) -> Result<Prepared<Self::Prepared>, ItemError> {
        let _ = method;
        self.prepare(input)
    }

    /// [`run`](Self::run) for the signature called `method`; a batch never mixes signatures.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    fn run_method(
        &self, method: &str, batch: Vec<Self::Prepared>, compute: &Compute,
    ) -> Result<Vec<Result<Self::Output, ItemError>>, ItemError> {
        let _ = method;
        self.run(batch, compute)
    }
}

/// Something of a runnable that can be called by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: String,
}

impl Signature {
    /// The signature that [`Runner::run`](crate::Runner::run) goes to when there are several.
    pub const CALL: &str = "__call__";

    /// A signature called `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// `predict`, what most models have.
    #[must_use]
    pub fn predict() -> Self {
        Self::new("predict")
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What went wrong with one item, in words for the person who sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ItemError {
    message: String,
    too_large: bool,
}

impl ItemError {
    /// An error with this message: what happened, to what, what to do next.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), too_large: false }
    }

    /// An error with this message: the item is well formed, but larger than any that is computed.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self { message: message.into(), too_large: true }
    }

    /// Whether the item is larger than any that is computed.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.too_large
    }
}
