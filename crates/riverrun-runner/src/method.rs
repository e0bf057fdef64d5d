//! The ways to call one method and wait for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::batcher::{Filling, Group, Item, Reply, Slot, Work};
use crate::compute::Held;
use crate::core::Core;
use crate::error::{Rejected, RunnerError};
use crate::runnable::Runnable;
use crate::runtime;

/// One method of a runner, by name. It keeps what the runner runs loaded.
///
/// Same calls as on [`Runner`](crate::Runner), to this method.
pub struct Method<R: Runnable> {
    core: Arc<Core<R>>,
    index: usize,
}

impl<R: Runnable> Clone for Method<R> {
    fn clone(&self) -> Self {
        Self { core: self.core.clone(), index: self.index }
    }
}

impl<R: Runnable> std::fmt::Debug for Method<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Method").field("runner", &self.core.name).field("name", &self.name()).finish_non_exhaustive()
    }
}

impl<R: Runnable> Method<R> {
    pub(crate) fn new(core: Arc<Core<R>>, index: usize) -> Self {
        Self { core, index }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        self.core.method_name(self.index)
    }

    /// As [`Runner::run`](crate::Runner::run).
    ///
    /// # Errors
    /// The same.
    pub fn run(&self, input: impl Into<R::Input>) -> Result<R::Output, RunnerError> {
        run(&self.core, self.index, input.into(), self.core.batching.timeout)
    }

    /// As [`Runner::run_batch`](crate::Runner::run_batch).
    ///
    /// # Errors
    /// The same.
    pub fn run_batch(
        &self, inputs: Vec<impl Into<R::Input>>,
    ) -> Result<Vec<Result<R::Output, RunnerError>>, RunnerError> {
        run_batch(&self.core, self.index, inputs)
    }

    /// As [`Runner::async_run`](crate::Runner::async_run).
    ///
    /// # Errors
    /// The same.
    pub fn async_run(
        &self, input: impl Into<R::Input>,
    ) -> impl Future<Output = Result<R::Output, RunnerError>> + Send + 'static {
        async_run(Ok((self.core.clone(), self.index)), input.into(), false)
    }

    /// As [`Runner::submit_each`](crate::Runner::submit_each).
    ///
    /// # Errors
    /// The same.
    pub fn submit_each(
        &self, inputs: Vec<R::Input>, on_each: impl Fn(usize, Result<R::Output, RunnerError>) + Send + Sync + 'static,
    ) -> Result<(), Rejected<Vec<R::Input>>> {
        crate::submit::each(&self.core, self.index, inputs, on_each)
    }
}

fn may_block<R: Runnable>(core: &Core<R>, call: &'static str) -> Result<(), RunnerError> {
    if runtime::polls_tasks() {
        return Err(RunnerError::BlockingInAsync { runner: core.name.clone(), call });
    }
    Ok(())
}

pub(crate) fn full<R: Runnable>(core: &Core<R>) -> RunnerError {
    RunnerError::QueueFull { runner: core.name.clone(), waiting: core.queue.len(), max_queue: core.batching.max_queue }
}

pub(crate) fn run<R: Runnable>(
    core: &Arc<Core<R>>, method: usize, input: R::Input, timeout: Option<Duration>,
) -> Result<R::Output, RunnerError> {
    may_block(core, "run")?;
    let prepared = core.prepare_to_push(method, input)?;
    core.run(method, prepared, timeout)
}

pub(crate) fn try_run<R: Runnable>(
    core: &Arc<Core<R>>, method: usize, input: R::Input,
) -> Result<R::Output, RunnerError> {
    if core.queue.len() >= core.batching.max_queue {
        return Err(full(core));
    }
    run(core, method, input, core.batching.timeout)
}

pub(crate) fn run_batch<R: Runnable>(
    core: &Arc<Core<R>>, method: usize, inputs: Vec<impl Into<R::Input>>,
) -> Result<Vec<Result<R::Output, RunnerError>>, RunnerError> {
    may_block(core, "run_batch")?;
    if inputs.is_empty() {
        return Ok(Vec::new());
    }
    let timeout = core.batching.timeout;
    let mut nested = Held::lend(core.permits);
    let mut permit = nested.take();
    let (group, slot) = Group::waited_for(inputs.len());
    let mut pending: Vec<Item<R>> = Vec::new();
    let mut filling = Filling::default();
    let mut deadline = None;
    for (index, input) in inputs.into_iter().enumerate() {
        let prepared = match core.prepare(method, input.into()) {
            Ok(prepared) => prepared,
            Err(error) => {
                group.answer(index, Err(error));
                continue;
            }
        };
        let reply = Reply::group(&core.name, group.clone(), index);
        let item = core.item(method, Work::from(prepared), timeout, reply);
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
    let answers = core.help_until(&slot, &mut permit, deadline, timeout);
    nested.keep(permit);
    answers
}

pub(crate) async fn async_run<R: Runnable>(
    target: Result<(Arc<Core<R>>, usize), RunnerError>, input: R::Input, refuse: bool,
) -> Result<R::Output, RunnerError> {
    let (core, method) = target?;
    if refuse && core.queue.len() >= core.batching.max_queue {
        return Err(full(&core));
    }
    let prepared = core.prepare_to_push(method, input)?;
    let slot = Arc::new(Slot::new());
    let reply = Reply::slot(&core.name, slot.clone());
    let item = core.item(method, Work::from(prepared), core.batching.timeout, reply);
    // From here on, dropping the future abandons the request.
    let answer = Answer { slot };
    if refuse {
        match core.queue.try_push(vec![item], core.batching.max_queue) {
            Ok(true) => core.post(),
            Ok(false) => {}
            Err(items) => {
                items.into_iter().for_each(|item| item.reply.revoke());
                return Err(full(&core));
            }
        }
    } else if core.queue.push([item]) {
        core.post();
    }
    answer.await
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
