//! The local host: runs a stream program on the threads of this process.
//!
//! A [`StreamGraph`](riverrun_stream::graph::StreamGraph) becomes tasks (one per chain and subtask) connected by bounded
//! channels. A task is a state machine, `step(now) -> Progress`; [`LocalHost`] gives each its own thread, [`SimulatedHost`]
//! runs all of them on one thread in an order drawn from a seed, with the same code. Depends on `riverrun-stream` alone.

mod chain_node;
mod channel;
mod clock;
mod deploy;
mod executor;
mod inputs;
mod job;
mod metrics;
mod simulated;
mod simulated_futures;
mod sorting;
mod sync;
mod task;
mod threads;
mod waker;
mod writer;

pub use clock::ManualClock;
pub use simulated::SimulatedHost;
pub use threads::LocalHost;

/// The examples of the page on testing compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/testing.md")]
struct Testing;
