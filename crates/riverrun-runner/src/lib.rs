//! Runnables, the batcher and runners. No machine learning.

mod compute;
mod runnable;

pub use compute::Compute;
pub use runnable::{ItemError, Prepared, Runnable};
