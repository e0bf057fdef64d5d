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
    /// One item as a batch holds it.
    type Prepared: Send + 'static;
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
    /// A batch that fails as a whole gives one error; the batcher then runs its items one by one, so that one bad
    /// item fails alone.
    fn run(&self, batch: Vec<Self::Prepared>, compute: &Compute) -> Result<Vec<Result<Self::Output, ItemError>>, ItemError>;
}

/// What went wrong with one item, in words for the person who sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ItemError {
    message: String,
}

impl ItemError {
    /// An error with this message: what happened, to what, what to do next.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}
