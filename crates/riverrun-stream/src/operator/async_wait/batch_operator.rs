//! Runs an [`AsyncBatchFunction`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use super::alarms::Alarms;
use super::call::{Begun, begin};
use super::settings::{AsyncMetrics, AsyncSettings, after};
use super::{Emission, InFlightQueue, Marker, Ticket};
use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::{FunctionError, Result};
use crate::functions::{AsyncBatchFunction, FailedRecord};
use crate::operator::function_state::FunctionState;
use crate::operator::{
    Completion, CompletionSender, FrozenState, Inbox, Operator, OperatorSnapshot, Readiness, SnapshotRequest,
    SnapshotWriter, SpawnedTask, Spawner, Turn, decode_state, encode_state,
};
use crate::source::ERROR_OUTPUT;

const IN_FLIGHT: &str = "in-flight";

/// When a batch is called, and what becomes of records without a result.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// The most records in a batch, at least 1.
    pub max_batch_size: usize,
    /// The most that the records of a batch cost together, at least 1. One that costs more by itself is called alone.
    pub max_batch_cost: usize,
    /// How long a record may wait for others.
    pub max_delay: Duration,
    /// Whether records without a result go to the error output, instead of failing the task.
    pub route_errors: bool,
}

impl Default for BatchLimits {
    fn default() -> Self {
        let max_delay = Duration::from_millis(10);
        Self { max_batch_size: 64, max_batch_cost: usize::MAX, max_delay, route_errors: false }
    }
}

/// Elements that wait for others to be called with.
#[derive(Default)]
struct Forming {
    tickets: Vec<Ticket>,
    cost: usize,
    /// When the first of them began to wait.
    since: Timestamp,
}

/// A batch whose call is under way, or will be made again for those elements that have no result.
struct Call {
    tickets: Vec<Ticket>,
    attempts: usize,
    task: Option<Box<dyn SpawnedTask>>,
}

/// What a call came to.
struct Outcome<Out> {
    call: u64,
    attempt: usize,
    results: Result<Vec<Result<Out>>>,
}

/// Why a call is looked at. In this order where both fall on one millisecond.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Timeout,
    Retry,
}

/// The operator behind [`AsyncBatchStream`](crate::stream::AsyncBatchStream): many elements in each call, many calls at a time.
pub struct AsyncBatchOperator<In, F: AsyncBatchFunction<In>> {
    function: F,
    state: FunctionState,
    settings: AsyncSettings<F::Out>,
    limits: BatchLimits,
    spawner: Arc<dyn Spawner>,
    inbox: Inbox<Outcome<F::Out>>,
    /// Lends its memory to the inbox.
    burst: Vec<Outcome<F::Out>>,
    queue: InFlightQueue<StreamRecord<In>, Result<F::Out, String>>,
    /// Records taken that there was no capacity for yet.
    pending: VecDeque<StreamRecord<In>>,
    forming: Forming,
    calls: HashMap<u64, Call>,
    next_call: u64,
    alarms: Alarms<(u64, Due)>,
    finishing: bool,
    metrics: AsyncMetrics,
}

impl<In: Data, F: AsyncBatchFunction<In>> AsyncBatchOperator<In, F>
where
    F::Out: Data,
{
    /// An operator that calls `function`.
    pub fn new(function: F, settings: AsyncSettings<F::Out>, mut limits: BatchLimits) -> Self {
        // A batch that can't be filled would wait for its time each time.
        limits.max_batch_size = limits.max_batch_size.min(settings.capacity);
        let queue = InFlightQueue::new(settings.mode);
        Self {
            function,
            state: FunctionState::default(),
            settings,
            limits,
            spawner: Arc::new(super::NoSpawner),
            inbox: Inbox::new(CompletionSender::disconnected()),
            burst: Vec::new(),
            queue,
            pending: VecDeque::new(),
            forming: Forming::default(),
            calls: HashMap::new(),
            next_call: 0,
            alarms: Alarms::new(),
            finishing: false,
            metrics: AsyncMetrics::of(&RuntimeContext::detached("not opened")),
        }
    }

    fn advance(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        let spawner = self.spawner.clone();
        let mut outcome = Ok(());
        spawner.enter(&mut || outcome = self.drive(turn))?;
        outcome?;
        self.metrics.in_flight.set((self.queue.len() + self.pending.len()) as i64);
        let calls = &self.calls;
        let alarm = self.alarms.next(|(call, _)| calls.contains_key(call));
        match [alarm, self.forming_until()].into_iter().flatten().min() {
            _ if turn.is_full() => turn.wake_now(),
            alarm => turn.wake_at(alarm),
        }
        let ready = if self.finishing {
            self.pending.is_empty() && self.queue.is_empty()
        } else {
            self.pending.is_empty() && self.queue.len() < self.settings.capacity
        };
        Ok(if ready { Readiness::Ready } else { Readiness::Busy })
    }

    fn drive(&mut self, turn: &mut Turn<'_>) -> Result {
        let now = turn.now();
        self.take_in_results(now)?;
        self.look_at_what_is_due(now)?;
        loop {
            self.emit(turn)?;
            if turn.is_full() || self.queue.len() >= self.settings.capacity {
                break;
            }
            match self.pending.pop_front() {
                Some(record) => self.take_in(record, now)?,
                None if self.finishing && !self.forming.tickets.is_empty() => self.call(now)?,
                None => break,
            }
        }
        if self.forming_until().is_some_and(|time| time <= now) {
            self.call(now)?;
            self.emit(turn)?;
        }
        Ok(())
    }

    fn forming_until(&self) -> Option<Timestamp> {
        (!self.forming.tickets.is_empty()).then(|| after(self.forming.since, self.limits.max_delay))
    }

    /// Puts a record into the batch that is being formed, and calls the batch when it is full.
    fn take_in(&mut self, record: StreamRecord<In>, now: Timestamp) -> Result {
        let cost = self.function.cost(&record.value);
        let together = self.forming.cost.saturating_add(cost);
        if together > self.limits.max_batch_cost && !self.forming.tickets.is_empty() {
            self.call(now)?;
        }
        if self.forming.tickets.is_empty() {
            self.forming.since = now;
        }
        self.forming.tickets.push(self.queue.push(record));
        self.forming.cost = self.forming.cost.saturating_add(cost);
        let full = self.forming.tickets.len() >= self.limits.max_batch_size;
        if full || self.forming.cost >= self.limits.max_batch_cost {
            self.call(now)?;
        }
        Ok(())
    }

    /// Calls the batch that was being formed.
    fn call(&mut self, now: Timestamp) -> Result {
        let Forming { tickets, .. } = std::mem::take(&mut self.forming);
        let number = self.next_call;
        self.next_call += 1;
        self.calls.insert(number, Call { tickets, attempts: 0, task: None });
        if let Some(deadline) = self.settings.deadline(now) {
            let calls = &self.calls;
            self.alarms.set(deadline, (number, Due::Timeout), |(call, _)| calls.contains_key(call));
        }
        self.attempt(number, now)
    }

    /// Begins a call with those elements of its batch that have no result.
    fn attempt(&mut self, number: u64, now: Timestamp) -> Result {
        let Some(call) = self.calls.get_mut(&number).filter(|call| call.task.is_none()) else { return Ok(()) };
        call.attempts += 1;
        let attempt = call.attempts;
        let tickets = call.tickets.clone();
        let values = self.values(&tickets);
        match begin(|| self.function.async_invoke(values)) {
            Begun::Done(results) => self.settle(number, results, now),
            Begun::Waiting(future) => {
                let sender = self.inbox.sender();
                let report = move |results| sender.send(Outcome { call: number, attempt, results });
                let task = future.spawn(&*self.spawner, report)?;
                if let Some(call) = self.calls.get_mut(&number) {
                    call.task = Some(task);
                }
                Ok(())
            }
        }
    }

    fn values(&mut self, tickets: &[Ticket]) -> Vec<In> {
        let queue = &mut self.queue;
        let value = |&ticket: &Ticket| queue.waiting(ticket).map(|record| record.value.clone());
        tickets.iter().filter_map(value).collect()
    }

    fn take_in_results(&mut self, now: Timestamp) -> Result {
        let mut burst = std::mem::take(&mut self.burst);
        self.inbox.take(&mut burst);
        for Outcome { call: number, attempt, results } in burst.drain(..) {
            let awaited = |call: &Call| call.attempts == attempt && call.task.is_some();
            if self.calls.get(&number).is_some_and(awaited) {
                self.settle(number, results, now)?;
            }
        }
        self.burst = burst;
        Ok(())
    }

    /// Takes the outcome of a call: results for its elements, but for those that it is made again for.
    fn settle(&mut self, number: u64, results: Result<Vec<Result<F::Out>>>, now: Timestamp) -> Result {
        let Some(Call { tickets, attempts, .. }) = self.calls.remove(&number) else { return Ok(()) };
        let (mut again, mut delay) = (Vec::new(), Duration::ZERO);
        for (ticket, result) in tickets.iter().copied().zip(one_each(results, tickets.len())) {
            match self.settings.retry_after(attempts, result.as_ref()) {
                Some(time) => {
                    again.push(ticket);
                    delay = time;
                }
                None if attempts == 1 => self.complete_one(ticket, result)?,
                None => {
                    let tried = |error: FunctionError| error.context(format!("after {attempts} calls"));
                    self.complete_one(ticket, result.map_err(tried))?;
                }
            }
        }
        if !again.is_empty() {
            self.metrics.retries.add(1);
            self.calls.insert(number, Call { tickets: again, attempts, task: None });
            let calls = &self.calls;
            self.alarms.set(after(now, delay), (number, Due::Retry), |(call, _)| calls.contains_key(call));
        }
        Ok(())
    }

    fn complete_one(&mut self, ticket: Ticket, result: Result<F::Out>) -> Result {
        let result = match result {
            Err(error) if !self.limits.route_errors => return Err(error),
            result => result.map_err(|error| error.to_string()),
        };
        self.queue.complete(ticket, result);
        Ok(())
    }

    fn look_at_what_is_due(&mut self, now: Timestamp) -> Result {
        while let Some((number, due)) = self.alarms.pop_due(now) {
            match due {
                Due::Timeout => self.time_out(number)?,
                Due::Retry => self.attempt(number, now)?,
            }
        }
        Ok(())
    }

    fn time_out(&mut self, number: u64) -> Result {
        let Some(Call { tickets, .. }) = self.calls.remove(&number) else { return Ok(()) };
        self.metrics.timeouts.add(tickets.len() as u64);
        let values = self.values(&tickets);
        let results = one_each(self.function.timeout(values), tickets.len());
        let timeout = self.settings.timeout;
        let in_time = |error: FunctionError| error.context(format!("no result within {timeout:?}"));
        for (ticket, result) in tickets.into_iter().zip(results) {
            self.complete_one(ticket, result.map_err(in_time))?;
        }
        Ok(())
    }

    fn emit(&mut self, turn: &mut Turn<'_>) -> Result {
        while !turn.is_full() {
            match self.queue.pop() {
                Some(Emission::Element(StreamRecord { timestamp, .. }, Ok(value))) => {
                    turn.output::<F::Out>(0)?.push(StreamRecord { value, timestamp });
                }
                Some(Emission::Element(StreamRecord { value, timestamp }, Err(error))) => {
                    let value = FailedRecord { record: value, error };
                    turn.output(1)?.push(StreamRecord { value, timestamp });
                }
                Some(Emission::Marker(marker)) => marker.emit(turn),
                None => break,
            }
        }
        Ok(())
    }
}

/// One result for each of `count` values: an error of the whole call is that of each, and so is a wrong number of results.
fn one_each<Out>(results: Result<Vec<Result<Out>>>, count: usize) -> Vec<Result<Out>> {
    match results {
        Ok(results) if results.len() == count => results,
        Ok(results) => {
            let message =
                format!("the function gave {} results for {count} values; it has to give one each", results.len());
            (0..count).map(|_| Err(FunctionError::new(message.clone()))).collect()
        }
        Err(error) => (0..count).map(|_| Err(error.duplicate())).collect(),
    }
}

impl<In: Data, F: AsyncBatchFunction<In>> Operator for AsyncBatchOperator<In, F>
where
    F::Out: Data,
{
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<In>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        vec![(String::new(), DataType::of::<F::Out>()), (ERROR_OUTPUT.into(), DataType::of::<FailedRecord<In>>())]
    }

    fn restore(&mut self, mut state: OperatorSnapshot) -> Result {
        for entry in state.take_list(IN_FLIGHT) {
            self.pending.push_back(decode_state(IN_FLIGHT, &entry)?);
        }
        self.state.restore(state);
        Ok(())
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        self.spawner = super::spawner_of(context)?;
        self.inbox = Inbox::new(context.completions.clone());
        self.metrics = AsyncMetrics::of(context);
        if !self.pending.is_empty() {
            turn.wake_now();
        }
        let (function, context) = (&mut self.function, self.state.context(context));
        super::open_within(&*self.spawner, || function.open(&context))?;
        self.state.opened()
    }

    fn process(&mut self, _: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.pending.extend(batch.into_records::<In>()?);
        self.advance(turn)
    }

    fn watermark(&mut self, _: usize, watermark: Timestamp, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.queue.mark(Marker::watermark(watermark));
        self.advance(turn)
    }

    fn idle(&mut self, _: usize, idle: bool, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.queue.mark(Marker::idle(idle));
        self.advance(turn)
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.advance(turn)
    }

    fn complete(&mut self, _: Completion, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.advance(turn)
    }

    fn snapshot(&mut self, _: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        let in_flight = self.queue.elements().into_iter().chain(&self.pending);
        let records: Vec<StreamRecord<In>> = in_flight.cloned().collect();
        let state = self.state.freeze()?;
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            records.iter().try_for_each(|record| writer.list_entry(IN_FLIGHT, encode_state(IN_FLIGHT, record)?))?;
            state(writer)
        }))
    }

    fn checkpoint_aborted(&mut self, _: u64) -> Result {
        self.inbox.remind();
        Ok(())
    }

    fn finish(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.finishing = true;
        self.advance(turn)
    }

    fn close(&mut self) -> Result {
        self.inbox.close();
        self.calls.clear();
        self.queue.clear();
        self.function.close()
    }
}
