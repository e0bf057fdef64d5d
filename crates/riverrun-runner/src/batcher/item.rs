//! One waiting request.

use std::time::Instant;

use super::compose::Candidate;
use super::reply::Reply;
use crate::runnable::{Prepared, Runnable};

/// What a request holds while it waits.
pub(crate) enum Work<R: Runnable> {
    /// As the caller gave it; a worker prepares it.
    Raw(R::Input),
    /// Ready for a batch, and what it costs.
    Ready(R::Prepared, usize),
}

impl<R: Runnable> From<Prepared<R::Prepared>> for Work<R> {
    fn from(prepared: Prepared<R::Prepared>) -> Self {
        Self::Ready(prepared.value, prepared.cost)
    }
}

pub(crate) struct Item<R: Runnable> {
    pub(crate) work: Work<R>,
    pub(crate) method: usize,
    /// Its caller is blocked and computes it if nobody else does.
    pub(crate) own: bool,
    pub(crate) since: Instant,
    pub(crate) deadline: Option<Instant>,
    pub(crate) reply: Reply<R::Output>,
}

impl<R: Runnable> Item<R> {
    pub(crate) fn candidate(&self, raw_cost: usize) -> Candidate {
        let cost = match &self.work {
            Work::Raw(_) => raw_cost,
            Work::Ready(_, cost) => *cost,
        };
        Candidate { cost, method: self.method }
    }
}
