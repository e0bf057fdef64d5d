//! What an engine must provide: [`Host`].

use std::time::Duration;

use crate::error::Error;
use crate::graph::StreamGraph;

/// Runs stream graphs.
///
/// To the operators of a graph a host supplies: a clock, one alarm each, watermarks, the key-group range, room in their
/// outputs, and a snapshot and a restore stream. What it may and must call, and when, is said in
/// [`operator`](crate::operator).
pub trait Host: Send + Sync {
    /// The host's name, for messages.
    fn name(&self) -> &'static str;

    /// The parallelism of a program that sets none.
    fn default_parallelism(&self) -> usize;

    /// Runs a job to its end.
    ///
    /// # Errors
    /// The job failed or was cancelled. All its tasks have stopped then.
    fn execute(&self, graph: StreamGraph) -> Result<JobResult, Error>;
}

/// What is known of a job that ended well. Same as Flink's `JobExecutionResult`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobResult {
    /// The job's name.
    pub job_name: String,
    /// From submission to the end.
    pub runtime: Duration,
}
