//! The other end of a runner whose batches are computed elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, error::TryRecvError};

use crate::batcher::{BatchCut, Item, Work};
use crate::core::Core;
use crate::error::RunnerError;
use crate::observer::BatchReport;
use crate::request::Priority;
use crate::runnable::{ItemError, Runnable};
use crate::wire::Map;

/// Where a core says that there is something in its queue. It sends itself along, so that what was accepted is computed
/// even if the last runner is gone by then.
pub(crate) struct Remote<R: Runnable> {
    posted: mpsc::UnboundedSender<Arc<Core<R>>>,
}

impl<R: Runnable> Remote<R> {
    pub(crate) fn post(&self, core: &Arc<Core<R>>) {
        if let Err(gone) = self.posted.send(core.clone()) {
            // Nobody calls the service any more: those who wait are told, now and whenever one comes.
            gone.0.close_waiting();
        }
    }
}

/// The queue of a remote runner, for whoever sends its batches to a service: see
/// [`Runner::init_remote`](crate::Runner::init_remote).
///
/// Limits, priorities, deadlines and abandoned requests are taken care of. When it is dropped, all that wait are answered with
/// [`Closed`](RunnerError::Closed).
pub struct RemoteQueue<R: Runnable> {
    name: Arc<str>,
    parameters: Map,
    posted: mpsc::UnboundedReceiver<Arc<Core<R>>>,
}

impl<R: Runnable> RemoteQueue<R> {
    pub(crate) fn new(name: Arc<str>, parameters: Map) -> (Remote<R>, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Remote { posted: sender }, Self { name, parameters, posted: receiver })
    }

    /// The runner's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the runner asks for with every item: see [`Runner::parameters`](crate::Runner::parameters).
    #[must_use]
    pub fn parameters(&self) -> &Map {
        &self.parameters
    }

    /// Waits for the next batch; nothing when the last clone of the runner is gone and all it accepted was handed out.
    ///
    /// To be called when the service can take one: until then a batch fills.
    pub async fn next(&mut self) -> Option<RemoteBatch<R>> {
        loop {
            let core = self.posted.recv().await?;
            core.queue.job_started();
            if let Some(batch) = core.take_batch(usize::MAX) {
                return Some(RemoteBatch::new(core, batch.items, batch.cut, batch.waiting));
            }
        }
    }
}

impl<R: Runnable> Drop for RemoteQueue<R> {
    fn drop(&mut self) {
        self.posted.close();
        loop {
            match self.posted.try_recv() {
                Ok(core) => core.close_waiting(),
                Err(TryRecvError::Disconnected) => return,
                // One is being sent at this moment.
                Err(TryRecvError::Empty) => std::thread::yield_now(),
            }
        }
    }
}

impl<R: Runnable> std::fmt::Debug for RemoteQueue<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteQueue").field("runner", &self.name).finish_non_exhaustive()
    }
}

/// Requests for one method that are to be answered together. What is dropped without an answer is answered with
/// [`Closed`](RunnerError::Closed).
pub struct RemoteBatch<R: Runnable> {
    core: Arc<Core<R>>,
    inputs: Vec<R::Input>,
    items: Vec<Item<R>>,
    cut: BatchCut,
    waiting: usize,
    began: Instant,
}

impl<R: Runnable> RemoteBatch<R> {
    fn new(core: Arc<Core<R>>, mut items: Vec<Item<R>>, cut: BatchCut, waiting: usize) -> Self {
        let mut inputs = Vec::with_capacity(items.len());
        items.retain_mut(|item| match std::mem::replace(&mut item.work, Work::Done) {
            Work::Raw(input) => {
                inputs.push(input);
                true
            }
            Work::Ready { .. } | Work::Known(_) | Work::Done => false,
        });
        Self { core, inputs, items, cut, waiting, began: Instant::now() }
    }

    /// The runner's method that was called.
    #[must_use]
    pub fn method(&self) -> &str {
        self.core.method_name(self.items.first().map_or(0, |item| item.method))
    }

    /// The items.
    #[must_use]
    pub fn inputs(&self) -> &[R::Input] {
        &self.inputs
    }

    /// How many items there are, at least one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Whether there is no item, which a batch from a queue never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    /// When all of its callers have given up; none if one waits without limit.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.items.iter().map(|item| item.deadline).max_by_key(|deadline| (deadline.is_none(), *deadline)).flatten()
    }

    /// The highest priority of its items.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.items.iter().map(|item| item.priority).max().unwrap_or_default()
    }

    /// Whether nobody waits for an answer any more.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.items.iter().all(|item| item.reply.is_abandoned())
    }

    /// Two halves, for a service that fails on the whole; the second is empty if there is one item.
    #[must_use]
    pub fn split(mut self) -> (Self, Self) {
        let half = self.len().div_ceil(2);
        let second = Self {
            core: self.core.clone(),
            inputs: self.inputs.split_off(half),
            items: self.items.split_off(half),
            ..self
        };
        (Self { inputs: self.inputs, items: self.items, core: second.core.clone(), ..second }, second)
    }

    /// Gives each item its result, in order. With another number of them than there are items, all items are told so: none
    /// can be told whose it is.
    pub fn answer(self, results: Vec<Result<R::Output, RunnerError>>) {
        if results.len() != self.items.len() {
            let error = self.core.item_error(miscounted(self.items.len(), results.len()));
            return self.fail(&error);
        }
        let took = self.began.elapsed();
        let failed = results.iter().filter(|result| result.is_err()).count();
        let (cut, waiting) = (self.cut, self.waiting);
        self.core.account(self.began, took, &self.items, failed, |report| BatchReport { cut, waiting, ..report });
        let count = self.items.len();
        for (item, result) in self.items.into_iter().zip(results) {
            item.note(self.began, took, count);
            item.reply.send(result);
        }
    }

    /// Gives every item this error.
    pub fn fail(self, error: &RunnerError) {
        let results = self.items.iter().map(|_| Err(error.clone())).collect();
        self.answer(results);
    }

    /// The time since it was taken out of the queue.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }
}

fn miscounted(items: usize, results: usize) -> ItemError {
    ItemError::new(format!(
        "{results} results came for a batch of {items}, so none can be told whose it is; the service has to give one per \
         item"
    ))
}

impl<R: Runnable> std::fmt::Debug for RemoteBatch<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteBatch")
            .field("runner", &self.core.name)
            .field("items", &self.len())
            .finish_non_exhaustive()
    }
}
