//! The ways to call one method and wait for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::batcher::{Filling, Group, Item, OnEach, Reply, Slot, Work};
use crate::compute::Held;
use crate::core::Core;
use crate::error::{Rejected, RunnerError};
use crate::request::RequestOptions;
use crate::runnable::Runnable;
use crate::runtime;

/// One method of a runner, and options for the requests that are made through it. It keeps what the runner runs loaded.
///
/// Same calls as on [`Runner`](crate::Runner), to this method.
pub struct Method<R: Runnable> {
    core: Arc<Core<R>>,
    index: usize,
    options: RequestOptions,
}

impl<R: Runnable> Clone for Method<R> {
    fn clone(&self) -> Self {
        Self { core: self.core.clone(), index: self.index, options: self.options.clone() }
    }
}

impl<R: Runnable> std::fmt::Debug for Method<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Method").field("runner", &self.core.name).field("name", &self.name()).finish_non_exhaustive()
    }
}

type Results<R> = Vec<Result<<R as Runnable>::Output, RunnerError>>;

impl<R: Runnable> Method<R> {
    pub(crate) fn new(core: Arc<Core<R>>, index: usize) -> Self {
        Self { core, index, options: RequestOptions::default() }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        self.core.method_name(self.index)
    }

    /// The same method, for requests with these options.
    #[must_use]
    pub fn with(mut self, options: RequestOptions) -> Self {
        self.options = options;
        self
    }

    /// As [`Runner::run`](crate::Runner::run).
    ///
    /// # Errors
    /// The same.
    pub fn run(&self, input: impl Into<R::Input>) -> Result<R::Output, RunnerError> {
        may_block(&self.core, "run")?;
        let work = self.core.prepare_to_push(self.index, input.into())?;
        self.core.run(self.index, work, &self.options)
    }

    /// As [`Runner::try_run`](crate::Runner::try_run).
    ///
    /// # Errors
    /// The same.
    pub fn try_run(&self, input: impl Into<R::Input>) -> Result<R::Output, RunnerError> {
        if self.core.queue.len() >= self.core.batching.max_queue {
            return Err(full(&self.core));
        }
        self.run(input)
    }

    /// As [`Runner::run_batch`](crate::Runner::run_batch).
    ///
    /// # Errors
    /// The same.
    pub fn run_batch(&self, inputs: Vec<impl Into<R::Input>>) -> Result<Results<R>, RunnerError> {
        may_block(&self.core, "run_batch")?;
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        let inputs = inputs.into_iter().map(Into::into);
        if self.core.is_remote() { self.run_batch_elsewhere(inputs) } else { self.run_batch_here(inputs) }
    }

    fn run_batch_here(&self, inputs: impl ExactSizeIterator<Item = R::Input>) -> Result<Results<R>, RunnerError> {
        let core = &self.core;
        let mut nested = Held::lend(core.permits);
        let mut permit = nested.take();
        let (group, slot) = Group::waited_for(inputs.len());
        let mut pending: Vec<Item<R>> = Vec::new();
        let mut filling = Filling::default();
        let mut deadline = None;
        for (index, input) in inputs.enumerate() {
            let work = match core.prepare(self.index, input) {
                Ok(Work::Known(output)) => {
                    core.remembered(&self.options);
                    group.answer(index, Ok(output));
                    continue;
                }
                Ok(work) => work,
                Err(error) => {
                    group.answer(index, Err(error));
                    continue;
                }
            };
            let item = self.item(work, Reply::group(&core.name, group.clone(), index));
            deadline = deadline.or(item.deadline);
            if !filling.admits(item.candidate(0), &core.batching) {
                // A whole batch: others compute it while this thread prepares the next.
                core.make_room(&mut permit);
                if core.queue.push(std::mem::take(&mut pending)) {
                    core.post();
                }
                filling = Filling::default();
                filling.admits(item.candidate(0), &core.batching);
            }
            pending.push(item);
        }
        core.make_room(&mut permit);
        permit = permit.or_else(|| core.permits.try_acquire());
        if permit.is_some() {
            core.queue.push_quietly(pending);
        } else if core.queue.push(pending) {
            core.post();
        }
        let answers = core.help_until(&slot, &mut permit, deadline, core.timeout(&self.options));
        nested.keep(permit);
        answers
    }

    fn run_batch_elsewhere(&self, inputs: impl ExactSizeIterator<Item = R::Input>) -> Result<Results<R>, RunnerError> {
        let core = &self.core;
        let mut nested = Held::lend(core.permits);
        drop(nested.take());
        let (group, slot) = Group::waited_for(inputs.len());
        let mut deadline = None;
        for (index, input) in inputs.enumerate() {
            let item = self.item(core.prepare(self.index, input)?, Reply::group(&core.name, group.clone(), index));
            deadline = deadline.or(item.deadline);
            core.wait_for_room(deadline, core.timeout(&self.options)).inspect_err(|_| slot.leave())?;
            if core.queue.push([item]) {
                core.post();
            }
        }
        let answers = core.wait_for(&slot, deadline, core.timeout(&self.options));
        drop(nested);
        answers
    }

    fn item(&self, work: Work<R>, reply: Reply<R::Output>) -> Item<R> {
        self.core.item(self.index, work, &self.options, reply)
    }

    /// As [`Runner::async_run`](crate::Runner::async_run).
    ///
    /// # Errors
    /// The same.
    pub fn async_run(
        &self, input: impl Into<R::Input>,
    ) -> impl Future<Output = Result<R::Output, RunnerError>> + Send + 'static {
        self.clone().answer(input.into(), false)
    }

    /// As [`Runner::try_async_run`](crate::Runner::try_async_run).
    ///
    /// # Errors
    /// The same.
    pub fn try_async_run(
        &self, input: impl Into<R::Input>,
    ) -> impl Future<Output = Result<R::Output, RunnerError>> + Send + 'static {
        self.clone().answer(input.into(), true)
    }

    pub(crate) async fn answer(self, input: R::Input, refuse: bool) -> Result<R::Output, RunnerError> {
        if refuse && self.core.queue.len() >= self.core.batching.max_queue {
            return Err(full(&self.core));
        }
        let work = match self.core.prepare_to_push(self.index, input)? {
            Work::Known(output) => {
                self.core.remembered(&self.options);
                return Ok(output);
            }
            work => work,
        };
        let slot = Arc::new(Slot::new());
        let item = self.item(work, Reply::slot(&self.core.name, slot.clone()));
        // From here on, dropping the future abandons the request.
        let answer = Answer { slot };
        push(&self.core, vec![item], refuse)?;
        answer.await
    }

    /// Computes many items on any async runtime: one result each, in order. They are prepared on the threads that compute them, and those
    /// not computed yet are left out if the future is dropped.
    ///
    /// # Errors
    /// [`QueueFull`](RunnerError::QueueFull) when there is no room now; an input larger than the queue is let in bit by bit.
    pub fn try_async_run_batch(
        &self, inputs: Vec<R::Input>,
    ) -> impl Future<Output = Result<Results<R>, RunnerError>> + Send + 'static {
        self.clone().answer_all(inputs, true)
    }

    /// As [`try_async_run_batch`](Self::try_async_run_batch), but it waits for room in the queue.
    pub fn async_run_batch(
        &self, inputs: Vec<R::Input>,
    ) -> impl Future<Output = Result<Results<R>, RunnerError>> + Send + 'static {
        self.clone().answer_all(inputs, false)
    }

    async fn answer_all(self, inputs: Vec<R::Input>, refuse: bool) -> Result<Results<R>, RunnerError> {
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        let core = &self.core;
        let (group, slot) = Group::waited_for(inputs.len());
        let answers = Answer { slot };
        let mut items: Vec<Item<R>> = inputs
            .into_iter()
            .enumerate()
            .map(|(index, input)| self.item(Work::Raw(input), Reply::group(&core.name, group.clone(), index)))
            .collect();
        drop(group);
        let max = core.batching.max_queue;
        let mut first = refuse;
        while !items.is_empty() {
            let part = items.len().min(if first && items.len() <= max { max } else { max.div_ceil(2) });
            let rest = items.split_off(part);
            match core.queue.try_push(std::mem::replace(&mut items, rest), max) {
                Ok(post) => {
                    if post {
                        core.post();
                    }
                    first = false;
                }
                Err(refused) if first => {
                    refused.into_iter().chain(items).for_each(|item| item.reply.revoke());
                    return Err(full(core));
                }
                Err(mut refused) => {
                    refused.append(&mut items);
                    items = refused;
                    room(core).await?;
                }
            }
        }
        answers.await
    }

    /// As [`Runner::submit`](crate::Runner::submit).
    ///
    /// # Errors
    /// The same.
    pub fn submit(
        &self, input: R::Input, on_done: impl FnOnce(Result<R::Output, RunnerError>) + Send + 'static,
    ) -> Result<(), Rejected<R::Input>> {
        let item = self.item(Work::Raw(input), Reply::callback(&self.core.name, on_done));
        let Err(rejected) = self.hand_over(vec![item]) else { return Ok(()) };
        match rejected.input.into_iter().next() {
            Some(input) => Err(Rejected { input, error: rejected.error }),
            None => Ok(()),
        }
    }

    /// As [`Runner::submit_batch`](crate::Runner::submit_batch).
    ///
    /// # Errors
    /// The same.
    pub fn submit_batch(
        &self, inputs: Vec<R::Input>, on_done: impl FnOnce(Results<R>) + Send + 'static,
    ) -> Result<(), Rejected<Vec<R::Input>>> {
        if inputs.is_empty() {
            on_done(Vec::new());
            return Ok(());
        }
        let group = Arc::new(Group::new(inputs.len(), on_done));
        let items = inputs
            .into_iter()
            .enumerate()
            .map(|(index, input)| self.item(Work::Raw(input), Reply::group(&self.core.name, group.clone(), index)));
        self.hand_over(items.collect())
    }

    /// As [`Runner::submit_each`](crate::Runner::submit_each).
    ///
    /// # Errors
    /// The same.
    pub fn submit_each(
        &self, inputs: Vec<R::Input>, on_each: impl Fn(usize, Result<R::Output, RunnerError>) + Send + Sync + 'static,
    ) -> Result<(), Rejected<Vec<R::Input>>> {
        let on_each: Arc<OnEach<R::Output>> = Arc::new(on_each);
        let items = inputs
            .into_iter()
            .enumerate()
            .map(|(index, input)| self.item(Work::Raw(input), Reply::each(&self.core.name, on_each.clone(), index)));
        self.hand_over(items.collect())
    }

    fn hand_over(&self, items: Vec<Item<R>>) -> Result<(), Rejected<Vec<R::Input>>> {
        match self.core.queue.try_push(items, self.core.batching.max_queue) {
            Ok(true) => self.core.post(),
            Ok(false) => {}
            Err(items) => {
                let error = full(&self.core);
                return Err(Rejected { input: items.into_iter().filter_map(take_back).collect(), error });
            }
        }
        Ok(())
    }
}

fn may_block<R: Runnable>(core: &Core<R>, call: &'static str) -> Result<(), RunnerError> {
    if runtime::polls_tasks() {
        return Err(RunnerError::BlockingInAsync { runner: core.name.clone(), call });
    }
    Ok(())
}

fn full<R: Runnable>(core: &Core<R>) -> RunnerError {
    RunnerError::QueueFull { runner: core.name.clone(), waiting: core.queue.len(), max_queue: core.batching.max_queue }
}

/// Puts accepted items into the queue, or refuses them.
fn push<R: Runnable>(core: &Arc<Core<R>>, items: Vec<Item<R>>, refuse: bool) -> Result<(), RunnerError> {
    let max = if refuse { core.batching.max_queue } else { usize::MAX };
    match core.queue.try_push(items, max) {
        Ok(true) => core.post(),
        Ok(false) => {}
        Err(items) => {
            items.into_iter().for_each(|item| item.reply.revoke());
            return Err(full(core));
        }
    }
    Ok(())
}

/// Waits until the queue accepts items.
async fn room<R: Runnable>(core: &Core<R>) -> Result<(), RunnerError> {
    let slot = Arc::new(Slot::<()>::new());
    let answer = slot.clone();
    match core.queue.when_room(core.batching.max_queue, Box::new(move || answer.answer(Ok(())))) {
        Some(_) => Ok(()),
        None => Answer { slot }.await,
    }
}

fn take_back<R: Runnable>(item: Item<R>) -> Option<R::Input> {
    item.reply.revoke();
    match item.work {
        Work::Raw(input) => Some(input),
        Work::Ready { .. } | Work::Known(_) | Work::Done => None,
    }
}

struct Answer<O> {
    slot: Arc<Slot<O>>,
}

impl<O> Future for Answer<O> {
    type Output = Result<O, RunnerError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.slot.poll(context)
    }
}

impl<O> Drop for Answer<O> {
    fn drop(&mut self) {
        self.slot.leave();
    }
}
