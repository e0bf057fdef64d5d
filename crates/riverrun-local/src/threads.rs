//! The thread driver: every task on its own thread.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use riverrun_stream::graph::StreamGraph;
use riverrun_stream::{Error, FunctionError, Host, JobClient};

use crate::clock::{Clock, ManualClock};
use crate::deploy::{Sizes, deploy};
use crate::executor::SharedRuntime;
use crate::job::Job;
use crate::metrics::Activity;
use crate::task::{Progress, Task};

/// Eight batches of records are enough to keep both ends of a channel at work.
const SIZES: Sizes = Sizes { channel: 8, batch: riverrun_stream::operator::BATCH_SIZE, sort_memory: 128 << 20 };

/// Runs jobs in this process, one thread per task.
///
/// Memory is bounded whatever the input: a channel holds at most 8 batches of some 1,024 records, and a slow operator holds
/// back its sources.
#[derive(Debug, Default)]
pub struct LocalHost {
    clock: Clock,
}

impl LocalHost {
    /// The host, on the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The host on a clock that a test sets.
    #[must_use]
    pub fn with_clock(self, clock: &ManualClock) -> Self {
        Self { clock: Clock::Manual(clock.clone()) }
    }
}

impl Host for LocalHost {
    fn name(&self) -> &'static str {
        "local"
    }

    fn default_parallelism(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    fn submit(&self, mut graph: StreamGraph) -> Result<JobClient, Error> {
        let start = Instant::now();
        if self.clock.is_manual() {
            // A batch must not wait for a time that does not come.
            graph.buffer_timeout = Duration::ZERO;
            graph.nodes.iter_mut().for_each(|node| node.buffer_timeout = None);
        }
        let (job, tasks) = deploy(&graph, SIZES, &|| Arc::new(SharedRuntime::default()))?;
        self.clock.attend(&job);
        let _starting = Holder { job: job.clone(), start };
        job.start();
        for task in tasks {
            let (owner, clock) = (job.clone(), self.clock.clone());
            // Where the thread does not start, this is dropped with what it was to run.
            let holder = Holder { job: job.clone(), start };
            let thread = std::thread::Builder::new().name(task.name.clone()).spawn(move || {
                let holder = holder;
                drive(task, &owner, &clock);
                drop(holder);
            });
            if let Err(error) = thread {
                let reason = format!("no thread for another task ({error}); lower the parallelism");
                job.fail(Error::Host { host: "local", job: job.name.clone(), reason });
            }
        }
        Ok(JobClient::new(job))
    }
}

/// Keeps the job from ending as long as it is there.
struct Holder {
    job: Arc<Job>,
    start: Instant,
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.job.release(self.start.elapsed());
    }
}

fn drive(mut task: Task, job: &Arc<Job>, clock: &Clock) {
    let name = task.name.clone();
    let waker = task.waker.clone();
    let times = task.times.clone();
    let run = catch_unwind(AssertUnwindSafe(|| {
        times.turn_to(Activity::Busy, Instant::now());
        loop {
            let alarm = match task.step(clock.now()) {
                Progress::Moved => continue,
                Progress::Waiting(alarm) => alarm,
                Progress::Done => break,
            };
            let sleep = alarm.map(|alarm| clock.until(alarm));
            if sleep == Some(Some(Duration::ZERO)) {
                continue;
            }
            let waits = if task.is_back_pressured() { Activity::BackPressured } else { Activity::Idle };
            times.turn_to(waits, Instant::now());
            waker.wait(sleep.flatten());
            times.turn_to(Activity::Busy, Instant::now());
        }
        times.turn_to(Activity::Idle, Instant::now());
    }));
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(task)));
    waker.retire();
    let fail = |payload: Box<dyn Any + Send>, when: &str| {
        let reason = format!("the task `{name}` {}{when}", FunctionError::from_panic(&*payload));
        job.fail(Error::Host { host: "local", job: job.name.clone(), reason });
    };
    run.unwrap_or_else(|payload| fail(payload, "; this is a bug of Riverrun"));
    dropped.unwrap_or_else(|payload| fail(payload, "; it did so when its operators were dropped"));
}
