//! Whether the calling thread may block.

use std::task::{Context, Poll, Waker};

use tokio::task::coop;

/// More polls than a task's budget allows for.
const BUDGET: usize = 256;

/// Whether the calling code is polled as a task of an async runtime, whose other tasks would stand still while it blocks.
///
/// Threads of `spawn_blocking` and code in `block_in_place` belong to the runtime too but may block. What tells them
/// apart is tokio's cooperative budget: only a task that is polled has one that runs out. (One that opted out with
/// `unconstrained` is not recognised.)
pub(crate) fn polls_tasks() -> bool {
    if tokio::runtime::Handle::try_current().is_err() {
        return false;
    }
    if !coop::has_budget_remaining() {
        return true;
    }
    let mut context = Context::from_waker(Waker::noop());
    let mut units = Vec::new();
    for _ in 0..BUDGET {
        match coop::poll_proceed(&mut context) {
            Poll::Ready(unit) => units.push(unit),
            Poll::Pending => break,
        }
    }
    let runs_out = units.len() < BUDGET;
    // Each gives back what it took; the last to be taken goes first.
    while units.pop().is_some() {}
    runs_out
}
