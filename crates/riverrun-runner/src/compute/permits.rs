//! Compute permits: as many batches at a time as there are cores, for all runners together.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use super::{limit, workers};
use crate::sync::{Condvar, Mutex, lock, wait};

/// How many batches begin without borrowing idle permits after a claim had to wait for a lent one.
const LENDING_PAUSE: u32 = 32;

/// The permits of the process, in the order in which they were asked for.
#[derive(Debug)]
pub(crate) struct Permits {
    total: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    // Above zero only while nobody waits: a permit given back goes to the first claim that still wants it.
    free: usize,
    lent: usize,
    lending_pause: u32,
    claims: VecDeque<Claim>,
}

/// Someone who waits for a permit.
pub(crate) enum Claim {
    /// A blocked caller; it computes on its own thread.
    Thread(Arc<dyn ThreadClaim>),
    /// Work that a worker thread takes up.
    Job(Arc<dyn Job>),
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Thread(_) => "Thread",
            Self::Job(_) => "Job",
        })
    }
}

pub(crate) trait ThreadClaim: Send + Sync {
    /// Takes the permit, or hands it back because it is no longer wanted.
    fn grant(&self, permit: Permit) -> Option<Permit>;
}

pub(crate) trait Job: Send + Sync {
    /// Whether there is still something to do; asked when the claim's turn has come.
    fn wanted(&self) -> bool;

    /// Does it, on a worker thread.
    fn serve(self: Arc<Self>, permit: Permit) -> Permit;
}

/// The right to compute; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    permits: &'static Permits,
}

impl Permit {
    /// The permit that the calling thread holds anyway, as a value.
    pub(super) fn materialize(permits: &'static Permits) -> Self {
        Self { permits }
    }

    pub(crate) fn permits(&self) -> &'static Permits {
        self.permits
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.give_back();
    }
}

static GLOBAL: OnceLock<Permits> = OnceLock::new();

impl Permits {
    pub(crate) fn new(total: usize) -> Self {
        let state = State { free: total, lent: 0, lending_pause: 0, claims: VecDeque::new() };
        Self { total, state: Mutex::new(state) }
    }

    /// Those of the process.
    pub(crate) fn global() -> &'static Self {
        GLOBAL.get_or_init(|| Self::new(limit::permit_count()))
    }

    /// Sets how many the process has; false where that was settled before.
    pub(super) fn settle_global(total: usize) -> bool {
        GLOBAL.set(Self::new(total.max(1))).is_ok()
    }

    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// A permit if one is idle.
    pub(crate) fn try_acquire(&'static self) -> Option<Permit> {
        let mut state = lock(&self.state);
        if state.free == 0 {
            return None;
        }
        state.free -= 1;
        Some(Permit { permits: self })
    }

    /// Grants `claim` a permit now or when its turn comes.
    pub(crate) fn claim(&'static self, claim: Claim) {
        self.enqueue(claim, VecDeque::push_back);
    }

    /// Waits for a permit.
    pub(crate) fn acquire(&'static self) -> Permit {
        let parked = Arc::new(Parked::default());
        self.claim(Claim::Thread(parked.clone()));
        parked.wait()
    }

    /// Waits for a permit, ahead of all others: the caller's batch is half done and keeps others waiting.
    pub(super) fn reacquire(&'static self) -> Permit {
        let parked = Arc::new(Parked::default());
        self.enqueue(Claim::Thread(parked.clone()), VecDeque::push_front);
        parked.wait()
    }

    fn enqueue(&'static self, claim: Claim, push: fn(&mut VecDeque<Claim>, Claim)) {
        {
            let mut state = lock(&self.state);
            if state.free == 0 {
                if state.lent > 0 {
                    state.lending_pause = LENDING_PAUSE;
                }
                push(&mut state.claims, claim);
                return;
            }
            state.free -= 1;
        }
        match claim {
            Claim::Thread(thread) => drop(thread.grant(Permit { permits: self })),
            Claim::Job(job) if job.wanted() => workers::submit(job, Permit { permits: self }),
            Claim::Job(_) => self.give_back(),
        }
    }

    /// The permits that nobody wants, for the intra-op threads of one batch.
    pub(super) fn lend(&'static self) -> Vec<Permit> {
        let mut state = lock(&self.state);
        // Callers who just had to wait for a lent permit come again: one batch a core serves them better.
        if state.lending_pause > 0 {
            state.lending_pause -= 1;
            return Vec::new();
        }
        let count = std::mem::take(&mut state.free);
        state.lent += count;
        (0..count).map(|_| Permit { permits: self }).collect()
    }

    pub(super) fn take_home(&'static self, lent: Vec<Permit>) {
        lock(&self.state).lent -= lent.len();
    }

    /// Gives `permit` back, or returns it with a job that the calling worker should do with it.
    pub(super) fn give_back_or_take(&'static self, permit: Permit) -> Option<(Arc<dyn Job>, Permit)> {
        std::mem::forget(permit);
        loop {
            match self.next_claim()? {
                Claim::Thread(thread) => match thread.grant(Permit { permits: self }) {
                    Some(unwanted) => std::mem::forget(unwanted),
                    None => return None,
                },
                Claim::Job(job) if job.wanted() => return Some((job, Permit { permits: self })),
                Claim::Job(_) => {}
            }
        }
    }

    fn give_back(&'static self) {
        if let Some((job, permit)) = self.give_back_or_take(Permit { permits: self }) {
            workers::submit(job, permit);
        }
    }

    fn next_claim(&self) -> Option<Claim> {
        let mut state = lock(&self.state);
        let claim = state.claims.pop_front();
        if claim.is_none() {
            state.free += 1;
        }
        claim
    }

    /// How many nobody has.
    pub(crate) fn idle(&self) -> usize {
        lock(&self.state).free
    }
}

/// A thread that waits for a permit and nothing else.
#[derive(Default)]
struct Parked {
    granted: Mutex<Option<Permit>>,
    wake: Condvar,
}

impl Parked {
    fn wait(&self) -> Permit {
        let mut granted = lock(&self.granted);
        loop {
            if let Some(permit) = granted.take() {
                return permit;
            }
            granted = wait(&self.wake, granted);
        }
    }
}

impl ThreadClaim for Parked {
    fn grant(&self, permit: Permit) -> Option<Permit> {
        *lock(&self.granted) = Some(permit);
        self.wake.notify_one();
        None
    }
}
