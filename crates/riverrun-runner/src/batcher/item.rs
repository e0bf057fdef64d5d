//! One waiting request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::compose::Candidate;
use super::reply::Reply;
use crate::cache::CacheKey;
use crate::request::{Priority, RequestTiming};
use crate::runnable::Runnable;

/// What a request holds while it waits.
pub(crate) enum Work<R: Runnable> {
    /// As the caller gave it; a worker prepares it, or a service somewhere else.
    Raw(R::Input),
    /// Ready for a batch, what it costs, and what its result is remembered under.
    Ready { value: R::Prepared, cost: usize, key: Option<CacheKey> },
    /// The result is remembered.
    Known(R::Output),
    /// Handed over to whoever computes it.
    Done,
}

pub(crate) struct Item<R: Runnable> {
    pub(crate) work: Work<R>,
    pub(crate) method: usize,
    /// Its caller is blocked and computes it if nobody else does.
    pub(crate) own: bool,
    pub(crate) since: Instant,
    pub(crate) deadline: Option<Instant>,
    pub(crate) priority: Priority,
    pub(crate) timing: Option<Arc<RequestTiming>>,
    pub(crate) reply: Reply<R::Output>,
}

impl<R: Runnable> Item<R> {
    /// Its place in the order of all that wait: the time at which it came, later for lower priorities.
    pub(crate) fn due(&self) -> Instant {
        #[allow(clippy::cast_possible_truncation, reason = "there are three lanes")]
        let behind = Priority::HEAD_START * self.priority.lane() as u32;
        self.since + behind
    }

    /// Notes where its time went.
    pub(crate) fn note(&self, began: Instant, took: Duration, items: usize) {
        if let Some(timing) = &self.timing {
            timing.note(began.saturating_duration_since(self.since), took, items);
        }
    }

    pub(crate) fn candidate(&self, raw_cost: usize) -> Candidate {
        let cost = match &self.work {
            Work::Raw(_) => raw_cost,
            Work::Ready { cost, .. } => *cost,
            Work::Known(_) | Work::Done => 0,
        };
        Candidate { cost, method: self.method }
    }
}
