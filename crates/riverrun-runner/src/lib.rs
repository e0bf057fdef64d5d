//! Runnables, the batcher and runners. No machine learning.
//!
//! A [`Runnable`] says how one item is prepared and how a batch is computed. A [`Runner`] takes requests from any number
//! of threads and tasks, makes batches of them and computes these on the process's compute permits.
//!
//! This crate depends on no other of the workspace.

mod batcher;
mod compute;
mod core;
mod error;
mod method;
mod observer;
mod registry;
mod runnable;
mod runner;
mod runtime;
mod stats;
mod submit;
mod sync;
#[cfg(test)]
mod tests;

pub use batcher::Batching;
pub use compute::Compute;
pub use error::{Rejected, RunnerError};
pub use method::Method;
pub use observer::{BatchObserver, BatchReport};
pub use runnable::{ItemError, Prepared, Runnable, Signature};
pub use runner::Runner;
pub use stats::RunnerStats;
