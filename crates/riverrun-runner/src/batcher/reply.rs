//! Who gets the answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::slot::Slot;
use crate::error::RunnerError;
use crate::sync::{Mutex, lock};

type Answer<O> = Result<O, RunnerError>;
/// What gets each of several answers as it comes.
pub(crate) type OnEach<O> = dyn Fn(usize, Answer<O>) + Send + Sync;
type AllSlot<O> = Arc<Slot<Vec<Answer<O>>>>;
/// A group, and where its caller waits for it.
pub(crate) type WaitedFor<O> = (Arc<Group<O>>, AllSlot<O>);

/// The way back to the caller; used exactly once, at the latest when dropped.
pub(crate) struct Reply<O> {
    to: Option<To<O>>,
    runner: Arc<str>,
}

enum To<O> {
    Slot(Arc<Slot<O>>),
    Callback(Box<dyn FnOnce(Answer<O>) + Send>),
    Each(Arc<OnEach<O>>, usize),
    Group(Arc<Group<O>>, usize),
}

impl<O> Reply<O> {
    pub(crate) fn slot(runner: &Arc<str>, slot: Arc<Slot<O>>) -> Self {
        Self { to: Some(To::Slot(slot)), runner: runner.clone() }
    }

    pub(crate) fn callback(runner: &Arc<str>, callback: impl FnOnce(Answer<O>) + Send + 'static) -> Self {
        Self { to: Some(To::Callback(Box::new(callback))), runner: runner.clone() }
    }

    pub(crate) fn each(runner: &Arc<str>, callback: Arc<OnEach<O>>, index: usize) -> Self {
        Self { to: Some(To::Each(callback, index)), runner: runner.clone() }
    }

    pub(crate) fn group(runner: &Arc<str>, group: Arc<Group<O>>, index: usize) -> Self {
        Self { to: Some(To::Group(group, index)), runner: runner.clone() }
    }

    /// Whether a caller waits for this answer alone, and so is likely to come back with the next request.
    pub(crate) fn is_of_one(&self) -> bool {
        matches!(self.to, Some(To::Slot(_)))
    }

    /// The request is in a batch now.
    pub(crate) fn take(&self) {
        if let Some(To::Slot(slot)) = &self.to {
            slot.take();
        }
    }

    /// Whether nobody wants the answer any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        match &self.to {
            Some(To::Slot(slot)) => slot.is_left(),
            Some(To::Group(group, _)) => group.slot.as_ref().is_some_and(|slot| slot.is_left()),
            _ => false,
        }
    }

    pub(crate) fn send(mut self, answer: Answer<O>) {
        self.deliver(answer);
    }

    /// Takes back a request that was not accepted: nobody is told.
    pub(crate) fn revoke(mut self) {
        self.to = None;
    }

    fn deliver(&mut self, answer: Answer<O>) {
        let Some(to) = self.to.take() else { return };
        // A callback that panics must not take the other answers of its batch with it.
        let told = catch_unwind(AssertUnwindSafe(|| match to {
            To::Slot(slot) => slot.answer(answer),
            To::Callback(callback) => callback(answer),
            To::Each(callback, index) => callback(index, answer),
            To::Group(group, index) => group.answer(index, answer),
        }));
        drop(told);
    }
}

impl<O> Drop for Reply<O> {
    fn drop(&mut self) {
        if self.to.is_some() {
            self.deliver(Err(RunnerError::Closed { runner: self.runner.clone() }));
        }
    }
}

/// The answers of requests that were made together.
pub(crate) struct Group<O> {
    state: Mutex<GroupState<O>>,
    /// Where a caller waits for all of them.
    slot: Option<AllSlot<O>>,
}

type OnDone<O> = Box<dyn FnOnce(Vec<Answer<O>>) + Send>;

struct GroupState<O> {
    answers: Vec<Option<Answer<O>>>,
    missing: usize,
    on_done: Option<OnDone<O>>,
}

impl<O: Send + 'static> Group<O> {
    /// A group whose answers a caller waits for.
    pub(crate) fn waited_for(count: usize) -> WaitedFor<O> {
        let slot = Arc::new(Slot::new());
        let to = slot.clone();
        let group = Self::new(count, move |answers| to.answer(Ok(answers)));
        (Arc::new(Self { slot: Some(slot.clone()), ..group }), slot)
    }
}

impl<O> Group<O> {
    pub(crate) fn new(count: usize, on_done: impl FnOnce(Vec<Answer<O>>) + Send + 'static) -> Self {
        let answers = (0..count).map(|_| None).collect();
        let state = GroupState { answers, missing: count, on_done: Some(Box::new(on_done)) };
        Self { state: Mutex::new(state), slot: None }
    }

    pub(crate) fn answer(&self, index: usize, answer: Answer<O>) {
        let done = {
            let mut state = lock(&self.state);
            if let Some(place @ None) = state.answers.get_mut(index) {
                *place = Some(answer);
                state.missing -= 1;
            }
            if state.missing > 0 {
                return;
            }
            let answers = std::mem::take(&mut state.answers);
            state.on_done.take().map(|on_done| (on_done, answers))
        };
        if let Some((on_done, answers)) = done {
            on_done(answers.into_iter().flatten().collect());
        }
    }
}
