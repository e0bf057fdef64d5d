//! Runnables, the batcher and runners. No machine learning.
//!
//! A [`Runnable`] says how one item is prepared and how a batch is computed. A [`Runner`] takes requests from any number
//! of threads and tasks, makes batches of them and computes these on the process's compute permits.
//!
//! This crate depends on no other of the workspace.

mod any;
mod batcher;
mod cache;
mod compute;
mod core;
mod error;
mod method;
mod observer;
mod pacing;
mod registry;
mod remote;
mod request;
mod runnable;
mod runner;
mod runtime;
mod stats;
mod sync;
#[cfg(test)]
mod tests;
pub mod wire;

pub use any::{Answers, AnyRunner, Call, Inputs};
pub use batcher::{BatchCut, Batching};
pub use compute::Compute;
pub use error::{Rejected, RunnerError};
pub use method::Method;
pub use observer::{BatchObserver, BatchReport};
pub use remote::{RemoteBatch, RemoteQueue};
pub use request::{Priority, RequestOptions, RequestTiming};
pub use runnable::{ItemError, Prepared, Runnable, Signature};
pub use runner::Runner;
pub use stats::RunnerStats;
