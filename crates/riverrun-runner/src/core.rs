//! A loaded runner: the runnable, its queue, and the ways a request takes through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::batcher::{Batching, Filling, Item, Queue, Reply, Slot, Taken, Waited, Work, execute, execute_one, guarded};
use crate::compute::{Claim, Held, Job, Permit, Permits, RunnerAlive};
use crate::error::RunnerError;
use crate::observer::{BatchReport, Observers};
use crate::runnable::{ItemError, Prepared, Runnable};
use crate::stats::Counters;

/// Held back for others at most this part of a batch's time, and not at all below what a timer can do.
const LINGER_PART: u32 = 20;
const LEAST_LINGER: Duration = Duration::from_micros(100);

pub(crate) struct Core<R: Runnable> {
    pub(crate) name: Arc<str>,
    pub(crate) runnable: Arc<R>,
    pub(crate) methods: Vec<String>,
    pub(crate) batching: Batching,
    pub(crate) queue: Queue<R>,
    pub(crate) counters: Counters,
    pub(crate) observers: Observers,
    pub(crate) permits: &'static Permits,
    /// Callers in the middle of `prepare`, whose requests are about to arrive.
    preparing: AtomicUsize,
    _alive: RunnerAlive,
}

/// A batch that can be computed.
struct Ready<R: Runnable> {
    values: Vec<R::Prepared>,
    replies: Vec<Reply<R::Output>>,
    cost: usize,
    /// Since when the one that waited longest has waited.
    oldest: Option<Instant>,
}

impl<R: Runnable> Core<R> {
    pub(crate) fn new(name: Arc<str>, runnable: Arc<R>, batching: Batching, permits: &'static Permits) -> Self {
        let methods = runnable.signatures().iter().map(|one| one.name().to_owned()).collect();
        Self {
            name,
            runnable,
            methods,
            batching,
            queue: Queue::new(),
            counters: Counters::default(),
            observers: Observers::default(),
            permits,
            preparing: AtomicUsize::new(0),
            _alive: RunnerAlive::new(),
        }
    }

    pub(crate) fn item_error(&self, error: ItemError) -> RunnerError {
        RunnerError::Item { runner: self.name.clone(), error }
    }

    pub(crate) fn timed_out(&self, timeout: Duration) -> RunnerError {
        RunnerError::TimedOut { runner: self.name.clone(), timeout }
    }

    pub(crate) fn method_name(&self, method: usize) -> &str {
        self.methods.get(method).map_or("", String::as_str)
    }

    /// As [`prepare`](Self::prepare), for a request that is about to arrive.
    pub(crate) fn prepare_to_push(&self, method: usize, input: R::Input) -> Result<Prepared<R::Prepared>, RunnerError> {
        self.preparing.fetch_add(1, Ordering::Relaxed);
        let prepared = self.prepare(method, input);
        self.preparing.fetch_sub(1, Ordering::Relaxed);
        prepared
    }

    /// Prepares on the calling thread.
    pub(crate) fn prepare(&self, method: usize, input: R::Input) -> Result<Prepared<R::Prepared>, RunnerError> {
        let prepared = guarded("prepare", || self.runnable.prepare_method(self.method_name(method), input));
        match prepared {
            Ok(prepared) => {
                self.counters.cost(prepared.cost);
                Ok(prepared)
            }
            Err(error) => {
                self.counters.failed(1);
                Err(self.item_error(error))
            }
        }
    }

    /// Computes one prepared item and waits for it.
    pub(crate) fn run(
        self: &Arc<Self>, method: usize, prepared: Prepared<R::Prepared>, timeout: Option<Duration>,
    ) -> Result<R::Output, RunnerError> {
        let mut nested = Held::lend(self.permits);
        let mut permit = nested.take().or_else(|| self.permits.try_acquire());
        let result = if permit.is_some() && self.queue.len() == 0 {
            self.run_alone(method, prepared)
        } else {
            let slot = Arc::new(Slot::new());
            let reply = Reply::slot(&self.name, slot.clone());
            let mut item = self.item(method, Work::from(prepared), timeout, reply);
            item.own = true;
            let deadline = item.deadline;
            self.queue.push_own(item);
            self.help_until(&slot, &mut permit, deadline, timeout)
        };
        nested.keep(permit);
        result
    }

    pub(crate) fn item(
        &self, method: usize, work: Work<R>, timeout: Option<Duration>, reply: Reply<R::Output>,
    ) -> Item<R> {
        let since = Instant::now();
        let deadline = timeout.and_then(|timeout| since.checked_add(timeout));
        Item { work, method, own: false, since, deadline, reply }
    }

    /// Waits for the answer in `slot`; computes batches of the queue meanwhile, whenever it gets a permit.
    pub(crate) fn help_until<T: Send + 'static>(
        self: &Arc<Self>, slot: &Arc<Slot<T>>, permit: &mut Option<Permit>, deadline: Option<Instant>,
        timeout: Option<Duration>,
    ) -> Result<T, RunnerError> {
        let mut claim = true;
        loop {
            if let Some(granted) = permit.take() {
                // With nothing in the queue, others are at what is missing: then only the answer is worth waiting for.
                claim = self.serve_batch();
                if let Some(answer) = slot.try_answer() {
                    *permit = Some(granted);
                    return answer;
                }
                // To the back of the line: other runners wait too.
                drop(granted);
            }
            if std::mem::take(&mut claim) {
                self.permits.claim(Claim::Thread(slot.clone()));
            }
            match slot.wait(deadline) {
                Waited::Answer(answer) => return answer,
                Waited::Permit(granted) => *permit = Some(granted),
                Waited::DeadlinePassed => {
                    slot.leave();
                    return Err(self.timed_out(timeout.unwrap_or_default()));
                }
            }
        }
    }

    /// Has a worker look after the queue.
    pub(crate) fn post(self: &Arc<Self>) {
        self.permits.claim(Claim::Job(self.clone()));
    }

    /// Computes batches until fewer requests wait than may.
    pub(crate) fn make_room(self: &Arc<Self>, permit: &mut Option<Permit>) {
        while self.queue.len() >= self.batching.max_queue {
            let granted = permit.take().unwrap_or_else(|| self.permits.acquire());
            self.serve_batch();
            drop(granted);
        }
    }

    /// Computes the next batch, on the calling thread's permit; says whether there was one.
    pub(crate) fn serve_batch(self: &Arc<Self>) -> bool {
        self.linger();
        let taken = self.queue.take(&self.batching, self.counters.likely_cost());
        let Taken { batch, abandoned, late, post, when_room } = taken;
        if post {
            self.post();
        }
        self.counters.abandoned(abandoned.len() + late.len());
        abandoned.into_iter().for_each(|item| item.reply.revoke());
        for item in late {
            let timeout = item.deadline.map_or(Duration::ZERO, |at| at - item.since);
            item.reply.send(Err(self.timed_out(timeout)));
        }
        for callback in when_room {
            // A panic of it is its owner's; the batch goes on.
            let called = std::panic::catch_unwind(std::panic::AssertUnwindSafe(callback));
            drop(called);
        }
        if batch.is_empty() {
            return false;
        }
        let method = batch.first().map_or(0, |item| item.method);
        let ready = self.ready(method, batch);
        self.run_together(method, ready);
        true
    }

    /// Prepares what is not, answers what cannot be, and puts back what does not fit after all.
    fn ready(self: &Arc<Self>, method: usize, batch: Vec<Item<R>>) -> Ready<R> {
        let mut filling = Filling::default();
        let mut values = Vec::with_capacity(batch.len());
        let mut replies = Vec::with_capacity(batch.len());
        let (mut batch_cost, mut oldest) = (0_usize, None);
        let mut too_many = Vec::new();
        for mut item in batch {
            if let Work::Raw(input) = item.work {
                // The calling thread computes on a permit: a runner called in `prepare` may use it.
                let held = Held::mark(self.permits);
                let prepared = self.prepare(method, input);
                drop(held);
                match prepared {
                    Ok(prepared) => item.work = Work::from(prepared),
                    Err(error) => {
                        item.reply.send(Err(error));
                        continue;
                    }
                }
            }
            let fits = too_many.is_empty() && filling.admits(item.candidate(0), &self.batching);
            match item.work {
                Work::Ready(value, cost) if fits => {
                    batch_cost = batch_cost.saturating_add(cost);
                    oldest = oldest.or(Some(item.since)).min(Some(item.since));
                    values.push(value);
                    replies.push(item.reply);
                }
                _ => too_many.push(item),
            }
        }
        if !too_many.is_empty() && self.queue.put_back(too_many) {
            self.post();
        }
        Ready { values, replies, cost: batch_cost, oldest }
    }

    fn run_together(&self, method: usize, ready: Ready<R>) {
        let Ready { values, replies, cost, oldest } = ready;
        if values.is_empty() {
            return;
        }
        let began = Instant::now();
        let results = execute(&*self.runnable, self.permits, self.method_name(method), values);
        let took = began.elapsed();
        let (items, failed) = (results.len(), results.iter().filter(|result| result.is_err()).count());
        self.counters.batch(items);
        self.counters.batch_took(took);
        self.counters.failed(failed);
        let queued = oldest.map_or(Duration::ZERO, |oldest| began.saturating_duration_since(oldest));
        self.observers.tell(|| BatchReport { items, cost, failed, queued, took });
        for (reply, result) in replies.into_iter().zip(results) {
            reply.send(result.map_err(|error| self.item_error(error)));
        }
    }

    fn run_alone(&self, method: usize, item: Prepared<R::Prepared>) -> Result<R::Output, RunnerError> {
        let (cost, began) = (item.cost, Instant::now());
        let result = execute_one(&*self.runnable, self.permits, self.method_name(method), item.value);
        let failed = usize::from(result.is_err());
        self.counters.batch(1);
        self.counters.failed(failed);
        let queued = Duration::ZERO;
        self.observers.tell(|| BatchReport { items: 1, cost, failed, queued, took: began.elapsed() });
        result.map_err(|error| self.item_error(error))
    }

    /// Gives requests that are being prepared a chance to be in the next batch.
    fn linger(&self) {
        if self.preparing.load(Ordering::Relaxed) == 0 || self.permits.any_idle() {
            return;
        }
        let until = Instant::now() + self.counters.likely_batch() / LINGER_PART;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let waiting = self.queue.len();
            let filled = waiting >= self.batching.max_batch_size
                || waiting * self.counters.likely_cost() >= self.batching.max_batch_cost;
            let coming = self.preparing.load(Ordering::Relaxed) > 0;
            if waiting == 0 || filled || !coming || left < LEAST_LINGER {
                return;
            }
            if !self.queue.linger(left, self.batching.max_latency) {
                return;
            }
        }
    }
}

impl<R: Runnable> Job for Core<R> {
    fn wanted(&self) -> bool {
        self.queue.job_wanted()
    }

    fn serve(self: Arc<Self>, permit: Permit) -> Permit {
        self.queue.job_started();
        self.serve_batch();
        permit
    }
}
