//! A job that was started, as the program that started it sees it: [`JobClient`].

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
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

    /// Has this called when the job has ended: at once, if it has. It must not block.
    fn on_end(&self, call: Box<dyn FnOnce() + Send>);

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

    /// Waits for the end of the job. It can be called again, and gives the same.
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

    /// The end of the job, to be awaited by an async program on whatever runtime. Same as Flink's `getJobExecutionResult`.
    ///
    /// Its output is what [`wait`](Self::wait) gives.
    #[must_use]
    pub fn get_job_execution_result(&self) -> JobExecution {
        JobExecution { job: self.0.clone(), waker: None }
    }

    /// The metrics of every operator and subtask, as they are now. Printed, they are a table.
    #[must_use]
    pub fn metrics(&self) -> JobMetrics {
        self.0.metrics()
    }
}

/// The end of a job, as a future: made by [`JobClient::get_job_execution_result`].
pub struct JobExecution {
    job: Arc<dyn RunningJob>,
    /// Who is told of the end, once it was asked for.
    waker: Option<Arc<Mutex<Waker>>>,
}

impl Future for JobExecution {
    type Output = Result<JobResult, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &self.waker {
            Some(waker) => waker.lock().unwrap_or_else(PoisonError::into_inner).clone_from(context.waker()),
            None => {
                let waker = Arc::new(Mutex::new(context.waker().clone()));
                self.waker = Some(waker.clone());
                let wake = move || waker.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
                self.job.on_end(Box::new(wake));
            }
        }
        // Asked for last: an end that comes after this wakes the task.
        self.job.wait(Some(Duration::ZERO)).map_or(Poll::Pending, Poll::Ready)
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
