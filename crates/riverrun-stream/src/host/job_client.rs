//! A job that was started, as the program that started it sees it: [`JobClient`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::host::{JobId, JobResult, JobStatus};
use crate::metrics::JobMetrics;

/// A job that was started. Same as Flink's `JobClient`.
///
/// Cheap to clone, and usable from any thread. Dropping it does not stop the job; the end of the process does, for a host
/// inside the process. A job that has ended keeps its status, its result and its last metrics as long as a client is there.
#[derive(Clone)]
pub struct JobClient(Arc<dyn RunningJob>);

/// What a host gives of a job that it runs: behind a [`JobClient`].
pub trait RunningJob: Send + Sync {
    /// The job's id.
    fn id(&self) -> JobId;

    /// The job's name.
    fn name(&self) -> &str;

    /// How far it is now.
    fn status(&self) -> JobStatus;

    /// Has every task stop, without waiting for it. Without effect on a job that has ended, is failing, or only has to
    /// commit what it has put out.
    fn cancel(&self);

    /// Waits for the end, for ever or for at most this long: `None` if the job has not ended by then. The same result each time.
    fn wait(&self, at_most: Option<Duration>) -> Option<Result<JobResult, Error>>;

    /// The metrics now, or the last ones.
    fn metrics(&self) -> JobMetrics;
}

impl JobClient {
    /// A client of a host's job.
    pub fn new(job: Arc<dyn RunningJob>) -> Self {
        Self(job)
    }

    /// The job's id.
    #[must_use]
    pub fn job_id(&self) -> JobId {
        self.0.id()
    }

    /// The job's name.
    #[must_use]
    pub fn job_name(&self) -> &str {
        self.0.name()
    }

    /// How far the job is. Same as Flink's `getJobStatus`.
    #[must_use]
    pub fn status(&self) -> JobStatus {
        self.0.status()
    }

    /// Cancels the job: its tasks stop at once, their operators are closed, and nothing more is committed.
    ///
    /// It returns without waiting; [`wait`](Self::wait) gives [`Error::Cancelled`] when everything has stopped. A function of
    /// the user's that is being called is not interrupted, its task stops when it returns. It has no effect on a job that has
    /// ended, is failing, or has emitted everything and only has to commit it.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Waits for the end of the job. It can be called again, and gives the same. Same as Flink's `getJobExecutionResult`.
    ///
    /// # Errors
    /// The job failed, or was cancelled. All its tasks have stopped.
    pub fn wait(&self) -> Result<JobResult, Error> {
        loop {
            if let Some(result) = self.0.wait(None) {
                return result;
            }
        }
    }

    /// Waits for the end of the job for at most this long: `None` if it has not ended by then.
    ///
    /// # Errors
    /// The job failed, or was cancelled.
    #[must_use]
    pub fn wait_at_most(&self, time: Duration) -> Option<Result<JobResult, Error>> {
        self.0.wait(Some(time))
    }

    /// The metrics of every operator and subtask, as they are now. Printed, they are a table.
    #[must_use]
    pub fn metrics(&self) -> JobMetrics {
        self.0.metrics()
    }
}

impl fmt::Display for JobClient {
    /// Its name, id and status.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job `{}` ({}) is {}", self.job_name(), self.job_id(), self.status())
    }
}

impl fmt::Debug for JobClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
