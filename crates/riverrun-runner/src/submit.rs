//! The ways to hand over work and go on.

use std::sync::Arc;

use crate::batcher::{Group, Item, Reply, Work};
use crate::core::Core;
use crate::error::{Rejected, RunnerError};
use crate::method::full;
use crate::runnable::Runnable;

type Answer<R> = Result<<R as Runnable>::Output, RunnerError>;

pub(crate) fn one<R: Runnable>(
    core: &Arc<Core<R>>, method: usize, input: R::Input, on_done: impl FnOnce(Answer<R>) + Send + 'static,
) -> Result<(), Rejected<R::Input>> {
    let reply = Reply::callback(&core.name, on_done);
    let item = core.item(method, Work::Raw(input), core.batching.timeout, reply);
    let rejected = match push(core, vec![item]) {
        Ok(()) => return Ok(()),
        Err(rejected) => rejected,
    };
    match rejected.input.into_iter().next() {
        Some(input) => Err(Rejected { input, error: rejected.error }),
        None => Ok(()),
    }
}

pub(crate) fn together<R: Runnable>(
    core: &Arc<Core<R>>, method: usize, inputs: Vec<R::Input>, on_done: impl FnOnce(Vec<Answer<R>>) + Send + 'static,
) -> Result<(), Rejected<Vec<R::Input>>> {
    if inputs.is_empty() {
        on_done(Vec::new());
        return Ok(());
    }
    let group = Arc::new(Group::new(inputs.len(), on_done));
    let items = inputs.into_iter().enumerate().map(|(index, input)| {
        let reply = Reply::group(&core.name, group.clone(), index);
        core.item(method, Work::Raw(input), core.batching.timeout, reply)
    });
    push(core, items.collect())
}

pub(crate) fn each<R: Runnable>(
    core: &Arc<Core<R>>, method: usize, inputs: Vec<R::Input>,
    on_each: impl Fn(usize, Answer<R>) + Send + Sync + 'static,
) -> Result<(), Rejected<Vec<R::Input>>> {
    let on_each: Arc<dyn Fn(usize, Answer<R>) + Send + Sync> = Arc::new(on_each);
    let items = inputs.into_iter().enumerate().map(|(index, input)| {
        let reply = Reply::each(&core.name, on_each.clone(), index);
        core.item(method, Work::Raw(input), core.batching.timeout, reply)
    });
    push(core, items.collect())
}

fn push<R: Runnable>(core: &Arc<Core<R>>, items: Vec<Item<R>>) -> Result<(), Rejected<Vec<R::Input>>> {
    match core.queue.try_push(items, core.batching.max_queue) {
        Ok(true) => core.post(),
        Ok(false) => {}
        Err(items) => {
            let error = full(core);
            return Err(Rejected { input: items.into_iter().filter_map(take_back).collect(), error });
        }
    }
    Ok(())
}

fn take_back<R: Runnable>(item: Item<R>) -> Option<R::Input> {
    item.reply.revoke();
    match item.work {
        Work::Raw(input) => Some(input),
        Work::Ready(..) => None,
    }
}
