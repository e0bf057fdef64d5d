//! Fork and join inside one batch, a few microseconds each.
//!
//! A forward pass forks some forty times in a few milliseconds, and the parts borrow the batch's buffers. Scoped threads
//! cost more than the work they would share, so the lifetime of the parts is erased here and nowhere else.
#![allow(unsafe_code)]

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::held::Held;
use super::permits::{Permit, Permits};
use super::workers::{self, Task};
use crate::sync::{Mutex, lock};

/// How long a helper stays awake for the next fork: the serial stretches between two of a forward pass are shorter.
const SPIN_FOR: Duration = Duration::from_micros(60);

/// How long the caller spins for a helper that is still in its last part.
const JOIN_SPIN_FOR: Duration = Duration::from_micros(200);

type Part<'a> = dyn Fn(usize) + Sync + 'a;

/// `state`: the low 16 bits count the helpers inside the fork, then a bit each for "open" and "dismissed", and the
/// number of the fork from bit 32 on.
const ACTIVE: u64 = 0xffff;
const OPEN: u64 = 1 << 16;
const DISMISSED: u64 = 1 << 17;
const FORK: u64 = 1 << 32;

/// A batch's own thread and the helpers that idle permits were lent for.
#[derive(Debug)]
pub(super) struct Team {
    permits: &'static Permits,
    lent: Vec<Permit>,
    shared: Arc<Shared>,
    engaged: AtomicBool,
    forking: AtomicBool,
}

struct Shared {
    permits: &'static Permits,
    state: AtomicU64,
    /// Written by the caller while no helper is inside a fork; read by helpers inside one.
    fork: UnsafeCell<Option<(*const Part<'static>, usize)>>,
    next: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    helpers: Mutex<Vec<Thread>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

// SAFETY: `fork` is the only field that is not `Send` and `Sync` by itself. The caller writes it only while no helper is
// inside a fork, helpers read it only after having entered one (see `enter`), and what it points to is `Sync`.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Team {
    /// The caller and as many helpers as there are idle permits; no thread is woken before the first fork.
    pub(super) fn borrow(permits: &'static Permits) -> Self {
        let shared = Shared {
            permits,
            state: AtomicU64::new(0),
            fork: UnsafeCell::new(None),
            next: AtomicUsize::new(0),
            panic: Mutex::new(None),
            helpers: Mutex::new(Vec::new()),
        };
        Self {
            permits,
            lent: permits.lend(),
            shared: Arc::new(shared),
            engaged: AtomicBool::new(false),
            forking: AtomicBool::new(false),
        }
    }

    pub(super) fn threads(&self) -> usize {
        1 + self.lent.len()
    }

    pub(super) fn parallel(&self, parts: usize, part: &Part<'_>) {
        // A fork inside a part, or from a second thread: the helpers are busy.
        if self.forking.swap(true, Ordering::Acquire) {
            (0..parts).for_each(part);
            return;
        }
        if !self.engaged.swap(true, Ordering::Relaxed) {
            for _ in &self.lent {
                workers::give(Task::Help(Helping { shared: self.shared.clone() }));
            }
        }
        self.shared.fork_join(parts, part);
        self.forking.store(false, Ordering::Release);
        if let Some(panic) = lock(&self.shared.panic).take() {
            resume_unwind(panic);
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.state.fetch_or(DISMISSED, Ordering::Release);
        self.shared.wake_helpers();
        let lent = std::mem::take(&mut self.lent);
        if !lent.is_empty() {
            // Each permit is given back as it drops.
            self.permits.take_home(lent);
        }
    }
}

impl Shared {
    fn fork_join(&self, parts: usize, part: &Part<'_>) {
        // SAFETY: only the lifetime changes. The pointer is followed by helpers inside this fork alone, and this function
        // does not return, nor unwind (`work` catches), before the fork is closed and the last of them has left.
        let erased: *const Part<'static> =
            unsafe { std::mem::transmute::<*const Part<'_>, *const Part<'static>>(part) };
        // SAFETY: no fork is open and no helper inside one, so nobody reads the cell; `Team::forking` keeps other
        // callers out.
        unsafe { *self.fork.get() = Some((erased, parts)) };
        self.next.store(0, Ordering::Relaxed);
        let fork = self.state.load(Ordering::Relaxed) & !(FORK - 1);
        self.state.store(fork.wrapping_add(FORK) | OPEN, Ordering::Release);
        self.wake_helpers();
        self.work(parts, part);
        // From here on nobody enters, and a helper that comes too late is not waited for.
        self.state.fetch_and(!OPEN, Ordering::AcqRel);
        self.join();
    }

    fn join(&self) {
        let mut since = None;
        while self.state.load(Ordering::Acquire) & ACTIVE != 0 {
            let since: &mut Instant = since.get_or_insert_with(Instant::now);
            if since.elapsed() < JOIN_SPIN_FOR {
                std::hint::spin_loop();
            } else {
                // The helper lost its core to someone else.
                thread::yield_now();
            }
        }
    }

    fn work(&self, parts: usize, part: &Part<'_>) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let index = self.next.fetch_add(1, Ordering::Relaxed);
                if index >= parts {
                    break;
                }
                part(index);
            }
        }));
        if let Err(panic) = outcome {
            self.next.store(parts, Ordering::Relaxed);
            lock(&self.panic).get_or_insert(panic);
        }
    }

    fn wake_helpers(&self) {
        lock(&self.helpers).iter().for_each(Thread::unpark);
    }

    /// Enters fork number `fork` if it is still open; the caller then waits for [`leave`](Self::leave).
    fn enter(&self, fork: u64) -> bool {
        let entered = self.state.fetch_update(Ordering::Acquire, Ordering::Relaxed, |state| {
            (state & OPEN != 0 && state & !(FORK - 1) == fork).then_some(state + 1)
        });
        entered.is_ok()
    }

    fn leave(&self) {
        self.state.fetch_sub(1, Ordering::Release);
    }
}

/// A helper's place in a team.
pub(super) struct Helping {
    shared: Arc<Shared>,
}

impl Helping {
    /// Takes part in every fork until the batch is done.
    pub(super) fn help(self) {
        let shared = &*self.shared;
        let _held = Held::mark(shared.permits);
        lock(&shared.helpers).push(thread::current());
        let mut done = 0;
        let mut idle_since = Instant::now();
        loop {
            let state = shared.state.load(Ordering::Acquire);
            let fork = state & !(FORK - 1);
            if state & DISMISSED != 0 {
                return;
            }
            if state & OPEN != 0 && fork != done {
                done = fork;
                if shared.enter(fork) {
                    // SAFETY: inside an open fork the cell is not written, and what it points to outlives the fork: the
                    // caller waits in `fork_join` until `leave`.
                    if let Some((part, parts)) = unsafe { *shared.fork.get() } {
                        // SAFETY: as above.
                        shared.work(parts, unsafe { &*part });
                    }
                    shared.leave();
                }
                idle_since = Instant::now();
            } else if idle_since.elapsed() < SPIN_FOR {
                std::hint::spin_loop();
            } else {
                // A fork or dismissal after the load above has unparked this thread: then this returns at once.
                thread::park();
            }
        }
    }
}
