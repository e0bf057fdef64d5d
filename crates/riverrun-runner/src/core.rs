//! A bound runner: its queue, where its batches are computed, and the ways a request takes through it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::batcher::{
    Arrivals, BatchCut, Batching, Computing, Filling, Item, Queue, Reply, Slot, Taken, Waited, WhenRoom, Work, alike,
    execute, execute_one, guarded,
};
use crate::cache::{Cache, CacheKey, Caching};
use crate::compute::{Claim, Compute, Held, Job, Permit, Permits, RunnerAlive};
use crate::error::RunnerError;
use crate::observer::{BatchReport, Observers};
use crate::remote::Remote;
use crate::request::RequestOptions;
use crate::runnable::{ItemError, Prepared, Runnable};
use crate::stats::Counters;

pub(crate) struct Core<R: Runnable> {
    pub(crate) name: Arc<str>,
    pub(crate) place: Place<R>,
    pub(crate) methods: Vec<String>,
    pub(crate) batching: Batching,
    pub(crate) queue: Queue<R>,
    pub(crate) counters: Counters,
    pub(crate) observers: Observers,
    pub(crate) permits: &'static Permits,
    cache: Option<Cache<R>>,
    pub(crate) arrivals: Arrivals,
    pub(crate) computing: Computing,
    _alive: RunnerAlive,
}

/// Where batches are computed.
pub(crate) enum Place<R: Runnable> {
    Local(Arc<R>),
    Remote(Remote<R>),
}

/// A batch that was taken out of the queue.
pub(crate) struct Batch<R: Runnable> {
    pub(crate) items: Vec<Item<R>>,
    pub(crate) cut: BatchCut,
    pub(crate) waiting: usize,
}

impl<R: Runnable> Core<R> {
    pub(crate) fn local(
        name: Arc<str>, runnable: Arc<R>, batching: Batching, caching: Option<Caching<R>>, permits: &'static Permits,
    ) -> Self {
        let methods = runnable.signatures().iter().map(|one| one.name().to_owned()).collect();
        let cache = caching.map(Cache::from);
        Self { cache, ..Self::new(name, Place::Local(runnable), methods, batching, permits) }
    }

    pub(crate) fn remote(name: Arc<str>, remote: Remote<R>, methods: Vec<String>, batching: Batching) -> Self {
        Self::new(name, Place::Remote(remote), methods, batching, Permits::global())
    }

    fn new(
        name: Arc<str>, place: Place<R>, methods: Vec<String>, batching: Batching, permits: &'static Permits,
    ) -> Self {
        Self {
            name,
            place,
            methods,
            batching,
            queue: Queue::new(),
            counters: Counters::default(),
            observers: Observers::default(),
            permits,
            cache: None,
            arrivals: Arrivals::new(),
            computing: Computing::default(),
            _alive: RunnerAlive::new(),
        }
    }

    /// What computes in this process; none of a remote runner.
    pub(crate) fn runnable(&self) -> Option<&Arc<R>> {
        match &self.place {
            Place::Local(runnable) => Some(runnable),
            Place::Remote(_) => None,
        }
    }

    pub(crate) fn is_remote(&self) -> bool {
        matches!(self.place, Place::Remote(_))
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
    pub(crate) fn prepare_to_push(&self, method: usize, input: R::Input) -> Result<Work<R>, RunnerError> {
        self.arrivals.begin();
        let work = self.prepare(method, input);
        self.arrivals.prepared();
        work
    }

    /// Prepares on the calling thread what is computed in this process.
    pub(crate) fn prepare(&self, method: usize, input: R::Input) -> Result<Work<R>, RunnerError> {
        let Some(runnable) = self.runnable() else { return Ok(Work::Raw(input)) };
        guarded("prepare", || self.look_up_or_prepare(runnable, method, input)).map_err(|error| {
            self.counters.failed(1);
            RunnerError::InvalidInput { runner: self.name.clone(), error }
        })
    }

    fn look_up_or_prepare(&self, runnable: &R, method: usize, input: R::Input) -> Result<Work<R>, ItemError> {
        let key = self.cache.as_ref().map(|cache| cache.results.key(method, &input));
        if let (Some(cache), Some(key)) = (&self.cache, key) {
            let known = cache.results.get(key);
            self.counters.looked_up(known.is_some());
            if let Some(output) = known {
                return Ok(Work::Known(output));
            }
        }
        let Prepared { value, cost } = runnable.prepare_method(self.method_name(method), input)?;
        self.counters.cost(cost);
        Ok(Work::Ready { value, cost, key })
    }

    /// Notes where the time of a request went whose result is remembered: nowhere.
    pub(crate) fn remembered(&self, options: &RequestOptions) {
        if let Some(timing) = &options.timing {
            timing.note(Duration::ZERO, Duration::ZERO, 0);
        }
    }

    fn remember(&self, key: Option<CacheKey>, result: &Result<R::Output, ItemError>) {
        if let (Some(cache), Some(key), Ok(output)) = (&self.cache, key, result) {
            cache.results.put(key, output);
        }
    }

    /// How many results it remembers at most, if any.
    pub(crate) fn cache_entries(&self) -> Option<usize> {
        self.cache.as_ref().map(|cache| cache.entries)
    }

    /// Computes one item and waits for it.
    pub(crate) fn run(
        self: &Arc<Self>, method: usize, work: Work<R>, options: &RequestOptions,
    ) -> Result<R::Output, RunnerError> {
        if let Work::Known(output) = work {
            self.remembered(options);
            return Ok(output);
        }
        let mut nested = Held::lend(self.permits);
        if self.is_remote() {
            // The permit is of no use to a caller who waits for another machine.
            drop(nested.take());
            return self.run_elsewhere(method, work, options);
        }
        let mut permit = nested.take().or_else(|| self.permits.try_acquire());
        let result = match (&self.place, work) {
            (Place::Local(runnable), Work::Ready { value, cost, key })
                if permit.is_some() && self.queue.len() == 0 && !self.others_come() =>
            {
                self.run_alone(runnable, method, Prepared { value, cost }, key, options)
            }
            (_, work) => {
                let slot = Arc::new(Slot::new());
                let reply = Reply::slot(&self.name, slot.clone());
                let mut item = self.item(method, work, options, reply);
                item.own = true;
                let deadline = item.deadline;
                self.queue.push_own(item);
                self.help_until(&slot, &mut permit, deadline, self.timeout(options))
            }
        };
        nested.keep(permit);
        result
    }

    fn run_elsewhere(
        self: &Arc<Self>, method: usize, work: Work<R>, options: &RequestOptions,
    ) -> Result<R::Output, RunnerError> {
        let slot = Arc::new(Slot::new());
        let item = self.item(method, work, options, Reply::slot(&self.name, slot.clone()));
        let deadline = item.deadline;
        self.wait_for_room(deadline, self.timeout(options))?;
        if self.queue.push([item]) {
            self.post();
        }
        self.wait_for(&slot, deadline, self.timeout(options))
    }

    /// Waits for an answer that other threads compute.
    pub(crate) fn wait_for<T>(
        &self, slot: &Slot<T>, deadline: Option<Instant>, timeout: Option<Duration>,
    ) -> Result<T, RunnerError> {
        loop {
            match slot.wait(deadline) {
                Waited::Answer(answer) => return answer,
                Waited::Permit(unwanted) => drop(unwanted),
                Waited::DeadlinePassed => return Err(self.timed_out(timeout.unwrap_or_default())),
            }
        }
    }

    /// Waits until fewer requests wait than may, without computing any.
    pub(crate) fn wait_for_room(
        &self, deadline: Option<Instant>, timeout: Option<Duration>,
    ) -> Result<(), RunnerError> {
        while self.queue.len() >= self.batching.max_queue {
            let slot = Arc::new(Slot::<()>::new());
            let room = slot.clone();
            let now = self.queue.when_room(self.batching.max_queue, Box::new(move || room.answer(Ok(()))));
            if now.is_none() {
                self.wait_for(&slot, deadline, timeout)?;
            }
        }
        Ok(())
    }

    /// How long a request may take.
    pub(crate) fn timeout(&self, options: &RequestOptions) -> Option<Duration> {
        options.timeout.or(self.batching.timeout)
    }

    pub(crate) fn item(
        &self, method: usize, work: Work<R>, options: &RequestOptions, reply: Reply<R::Output>,
    ) -> Item<R> {
        let since = Instant::now();
        let deadline = self.timeout(options).and_then(|timeout| since.checked_add(timeout));
        let RequestOptions { priority, timing, .. } = options.clone();
        Item { work, method, own: false, since, deadline, priority, timing, reply }
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

    /// Has somebody look after the queue: a worker, or the one who calls the service.
    pub(crate) fn post(self: &Arc<Self>) {
        match &self.place {
            Place::Local(_) => self.permits.claim(Claim::Job(self.clone())),
            Place::Remote(remote) => remote.post(self),
        }
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
        let Some(runnable) = self.runnable() else { return false };
        let mut begun = self.computing.begin();
        self.linger();
        let Some(batch) = self.take_batch(self.share()) else { return false };
        let likely_cost = self.counters.likely_cost();
        begun.costs(batch.items.iter().map(|item| item.candidate(likely_cost).cost).fold(0, usize::saturating_add));
        let method = batch.items.first().map_or(0, |item| item.method);
        let batch = self.ready(method, batch);
        self.run_together(runnable, method, batch);
        true
    }

    /// Takes the next batch of at most so many items out of the queue, if anybody waits for one.
    pub(crate) fn take_batch(self: &Arc<Self>, share: usize) -> Option<Batch<R>> {
        // What a service pads is its own affair.
        let pads = self.runnable().is_some_and(|runnable| runnable.pads());
        let max_batch_size = self.batching.max_batch_size.min(share);
        let limits = Batching { max_batch_size, ..self.batching.clone() };
        let mut taken = self.queue.take(&limits, self.counters.likely_cost(), pads);
        if taken.cut == BatchCut::Size && max_batch_size < self.batching.max_batch_size {
            taken.cut = BatchCut::Share;
        }
        let Taken { batch, cut, waiting, abandoned, late, post, when_room } = taken;
        if post {
            self.post();
        }
        self.counters.abandoned(abandoned.len() + late.len());
        abandoned.into_iter().for_each(|item| item.reply.revoke());
        for item in late {
            let timeout = item.deadline.map_or(Duration::ZERO, |at| at - item.since);
            item.reply.send(Err(self.timed_out(timeout)));
        }
        call_all(when_room);
        if batch.is_empty() { None } else { Some(Batch { items: batch, cut, waiting }) }
    }

    /// Answers all that wait with [`Closed`](RunnerError::Closed): nobody will take them out any more.
    pub(crate) fn close_waiting(&self) {
        let (items, when_room) = self.queue.drain();
        drop(items);
        call_all(when_room);
    }

    /// Prepares what is not, answers what cannot be, and puts back what does not fit after all.
    fn ready(self: &Arc<Self>, method: usize, batch: Batch<R>) -> Batch<R> {
        let Batch { items, mut cut, waiting } = batch;
        if !items.iter().any(|item| matches!(item.work, Work::Raw(_))) {
            return Batch { items, cut, waiting };
        }
        let mut prepared_items = Vec::with_capacity(items.len());
        for mut item in items {
            if let Work::Raw(input) = item.work {
                // The calling thread computes on a permit: a runner called in `prepare` may use it.
                let held = Held::mark(self.permits);
                let prepared = self.prepare(method, input);
                drop(held);
                match prepared {
                    Ok(Work::Known(output)) => {
                        item.work = Work::Done;
                        item.note(Instant::now(), Duration::ZERO, 0);
                        item.reply.send(Ok(output));
                        continue;
                    }
                    Ok(prepared) => item.work = prepared,
                    Err(error) => {
                        item.reply.send(Err(error));
                        continue;
                    }
                }
            }
            prepared_items.push(item);
        }
        let (fitting, too_many) = self.fit(prepared_items);
        if !too_many.is_empty() {
            cut = BatchCut::Cost;
        }
        let waiting = waiting + too_many.len();
        if !too_many.is_empty() && self.queue.put_back(too_many) {
            self.post();
        }
        Batch { items: fitting, cut, waiting }
    }

    /// Parts items that were taken by estimates of their costs into a batch within the limits and what is beyond.
    fn fit(&self, items: Vec<Item<R>>) -> (Vec<Item<R>>, Vec<Item<R>>) {
        let (mut fitting, mut too_many) = (Vec::with_capacity(items.len()), Vec::new());
        if self.runnable().is_some_and(|runnable| runnable.pads()) {
            let costs: Vec<usize> = items.iter().map(|item| item.candidate(0).cost).collect();
            let mut chosen = alike(&costs, &self.batching).0.into_iter().peekable();
            for (index, item) in items.into_iter().enumerate() {
                if chosen.next_if_eq(&index).is_some() { fitting.push(item) } else { too_many.push(item) }
            }
            return (fitting, too_many);
        }
        let mut filling = Filling::default();
        for item in items {
            if too_many.is_empty() && filling.admits(item.candidate(0), &self.batching) {
                fitting.push(item);
            } else {
                too_many.push(item);
            }
        }
        (fitting, too_many)
    }

    fn run_together(&self, runnable: &R, method: usize, batch: Batch<R>) {
        let Batch { items, cut, waiting } = batch;
        let mut values = Vec::with_capacity(items.len());
        let mut asked = Vec::with_capacity(items.len());
        let mut keys = Vec::with_capacity(items.len());
        let (mut cost, mut longest) = (0_usize, 0_usize);
        for mut item in items {
            if let Work::Ready { value, cost: its_cost, key } = std::mem::replace(&mut item.work, Work::Done) {
                cost = cost.saturating_add(its_cost);
                longest = longest.max(its_cost);
                values.push(value);
                keys.push(key);
                asked.push(item);
            }
        }
        if values.is_empty() {
            return;
        }
        let began = Instant::now();
        let results = execute(runnable, self.permits, self.method_name(method), values);
        let took = began.elapsed();
        let items = asked.len();
        let computed_cost = if runnable.pads() { longest.saturating_mul(items) } else { cost };
        self.account(began, took, &asked, results.iter().filter(|result| result.is_err()).count(), |report| {
            BatchReport { cost, computed_cost, cut, waiting, ..report }
        });
        self.arrivals.answered(asked.iter().filter(|item| item.reply.is_of_one()).count(), self.patience());
        for ((item, key), result) in asked.into_iter().zip(keys).zip(results) {
            self.remember(key, &result);
            item.note(began, took, items);
            item.reply.send(result.map_err(|error| self.item_error(error)));
        }
    }

    /// Counts a batch and reports it.
    pub(crate) fn account(
        &self, began: Instant, took: Duration, items: &[Item<R>], failed: usize,
        complete: impl FnOnce(BatchReport) -> BatchReport,
    ) {
        self.counters.batch(items.len());
        self.counters.batch_took(took);
        self.counters.failed(failed);
        let report = || {
            let waited = items.iter().map(|item| began.saturating_duration_since(item.since));
            let count = u32::try_from(items.len()).unwrap_or(u32::MAX).max(1);
            complete(BatchReport {
                items: items.len(),
                cost: items.len(),
                failed,
                computed_cost: items.len(),
                queued: waited.clone().max().unwrap_or_default(),
                queued_mean: waited.sum::<Duration>() / count,
                took,
                cut: BatchCut::Drained,
                waiting: 0,
            })
        };
        self.observers.tell(&self.name, report);
    }

    fn run_alone(
        &self, runnable: &R, method: usize, item: Prepared<R::Prepared>, key: Option<CacheKey>,
        options: &RequestOptions,
    ) -> Result<R::Output, RunnerError> {
        let mut begun = self.computing.begin();
        begun.costs(item.cost);
        let (cost, began) = (item.cost, Instant::now());
        let result = execute_one(runnable, self.permits, self.method_name(method), item.value);
        let took = began.elapsed();
        self.remember(key, &result);
        self.counters.batch(1);
        self.counters.failed(usize::from(result.is_err()));
        if let Some(timing) = &options.timing {
            timing.note(Duration::ZERO, took, 1);
        }
        self.observers.tell(&self.name, || BatchReport {
            items: 1,
            cost,
            failed: usize::from(result.is_err()),
            computed_cost: cost,
            queued: Duration::ZERO,
            queued_mean: Duration::ZERO,
            took,
            cut: BatchCut::Alone,
            waiting: 0,
        });
        result.map_err(|error| self.item_error(error))
    }

    /// Computes the runnable's own samples, on a permit.
    pub(crate) fn warm_up(&self) -> Result<(), RunnerError> {
        let Some(runnable) = self.runnable() else { return Ok(()) };
        let mut nested = Held::lend(self.permits);
        let permit = nested.take().unwrap_or_else(|| self.permits.acquire());
        let warm = guarded("warm_up", || {
            let _held = Held::mark(self.permits);
            runnable.warm_up(&Compute::lending(self.permits))
        });
        nested.keep(Some(permit));
        warm.map_err(|error| self.item_error(error))
    }
}

fn call_all(callbacks: Vec<WhenRoom>) {
    for callback in callbacks {
        // A panic of it is its owner's; the others are called all the same.
        drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(callback)));
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
