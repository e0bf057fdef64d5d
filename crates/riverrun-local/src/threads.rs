//! The thread driver: every task on its own thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use riverrun_stream::graph::StreamGraph;
use riverrun_stream::{Error, FunctionError, Host, JobResult, Timestamp};

use crate::deploy::{Sizes, deploy};
use crate::job::Job;
use crate::task::{Progress, Task};

/// Eight batches of records are enough to keep both ends of a channel at work.
const SIZES: Sizes = Sizes { channel: 8, batch: riverrun_stream::operator::BATCH_SIZE };

/// Runs jobs in this process, one thread per task.
///
/// Memory is bounded whatever the input: a channel holds at most 8 batches of some 1,024 records, and a slow operator holds
/// back its sources.
#[derive(Debug, Default)]
pub struct LocalHost {}

impl LocalHost {
    /// The host.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Host for LocalHost {
    fn name(&self) -> &'static str {
        "local"
    }

    fn default_parallelism(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    fn execute(&self, graph: StreamGraph) -> Result<JobResult, Error> {
        let start = Instant::now();
        let (job, tasks) = deploy(&graph, SIZES)?;
        let mut threads = Vec::new();
        for task in tasks {
            let (name, owner) = (task.name.clone(), job.clone());
            let thread = std::thread::Builder::new().name(name).spawn(move || drive(task, &owner));
            match thread {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    let reason = format!("no thread for another task ({error}); lower the parallelism");
                    job.fail(Error::Host { host: "local", job: job.name.clone(), reason });
                    break;
                }
            }
        }
        for thread in threads {
            // A panic is in the job's failure already.
            drop(thread.join());
        }
        job.outcome()?;
        Ok(JobResult { job_name: graph.job_name, runtime: start.elapsed() })
    }
}

fn drive(mut task: Task, job: &Arc<Job>) {
    let name = task.name.clone();
    let waker = task.waker.clone();
    let run = catch_unwind(AssertUnwindSafe(|| {
        loop {
            match task.step(now()) {
                Progress::Moved => {}
                Progress::Waiting(None) => waker.wait(None),
                Progress::Waiting(Some(alarm)) => {
                    let millis = alarm.saturating_sub(now()).max(0);
                    waker.wait(Some(Duration::from_millis(millis.unsigned_abs())));
                }
                Progress::Done => return,
            }
        }
    }));
    if let Err(payload) = run {
        let reason = format!("the task `{name}` {}; this is a bug of Riverrun", FunctionError::from_panic(&*payload));
        job.fail(Error::Host { host: "local", job: job.name.clone(), reason });
    }
}

fn now() -> Timestamp {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis().try_into().unwrap_or(Timestamp::MAX))
}
