//! Remote runners, and runners as processes of their own.
//!
//! [`ClientExt`] binds a [`Runner`](riverrun_runner::Runner) to a service that computes its batches: Riverrun's own, any that
//! speaks the Open Inference Protocol (KServe V2), any BentoML service, or any route that takes a text.
//!
//! On its way a batch passes `endpoint` (which endpoint takes it: balancing, limits, breakers, health), `protocol` (how it is
//! written), `http` (connections) and `retry` (when it is sent again).
//!
//! With `init_process` the service is a process on the same machine that is started, watched and started again (`process`).
//!
//! This crate depends on `riverrun-runner` alone of the workspace.

mod caller;
mod client;
mod delivery;
mod dispatcher;
mod endpoint;
mod error;
mod ext;
mod http;
mod negotiate;
mod options;
mod process;
mod protocol;
mod random;
mod retry;
mod runtime;
mod stats;
mod sync;
mod verdict;

pub use client::{Client, ClientInfo};
pub use endpoint::BreakerState;
pub use error::ClientError;
pub use ext::ClientExt;
pub use options::{BreakerOptions, ClientOptions, Concurrency, Retries};
pub use process::ProcessOptions;
pub use protocol::ProtocolKind;
pub use stats::{ClientStats, EndpointStats};
