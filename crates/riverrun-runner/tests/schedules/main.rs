//! The runner, compiled with primitives whose schedule `shuttle` decides, and what must hold whatever the schedule: nobody
//! waits while a permit is idle.
//!
//! The modules are the crate's own; only `sync` is another one.
#![allow(dead_code, unused_imports, missing_docs, clippy::unwrap_used)]

#[path = "../../src/any.rs"]
mod any;
#[path = "../../src/batcher/mod.rs"]
mod batcher;
#[path = "../../src/cache.rs"]
mod cache;
#[path = "../../src/compute/mod.rs"]
mod compute;
#[path = "../../src/core.rs"]
mod core;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/method.rs"]
mod method;
mod model;
#[path = "../../src/observer.rs"]
mod observer;
#[path = "../../src/pacing.rs"]
mod pacing;
#[path = "../../src/registry.rs"]
mod registry;
#[path = "../../src/remote.rs"]
mod remote;
#[path = "../../src/request.rs"]
mod request;
#[path = "../../src/runnable.rs"]
mod runnable;
#[path = "../../src/runner.rs"]
mod runner;
#[path = "../../src/runtime.rs"]
mod runtime;
#[path = "../../src/stats.rs"]
mod stats;
mod sync;
#[path = "../../src/wire/mod.rs"]
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
