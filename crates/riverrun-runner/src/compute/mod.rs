//! The process's compute permits, its worker threads, and the threads that one batch may use.

mod held;
mod limit;
mod permits;
mod pinning;
mod team;
mod workers;

pub(crate) use held::Held;
pub(crate) use permits::{Claim, Job, Permit, Permits, ThreadClaim};
pub(crate) use workers::RunnerAlive;

use std::sync::OnceLock;

use team::Team;

/// The threads that one call of [`Runnable::run`](crate::Runnable::run) may use: its own and those lent to it.
///
/// The same work gives the same bits whatever the number of threads, as long as each part is computed by one of them.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// let compute = riverrun_runner::Compute::single();
/// let rows = AtomicUsize::new(0);
/// compute.parallel(8, &|_part| {
///     rows.fetch_add(1, Ordering::Relaxed);
/// });
/// assert_eq!(rows.into_inner(), 8);
/// ```
#[derive(Debug, Default)]
pub struct Compute {
    permits: Option<&'static Permits>,
    // Asked for at the first use only: a runnable that never splits its work leaves the idle permits alone.
    team: OnceLock<Team>,
}

impl Compute {
    /// The calling thread alone.
    #[must_use]
    pub fn single() -> Self {
        Self::default()
    }

    /// How many batches the process computes at a time, all runners together: `RIVERRUN_NUM_THREADS`, else the CPU limit
    /// of its cgroup, else the CPUs it may run on.
    #[must_use]
    pub fn permits() -> usize {
        Permits::global().total()
    }

    /// Sets how many batches the process computes at a time, whatever the environment says; at least 1. False, and without
    /// effect, once a runner has been initialised.
    pub fn set_permits(permits: usize) -> bool {
        Permits::settle_global(permits)
    }

    /// Sets whether each worker thread is bound to one core of those that the process may use, the least used first; whatever
    /// the environment says, where `RIVERRUN_PIN=1` asks for it and any value but `0` and `1` is passed over. Off by default.
    /// False, and without effect, once it was set or a worker has started.
    ///
    /// It keeps a worker's caches and memory near it on a machine that serves nothing else. Where others need the cores too,
    /// callers that compute on their own threads included, a bound worker waits for its core while another is idle: measure.
    /// The threads of callers are left alone. No effect where the system can't do it; macOS takes it as a hint at most.
    pub fn set_pinning(on: bool) -> bool {
        pinning::settle(on)
    }

    /// How many threads the process keeps for computing, idle ones included; none before the first batch that needs one
    /// and soon none after the last runner is gone.
    #[must_use]
    pub fn worker_threads() -> usize {
        workers::threads()
    }

    /// The calling thread and whatever is idle when the batch first asks.
    pub(crate) fn lending(permits: &'static Permits) -> Self {
        Self { permits: Some(permits), team: OnceLock::new() }
    }

    /// How many threads [`parallel`](Self::parallel) uses at most, the caller's included; at least 1.
    ///
    /// It stays the same for the whole batch.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.team().map_or(1, Team::threads)
    }

    /// Calls `part(0)`, `part(1)`, … `part(parts - 1)`, each once, on the caller's thread and on those lent, and returns
    /// when all are done. A panic of a part is passed on to the caller; parts not begun by then are left out.
    ///
    /// A call inside a part runs on that part's thread alone.
    pub fn parallel(&self, parts: usize, part: &(dyn Fn(usize) + Sync)) {
        match self.team() {
            Some(team) if parts > 1 && team.threads() > 1 => team.parallel(parts, part),
            _ => (0..parts).for_each(part),
        }
    }

    fn team(&self) -> Option<&Team> {
        let permits = self.permits?;
        Some(self.team.get_or_init(|| Team::borrow(permits)))
    }
}
