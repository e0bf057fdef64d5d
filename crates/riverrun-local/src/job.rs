//! A job from its start to its end: what its tasks share, and what its client sees.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use riverrun_stream::host::RunningJob;
use riverrun_stream::metrics::JobMetrics;
use riverrun_stream::{Error, JobId, JobResult, JobStatus};

use crate::metrics::Registry;
use crate::waker::Waker;

pub(crate) struct Job {
    id: JobId,
    pub(crate) name: String,
    /// Its tasks have to stop: read by each before each step.
    stopped: AtomicBool,
    /// All its tasks have emitted everything.
    drained: AtomicBool,
    life: Mutex<Life>,
    ended: Condvar,
    wakers: Vec<Arc<Waker>>,
    registry: Registry,
}

struct Life {
    status: JobStatus,
    failure: Option<Error>,
    /// Tasks that have not emitted everything.
    undrained: usize,
    /// Those who keep the job from ending: its tasks, and the driver that starts them.
    holders: usize,
    result: Option<Result<JobResult, Error>>,
    /// Who is told of the end.
    on_end: Vec<Box<dyn FnOnce() + Send>>,
}

impl Job {
    pub(crate) fn new(name: String, wakers: Vec<Arc<Waker>>, registry: Registry) -> Self {
        let life = Life {
            status: JobStatus::Created,
            failure: None,
            undrained: wakers.len(),
            holders: wakers.len() + 1,
            result: None,
            on_end: Vec::new(),
        };
        Self {
            id: JobId::random(),
            name,
            stopped: AtomicBool::new(false),
            drained: AtomicBool::new(false),
            life: Mutex::new(life),
            ended: Condvar::new(),
            wakers,
            registry,
        }
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its tasks are about to be stepped.
    pub(crate) fn start(&self) {
        let mut life = self.life();
        if life.status == JobStatus::Created {
            life.status = JobStatus::Running;
        }
    }

    /// Stops every task; the first reason is the job's.
    pub(crate) fn fail(&self, error: Error) {
        let mut life = self.life();
        if matches!(life.status, JobStatus::Created | JobStatus::Running) {
            life.status = JobStatus::Failing;
        }
        life.failure.get_or_insert(error);
        drop(life);
        self.stop();
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake_all();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// One more task has emitted everything.
    pub(crate) fn drained(&self) {
        let mut life = self.life();
        // A job that is being stopped does not drain any more: nothing of it may be committed.
        if life.status != JobStatus::Running {
            return;
        }
        life.undrained -= 1;
        if life.undrained == 0 {
            self.drained.store(true, Ordering::Release);
            drop(life);
            self.wake_all();
        }
    }

    /// Whether all tasks have: what waits for the end of the job may be committed.
    pub(crate) fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Acquire)
    }

    /// One more task has stopped and is no more, or the driver has started all of them; the job ends with the last of these.
    pub(crate) fn release(&self, runtime: Duration) {
        let mut life = self.life();
        life.holders -= 1;
        if life.holders > 0 {
            return;
        }
        let failure = life.failure.take();
        let (status, result) = match (life.status, failure) {
            (JobStatus::Cancelling, failure) => {
                let error = Error::Cancelled { job: self.name.clone(), failure: failure.map(Box::new) };
                (JobStatus::Canceled, Err(error))
            }
            (_, Some(failure)) => (JobStatus::Failed, Err(failure)),
            (_, None) => {
                let result = JobResult { job_id: self.id, job_name: self.name.clone(), runtime };
                (JobStatus::Finished, Ok(result))
            }
        };
        life.status = status;
        life.result = Some(result);
        let told = std::mem::take(&mut life.on_end);
        drop(life);
        self.ended.notify_all();
        told.into_iter().for_each(|call| call());
    }

    /// Whether every task waits, with nothing under way between them.
    pub(crate) fn is_asleep(&self) -> bool {
        // One look at each does not tell: a task may be woken behind the look by one that falls asleep before it. Where no
        // one woke between two looks at all, all were asleep between the two.
        let look = || self.wakers.iter().map(|waker| waker.asleep_since()).collect::<Option<Vec<u64>>>();
        look().is_some_and(|first| look() == Some(first))
    }

    pub(crate) fn wake_all(&self) {
        self.wakers.iter().for_each(|waker| waker.wake());
    }
}

impl RunningJob for Job {
    fn id(&self) -> JobId {
        self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn status(&self) -> JobStatus {
        self.life().status
    }

    fn cancel(&self) {
        let mut life = self.life();
        let is_running = matches!(life.status, JobStatus::Created | JobStatus::Running);
        // Some tasks may have committed already once all have drained; then it is too late.
        if is_running && !self.is_drained() {
            life.status = JobStatus::Cancelling;
            drop(life);
            self.stop();
        }
    }

    fn wait(&self, at_most: Option<Duration>) -> Option<Result<JobResult, Error>> {
        let start = Instant::now();
        let mut life = self.life();
        while life.result.is_none() {
            life = match at_most {
                None => self.ended.wait(life).unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let rest = time.checked_sub(start.elapsed()).filter(|rest| !rest.is_zero())?;
                    self.ended.wait_timeout(life, rest).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        life.result.clone()
    }

    fn on_end(&self, call: Box<dyn FnOnce() + Send>) {
        let mut life = self.life();
        if life.result.is_none() {
            life.on_end.push(call);
            return;
        }
        drop(life);
        call();
    }

    fn metrics(&self) -> JobMetrics {
        self.registry.snapshot()
    }
}
