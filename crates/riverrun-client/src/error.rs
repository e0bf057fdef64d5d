//! What can go wrong with binding a runner to a service or a process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use riverrun_runner::RunnerError;

/// Why a runner could not be bound to a service or to a process of its own.
///
/// What goes wrong with a call later is the call's [`RunnerError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No endpoint was given.
    #[error("runner `{runner}` was given no endpoint; pass a URL such as `http://localhost:3000`")]
    NoEndpoints {
        /// The runner's name.
        runner: Arc<str>,
    },
    /// A URL that no endpoint can have.
    #[error(
        "`{url}` is not an endpoint: {reason}; write `http://host:port`, `https://host/route` or `unix:/path/to.sock`"
    )]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An option that can't be used.
    #[error("option `{option}` of runner `{runner}`: {reason}")]
    Option {
        /// The runner's name.
        runner: Arc<str>,
        /// The option's name.
        option: &'static str,
        /// What is wrong with it, and what to give instead.
        reason: String,
    },
    /// Certificates that can't be used.
    #[error("TLS for `{endpoint}` can't be set up: {reason}")]
    Tls {
        /// Which endpoint, or which file.
        endpoint: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// None of the endpoints answered.
    #[error(
        "runner `{runner}` reached none of its endpoints: {}; start the service, or correct the URL",
        list(attempts)
    )]
    Unreachable {
        /// The runner's name.
        runner: Arc<str>,
        /// Each endpoint, and what happened there.
        attempts: Vec<(String, String)>,
    },
    /// The service was reached, but it is not clear what to call there.
    #[error("`{endpoint}` can't serve runner `{runner}`: {reason}")]
    Negotiation {
        /// The runner's name.
        runner: Arc<str>,
        /// The endpoint that was asked.
        endpoint: String,
        /// What was found there, and what to set.
        reason: String,
    },
    /// The runner's process could not be started, or was not ready in time.
    #[error("the process of runner `{runner}` is not ready: {reason}")]
    Process {
        /// The runner's name.
        runner: Arc<str>,
        /// What happened, the exit status and what the process said last.
        reason: String,
    },
    /// The runner's process did not become ready in time.
    #[error(
        "the process of runner `{runner}` was not ready within {waited:?}: {reason}; raise `ProcessOptions::start_timeout` if its model takes longer to load"
    )]
    ProcessStart {
        /// The runner's name.
        runner: Arc<str>,
        /// How long was waited.
        waited: Duration,
        /// What was seen last.
        reason: String,
    },
    /// A file or socket of the runner's process can't be used.
    #[error("`{path}` can't be used for the process of runner `{runner}`: {reason}")]
    Socket {
        /// The runner's name.
        runner: Arc<str>,
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The async runtime of remote runners can't be started.
    #[error("the threads of remote runners can't be started: {reason}; raise the process's limit of threads")]
    Runtime {
        /// What the operating system says.
        reason: String,
    },
    /// The runner refused, because it is bound already.
    #[error(transparent)]
    Runner(#[from] RunnerError),
}

impl ClientError {
    /// Whether the same call can succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Process { .. } | Self::ProcessStart { .. })
    }
}

fn list(attempts: &[(String, String)]) -> String {
    let each: Vec<String> = attempts.iter().map(|(endpoint, what)| format!("`{endpoint}` ({what})")).collect();
    each.join(", ")
}
