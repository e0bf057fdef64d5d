//! What a caller asks for beside the result.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Which requests go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Priority {
    /// What can wait.
    Low,
    /// What is not said to be anything else.
    #[default]
    Normal,
    /// What somebody waits for.
    High,
}

impl Priority {
    /// By how much a priority is ahead of the one below it.
    ///
    /// A request goes before those of the next lower priority that came up to this much earlier, and after those that came
    /// before: whatever the load, the lowest priority waits this much longer for each one above it, and no more.
    pub const HEAD_START: Duration = Duration::from_millis(500);

    pub(crate) const ALL: usize = 3;

    /// 0 for the highest.
    pub(crate) fn lane(self) -> usize {
        match self {
            Self::High => 0,
            Self::Normal => 1,
            Self::Low => 2,
        }
    }
}

/// Options of a request, for [`Runner::with`](crate::Runner::with).
///
/// ```
/// use std::time::Duration;
/// use riverrun_runner::{Priority, RequestOptions};
///
/// let options = RequestOptions::new().priority(Priority::High).timeout(Duration::from_millis(200));
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Default)]
pub struct RequestOptions {
    pub(crate) priority: Priority,
    pub(crate) timeout: Option<Duration>,
    pub(crate) timing: Option<Arc<RequestTiming>>,
}

impl RequestOptions {
    /// Normal priority, and the runner's [timeout](crate::Batching::timeout).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Which requests it goes before.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// How long it may take, instead of the runner's [timeout](crate::Batching::timeout).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Where to note how long it waited and how long it was computed.
    #[must_use]
    pub fn timing(mut self, timing: Arc<RequestTiming>) -> Self {
        self.timing = Some(timing);
        self
    }
}

/// Where a request's time went, known once it is answered. With several items, that of the one that was answered last.
#[derive(Debug, Default)]
pub struct RequestTiming {
    /// In microseconds, plus one: zero stands for nothing yet.
    queued: AtomicU64,
    computed: AtomicU64,
    batch_items: AtomicUsize,
}

impl RequestTiming {
    /// Nothing noted yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn note(&self, queued: Duration, computed: Duration, batch_items: usize) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX).saturating_add(1);
        self.queued.store(micros(queued), Ordering::Relaxed);
        self.computed.store(micros(computed), Ordering::Relaxed);
        self.batch_items.store(batch_items, Ordering::Relaxed);
    }

    /// How long it waited for its batch to begin.
    #[must_use]
    pub fn queued(&self) -> Option<Duration> {
        read(&self.queued)
    }

    /// How long its batch was computed.
    #[must_use]
    pub fn computed(&self) -> Option<Duration> {
        read(&self.computed)
    }

    /// How many items its batch had.
    #[must_use]
    pub fn batch_items(&self) -> Option<usize> {
        Some(self.batch_items.load(Ordering::Relaxed)).filter(|&items| items > 0)
    }
}

fn read(micros: &AtomicU64) -> Option<Duration> {
    micros.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_micros)
}
