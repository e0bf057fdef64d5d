//! What can go wrong with a runner.

use std::sync::Arc;
use std::time::Duration;

use crate::runnable::ItemError;

/// Why a runner gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// The runner was called before it was bound to a place to run.
    #[error("runner `{runner}` is not initialised; call `init_local()` or `init_client(url)` before the first `run`")]
    NotInitialised {
        /// The runner's name.
        runner: Arc<str>,
    },
    /// The runner, or a clone of it, was bound before.
    #[error(
        "runner `{runner}` is already initialised; call `init_local()` or `init_client(url)` once, clones share it"
    )]
    AlreadyInitialised {
        /// The runner's name.
        runner: Arc<str>,
    },
    /// The runnable could not be loaded.
    #[error("runner `{runner}` could not load what it runs: {reason}; mend that and call `init_local()` again")]
    Load {
        /// The runner's name.
        runner: Arc<str>,
        /// What the loader says.
        reason: String,
    },
    /// The item is at fault: it is not what the runnable takes, and was not computed.
    #[error("runner `{runner}`: {error}")]
    InvalidInput {
        /// The runner's name.
        runner: Arc<str>,
        /// What the runnable says.
        error: ItemError,
    },
    /// The computation of the item failed.
    #[error("runner `{runner}`: {error}")]
    Item {
        /// The runner's name.
        runner: Arc<str>,
        /// What the runnable says.
        error: ItemError,
    },
    /// As many requests wait as may.
    #[error(
        "runner `{runner}` has no room: {waiting} of at most {max_queue} requests wait; try again later, or raise `max_queue`"
    )]
    QueueFull {
        /// The runner's name.
        runner: Arc<str>,
        /// How many wait.
        waiting: usize,
        /// How many may.
        max_queue: usize,
    },
    /// The request was dropped without an answer because the runner shut down.
    #[error("runner `{runner}` was shut down before it answered; keep a clone of it until all answers are there")]
    Closed {
        /// The runner's name.
        runner: Arc<str>,
    },
    /// The answer was not there in time.
    #[error("runner `{runner}` had no answer within {timeout:?}; raise the timeout, or send it less at a time")]
    TimedOut {
        /// The runner's name.
        runner: Arc<str>,
        /// How long the request could take.
        timeout: Duration,
    },
    /// The service that a remote runner calls gave no result.
    #[error("runner `{runner}`, service {endpoint}: {reason}")]
    Remote {
        /// The runner's name.
        runner: Arc<str>,
        /// Which service: its URL.
        endpoint: Arc<str>,
        /// What happened, and what to do about it.
        reason: String,
        /// Whether the same request can succeed later.
        retryable: bool,
    },
    /// There is no such method, or none that `run` could go to.
    #[error(
        "runner `{runner}` has no method `{method}`; it has {}: call one with `runner.method(name)`",
        list(methods)
    )]
    UnknownMethod {
        /// The runner's name.
        runner: Arc<str>,
        /// What was asked for.
        method: String,
        /// What there is.
        methods: Vec<String>,
    },
    /// A call that blocks was made where an async runtime polls tasks.
    #[error(
        "`{call}` of runner `{runner}` would block an async runtime's thread; use `async_run`, or `spawn_blocking`"
    )]
    BlockingInAsync {
        /// The runner's name.
        runner: Arc<str>,
        /// The method that was called.
        call: &'static str,
    },
}

impl RunnerError {
    /// Whether the same request can succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::QueueFull { .. } | Self::TimedOut { .. } | Self::Remote { retryable: true, .. })
    }
}

fn list(methods: &[String]) -> String {
    let quoted: Vec<String> = methods.iter().map(|method| format!("`{method}`")).collect();
    quoted.join(", ")
}

/// A request that was not accepted, with what was to be computed.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Rejected<I> {
    /// The input, unchanged.
    pub input: I,
    /// Why.
    pub error: RunnerError,
}
