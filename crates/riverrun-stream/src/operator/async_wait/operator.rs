//! Runs an [`AsyncFunction`].

use std::collections::VecDeque;
use std::sync::Arc;

use super::alarms::Alarms;
use super::call::{Begun, Guarded, begin};
use super::settings::{AsyncMetrics, AsyncSettings, after};
use super::{Emission, InFlightQueue, Marker, Ticket};
use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::{FunctionError, Result};
use crate::functions::AsyncFunction;
use crate::operator::function_state::FunctionState;
use crate::operator::{
    Completion, CompletionSender, FrozenState, Inbox, Operator, OperatorSnapshot, Readiness, SnapshotRequest,
    SnapshotWriter, SpawnedTask, Spawner, Turn, decode_state, encode_state,
};

const IN_FLIGHT: &str = "in-flight";

/// An element whose call is under way, or will be made again.
struct Entry<In> {
    record: StreamRecord<In>,
    /// How many calls were begun, the first included.
    attempts: usize,
    /// The call under way; none while it waits to be made again.
    call: Option<Box<dyn SpawnedTask>>,
}

/// What a call came to.
struct Outcome<Out> {
    ticket: Ticket,
    attempt: usize,
    result: Result<Vec<Out>>,
}

/// Why an element is looked at. In this order where both fall on one millisecond: what has timed out is not called again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Timeout,
    Retry,
}

/// The operator behind [`AsyncDataStream`](crate::stream::AsyncDataStream): one call for each element, many at a time.
pub struct AsyncWaitOperator<In, F: AsyncFunction<In>> {
    function: F,
    state: FunctionState,
    settings: AsyncSettings<Vec<F::Out>>,
    spawner: Arc<dyn Spawner>,
    inbox: Inbox<Outcome<F::Out>>,
    /// Lends its memory to the inbox.
    burst: Vec<Outcome<F::Out>>,
    queue: InFlightQueue<Entry<In>, Vec<F::Out>>,
    /// Records taken that there was no capacity for yet.
    pending: VecDeque<StreamRecord<In>>,
    alarms: Alarms<(Ticket, Due)>,
    finishing: bool,
    metrics: AsyncMetrics,
}

impl<In: Data, F: AsyncFunction<In>> AsyncWaitOperator<In, F>
where
    F::Out: Data,
{
    /// An operator that calls `function`.
    pub fn new(function: F, settings: AsyncSettings<Vec<F::Out>>) -> Self {
        let queue = InFlightQueue::new(settings.mode);
        Self {
            function,
            state: FunctionState::default(),
            settings,
            spawner: Arc::new(super::NoSpawner),
            inbox: Inbox::new(CompletionSender::disconnected()),
            burst: Vec::new(),
            queue,
            pending: VecDeque::new(),
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
        let queue = &self.queue;
        match self.alarms.next(|(ticket, _)| queue.is_waiting(*ticket)) {
            // What could not be emitted comes before anything that is due later.
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
                return Ok(());
            }
            match self.pending.pop_front() {
                Some(record) => self.start(record, turn)?,
                None => return Ok(()),
            }
        }
    }

    /// Makes the first call for a record.
    fn start(&mut self, record: StreamRecord<In>, turn: &mut Turn<'_>) -> Result {
        let now = turn.now();
        let begun = begin(|| self.function.async_invoke(record.value.clone()));
        if let Begun::Done(result) = begun {
            let delay = self.settings.retry_after(1, result.as_ref());
            if delay.is_none() && self.queue.may_be_passed() {
                return emit(result?, record.timestamp, turn);
            }
            let ticket = self.queue.push(Entry { record, attempts: 1, call: None });
            self.set_deadline(ticket, now);
            return self.settle(ticket, 1, result, now);
        }
        let ticket = self.queue.push(Entry { record, attempts: 1, call: None });
        self.set_deadline(ticket, now);
        if let Begun::Waiting(future) = begun {
            let task = spawn(&*self.spawner, &self.inbox, future, ticket, 1)?;
            if let Some(entry) = self.queue.waiting(ticket) {
                entry.call = Some(task);
            }
        }
        Ok(())
    }

    fn set_deadline(&mut self, ticket: Ticket, now: Timestamp) {
        if let Some(deadline) = self.settings.deadline(now) {
            let queue = &self.queue;
            self.alarms.set(deadline, (ticket, Due::Timeout), |(ticket, _)| queue.is_waiting(*ticket));
        }
    }

    fn take_in_results(&mut self, now: Timestamp) -> Result {
        let mut burst = std::mem::take(&mut self.burst);
        self.inbox.take(&mut burst);
        for Outcome { ticket, attempt, result } in burst.drain(..) {
            // What comes of a call that was given up, or comes twice, is nobody's.
            if self.queue.waiting(ticket).is_some_and(|entry| entry.attempts == attempt && entry.call.is_some()) {
                self.settle(ticket, attempt, result, now)?;
            }
        }
        self.burst = burst;
        Ok(())
    }

    /// Takes the outcome of a call: it is the element's result, or the call is made again.
    fn settle(&mut self, ticket: Ticket, attempts: usize, result: Result<Vec<F::Out>>, now: Timestamp) -> Result {
        match self.settings.retry_after(attempts, result.as_ref()) {
            Some(delay) => {
                if let Some(entry) = self.queue.waiting(ticket) {
                    entry.call = None;
                }
                let queue = &self.queue;
                self.alarms.set(after(now, delay), (ticket, Due::Retry), |(ticket, _)| queue.is_waiting(*ticket));
            }
            None => {
                let tried = |error: FunctionError| match attempts {
                    1 => error,
                    _ => error.context(format!("after {attempts} calls")),
                };
                self.queue.complete(ticket, result.map_err(tried)?);
            }
        }
        Ok(())
    }

    fn look_at_what_is_due(&mut self, now: Timestamp) -> Result {
        while let Some((ticket, due)) = self.alarms.pop_due(now) {
            match due {
                Due::Timeout => self.time_out(ticket)?,
                Due::Retry => self.call_again(ticket, now)?,
            }
        }
        Ok(())
    }

    fn time_out(&mut self, ticket: Ticket) -> Result {
        let Some(entry) = self.queue.waiting(ticket) else { return Ok(()) };
        entry.call = None;
        let value = entry.record.value.clone();
        self.metrics.timeouts.add(1);
        let results = self.function.timeout(value);
        let timeout = self.settings.timeout;
        self.queue.complete(ticket, results.map_err(|error| error.context(format!("no result within {timeout:?}")))?);
        Ok(())
    }

    fn call_again(&mut self, ticket: Ticket, now: Timestamp) -> Result {
        let Some(entry) = self.queue.waiting(ticket).filter(|entry| entry.call.is_none()) else { return Ok(()) };
        entry.attempts += 1;
        let (attempt, value) = (entry.attempts, entry.record.value.clone());
        self.metrics.retries.add(1);
        match begin(|| self.function.async_invoke(value)) {
            Begun::Done(result) => self.settle(ticket, attempt, result, now),
            Begun::Waiting(future) => {
                let task = spawn(&*self.spawner, &self.inbox, future, ticket, attempt)?;
                if let Some(entry) = self.queue.waiting(ticket) {
                    entry.call = Some(task);
                }
                Ok(())
            }
        }
    }

    fn emit(&mut self, turn: &mut Turn<'_>) -> Result {
        while !turn.is_full() {
            match self.queue.pop() {
                Some(Emission::Element(entry, results)) => emit(results, entry.record.timestamp, turn)?,
                Some(Emission::Marker(marker)) => marker.emit(turn),
                None => break,
            }
        }
        Ok(())
    }
}

fn spawn<Out: Send + 'static, Fut: Future<Output = Result<Vec<Out>>> + Send + 'static>(
    spawner: &dyn Spawner, inbox: &Inbox<Outcome<Out>>, future: Guarded<Fut>, ticket: Ticket, attempt: usize,
) -> Result<Box<dyn SpawnedTask>> {
    let sender = inbox.sender();
    future.spawn(spawner, move |result| sender.send(Outcome { ticket, attempt, result }))
}

fn emit<Out: Data>(results: Vec<Out>, timestamp: Option<Timestamp>, turn: &mut Turn<'_>) -> Result {
    turn.output::<Out>(0)?.extend(results.into_iter().map(|value| StreamRecord { value, timestamp }));
    Ok(())
}

impl<In: Data, F: AsyncFunction<In>> Operator for AsyncWaitOperator<In, F>
where
    F::Out: Data,
{
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<In>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        vec![(String::new(), DataType::of::<F::Out>())]
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
        let in_flight = self.queue.elements().into_iter().map(|entry| &entry.record).chain(&self.pending);
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
        self.queue.clear();
        self.function.close()
    }
}
