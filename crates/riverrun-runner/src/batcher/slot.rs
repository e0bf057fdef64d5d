//! Where a caller waits for its answer.

use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::compute::{Permit, ThreadClaim};
use crate::error::RunnerError;
use crate::sync::{Condvar, Mutex, lock, wait, wait_timeout};

/// One caller's place: its answer, or a permit to compute on its own thread, whichever comes first.
pub(crate) struct Slot<O> {
    state: Mutex<State<O>>,
    wake: Condvar,
}

struct State<O> {
    answer: Option<Result<O, RunnerError>>,
    permit: Option<Permit>,
    waker: Option<Waker>,
    /// The caller is gone, or has its answer.
    left: bool,
    /// The request is in a batch that another thread computes: the caller has no use for a permit.
    taken: bool,
}

pub(crate) enum Waited<O> {
    Answer(Result<O, RunnerError>),
    Permit(Permit),
    DeadlinePassed,
}

impl<O> Slot<O> {
    pub(crate) fn new() -> Self {
        let state = State { answer: None, permit: None, waker: None, left: false, taken: false };
        Self { state: Mutex::new(state), wake: Condvar::new() }
    }

    pub(crate) fn answer(&self, answer: Result<O, RunnerError>) {
        let waker = {
            let mut state = lock(&self.state);
            state.answer = Some(answer);
            state.waker.take()
        };
        self.wake.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether nobody waits here any more.
    pub(crate) fn is_left(&self) -> bool {
        lock(&self.state).left
    }

    pub(crate) fn take(&self) {
        lock(&self.state).taken = true;
    }

    pub(crate) fn leave(&self) {
        // A permit granted meanwhile is given back, outside the lock.
        let permit = {
            let mut state = lock(&self.state);
            state.left = true;
            state.permit.take()
        };
        drop(permit);
    }

    pub(crate) fn try_answer(&self) -> Option<Result<O, RunnerError>> {
        let mut state = lock(&self.state);
        let answer = state.answer.take();
        state.left |= answer.is_some();
        answer
    }

    /// Waits on this thread.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Waited<O> {
        let mut state = lock(&self.state);
        loop {
            if let Some(answer) = state.answer.take() {
                state.left = true;
                let unused = state.permit.take();
                drop(state);
                drop(unused);
                return Waited::Answer(answer);
            }
            if let Some(permit) = state.permit.take() {
                return Waited::Permit(permit);
            }
            state = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => wait(&self.wake, state),
                Some(left) if left.is_zero() => {
                    state.left = true;
                    return Waited::DeadlinePassed;
                }
                Some(left) => wait_timeout(&self.wake, state, left),
            };
        }
    }

    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<Result<O, RunnerError>> {
        let mut state = lock(&self.state);
        match state.answer.take() {
            Some(answer) => {
                state.left = true;
                Poll::Ready(answer)
            }
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<O: Send> ThreadClaim for Slot<O> {
    fn grant(&self, permit: Permit) -> Option<Permit> {
        let mut state = lock(&self.state);
        if state.left || state.taken || state.answer.is_some() {
            return Some(permit);
        }
        state.permit = Some(permit);
        drop(state);
        self.wake.notify_one();
        None
    }
}
