//! Requests that are known to be about to arrive.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::sync::{Mutex, lock};

/// How many requests are about to arrive: of callers who are preparing one, and of those who have just got an answer and, as
/// most do, come back with the next.
pub(crate) struct Arrivals {
    preparing: AtomicUsize,
    returning: Mutex<Returning>,
}

struct Returning {
    callers: usize,
    since: Instant,
}

impl Arrivals {
    pub(crate) fn new() -> Self {
        let returning = Returning { callers: 0, since: Instant::now() };
        Self { preparing: AtomicUsize::new(0), returning: Mutex::new(returning) }
    }

    /// A caller begins with a request; ends with [`prepared`](Self::prepared).
    pub(crate) fn begin(&self) {
        self.preparing.fetch_add(1, Ordering::Relaxed);
        let mut returning = lock(&self.returning);
        returning.callers = returning.callers.saturating_sub(1);
    }

    pub(crate) fn prepared(&self) {
        self.preparing.fetch_sub(1, Ordering::Relaxed);
    }

    /// So many callers get their answers. Those who have had theirs for longer than `within` do not come back.
    pub(crate) fn answered(&self, callers: usize, within: Duration) {
        if callers > 0 {
            let mut returning = lock(&self.returning);
            let before = if returning.since.elapsed() < within { returning.callers } else { 0 };
            *returning = Returning { callers: before + callers, since: Instant::now() };
        }
    }

    /// How many are about to arrive; nobody comes back later than `within` after the answer.
    pub(crate) fn expected(&self, within: Duration) -> usize {
        let returning = lock(&self.returning);
        let returning = if returning.since.elapsed() < within { returning.callers } else { 0 };
        self.preparing.load(Ordering::Relaxed) + returning
    }
}
