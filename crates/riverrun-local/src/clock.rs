//! Processing time: the system's, or a test's.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use riverrun_stream::Timestamp;
use riverrun_stream::host::RunningJob;

use crate::job::Job;

/// Where a host's processing time comes from.
#[derive(Debug, Clone, Default)]
pub(crate) enum Clock {
    #[default]
    System,
    Manual(ManualClock),
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
                since_1970.map_or(0, |time| time.as_millis().try_into().unwrap_or(Timestamp::MAX))
            }
            Self::Manual(clock) => clock.now(),
        }
    }

    /// How long a thread sleeps until this time if nobody wakes it before: for ever, where somebody will.
    pub(crate) fn until(&self, time: Timestamp) -> Option<Duration> {
        match self {
            Self::System => Some(Duration::from_millis(time.saturating_sub(self.now()).max(0).unsigned_abs())),
            Self::Manual(clock) => (time <= clock.now()).then_some(Duration::ZERO),
        }
    }

    pub(crate) fn is_manual(&self) -> bool {
        matches!(self, Self::Manual(_))
    }

    /// Has a job woken when the clock is set.
    pub(crate) fn attend(&self, job: &Arc<Job>) {
        if let Self::Manual(clock) = self {
            clock.jobs().push(Arc::downgrade(job));
        }
    }
}

/// A clock that a test sets: processing time stands still until it is told to go on.
///
/// ```
/// # use std::sync::Arc;
/// # use riverrun_local::{LocalHost, ManualClock};
/// # use riverrun_stream::StreamExecutionEnvironment;
/// let clock = ManualClock::new();
/// let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new().with_clock(&clock)));
/// # env.from_collection([1_u64]).print_to_err();
/// let job = env.execute_async()?;
/// clock.settle();          // everything has arrived where it goes
/// clock.advance(60_000);   // a minute later: timers fire
/// job.wait()?;
/// # Ok::<(), riverrun_stream::Error>(())
/// ```
///
/// Cheap to clone; the clones are one clock. Under it every batch goes on at once, whatever the buffer timeout, so that no
/// record waits for a time that does not come.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<Inner>);

#[derive(Default)]
struct Inner {
    now: AtomicI64,
    jobs: Mutex<Vec<Weak<Job>>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at {}", self.now.load(Ordering::Acquire))
    }
}

impl ManualClock {
    /// A clock at 0: 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The time, in milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.now.load(Ordering::Acquire)
    }

    /// Moves the time on by this many milliseconds. Tasks that waited for a time that is over are woken; it does not wait
    /// for them: see [`settle`](Self::settle).
    pub fn advance(&self, millis: i64) {
        self.set(self.now().saturating_add(millis.max(0)));
    }

    /// Moves the time on to this one; time never goes back, so an earlier one has no effect.
    pub fn set(&self, time: Timestamp) {
        self.0.now.fetch_max(time, Ordering::AcqRel);
        self.running().iter().for_each(|job| job.wake_all());
    }

    /// Waits until the jobs on this clock have done all that can be done at this time: every task waits for the time to go
    /// on, or has ended. Work that goes on outside the tasks (an asynchronous call, a thread that reads standard input) is
    /// not waited for.
    pub fn settle(&self) {
        while !self.running().iter().all(|job| job.is_asleep()) {
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn jobs(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Job>>> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> Vec<Arc<Job>> {
        let mut jobs = self.jobs();
        jobs.retain(|job| job.upgrade().is_some_and(|job| !job.status().is_globally_terminal()));
        jobs.iter().filter_map(Weak::upgrade).collect()
    }
}
