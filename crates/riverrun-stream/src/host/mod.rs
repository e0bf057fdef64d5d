//! What an engine must provide, [`Host`], and what it gives of a job that runs: [`JobClient`].

mod job_client;
mod job_status;

use std::time::Duration;

use crate::error::Error;
use crate::graph::StreamGraph;

pub use job_client::{JobClient, JobExecution, RunningJob};
pub use job_status::{JobId, JobStatus};

/// Runs stream graphs.
///
/// To the operators of a graph a host supplies: a clock, one alarm each, watermarks, the key-group range, room in their
/// outputs, metrics, and a snapshot and a restore stream. What it may and must call, and when, is said in
/// [`operator`](crate::operator).
pub trait Host: Send + Sync {
    /// The host's name, for messages.
    fn name(&self) -> &'static str;

    /// The parallelism of a program that sets none.
    fn default_parallelism(&self) -> usize;

    /// Starts a job, which goes on whether anybody keeps the client or not.
    ///
    /// # Errors
    /// The job could not be started: a source is not there, or the host lacks something.
    fn submit(&self, graph: StreamGraph) -> Result<JobClient, Error>;

    /// Runs a job to its end.
    ///
    /// # Errors
    /// The job could not be started, failed or was cancelled. All its tasks have stopped then.
    fn execute(&self, graph: StreamGraph) -> Result<JobResult, Error> {
        self.submit(graph)?.wait()
    }
}

/// What is known of a job that ended well. Same as Flink's `JobExecutionResult`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobResult {
    /// The job's id.
    pub job_id: JobId,
    /// The job's name.
    pub job_name: String,
    /// From submission to the end.
    pub runtime: Duration,
}
