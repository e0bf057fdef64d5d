//! Hands records to a runner without waiting, and emits them with their results.

use std::collections::VecDeque;

use riverrun_runner::{Runnable, Runner, RunnerError};
use riverrun_stream::batch::{Batch, DataType};
use riverrun_stream::functions::FailedRecord;
use riverrun_stream::operator::async_wait::{Emission, InFlightQueue, Marker, Ticket};
use riverrun_stream::operator::{
    Completion, CompletionSender, FrozenState, Inbox, Operator, OperatorSnapshot, Readiness, SnapshotRequest,
    SnapshotWriter, Turn, decode_state, encode_state,
};
use riverrun_stream::source::ERROR_OUTPUT;
use riverrun_stream::{Data, Result, RuntimeContext, StreamRecord, Timestamp};

use crate::infer::InferOptions;
use crate::metrics::InferMetrics;

const IN_FLIGHT: &str = "in-flight";

/// What comes back from the runner.
enum Message<Out> {
    Answer(Ticket, Result<Out, RunnerError>),
    /// The runner has room again.
    Room,
}

/// The operator behind [`InferExt::infer`](crate::InferExt::infer).
pub struct InferOperator<T, R: Runnable, F> {
    runner: Runner<R>,
    input: F,
    options: InferOptions,
    inbox: Inbox<Message<R::Output>>,
    /// Lends its memory to the inbox.
    burst: Vec<Message<R::Output>>,
    queue: InFlightQueue<StreamRecord<T>, Result<R::Output, RunnerError>>,
    /// Records taken that there was no capacity for yet.
    pending: VecDeque<StreamRecord<T>>,
    /// Elements that the runner has not been given, oldest first, and when they came.
    unsubmitted: VecDeque<(Ticket, Timestamp)>,
    /// How many of them make a batch of the runner's.
    batch_size: usize,
    /// Whether the runner was full and will say when it no longer is.
    waits_for_room: bool,
    /// Whether the input has ended: it is ready when nothing is left.
    finishing: bool,
    metrics: InferMetrics,
}

impl<T: Data, R: Runnable<Output: Data>, F: Fn(&T) -> R::Input + Send> InferOperator<T, R, F> {
    /// A subtask's operator; `input` takes out of a record what the runner gets.
    pub fn new(runner: Runner<R>, input: F, options: InferOptions) -> Self {
        Self {
            runner,
            input,
            options,
            inbox: Inbox::new(CompletionSender::disconnected()),
            burst: Vec::new(),
            queue: InFlightQueue::new(options.mode),
            pending: VecDeque::new(),
            unsubmitted: VecDeque::new(),
            batch_size: 1,
            waits_for_room: false,
            finishing: false,
            metrics: InferMetrics::unregistered(),
        }
    }

    /// Takes in as many records as there is capacity for.
    fn fill(&mut self, now: Timestamp) {
        let room = self.options.capacity.saturating_sub(self.queue.len()).min(self.pending.len());
        for record in self.pending.drain(..room) {
            self.unsubmitted.push_back((self.queue.push(record), now));
        }
    }

    /// Until when the oldest that was not submitted may wait for others; none where there is no reason to wait.
    fn held_until(&self) -> Option<Timestamp> {
        let &(_, since) = self.unsubmitted.front()?;
        // While there is no capacity for others, nothing comes that it could wait for.
        let is_full = self.queue.len() >= self.options.capacity;
        let enough = self.unsubmitted.len() >= self.batch_size;
        if self.finishing || self.options.max_delay.is_zero() || is_full || enough {
            return None;
        }
        let millis = self.options.max_delay.as_nanos().div_ceil(1_000_000);
        Some(since.saturating_add(Timestamp::try_from(millis).unwrap_or(Timestamp::MAX)))
    }

    /// Gives the runner what it has room for.
    fn submit(&mut self, now: Timestamp) -> Result {
        if self.waits_for_room || self.unsubmitted.is_empty() || self.held_until().is_some_and(|until| until > now) {
            return Ok(());
        }
        let room = self.runner.room()?.min(self.unsubmitted.len());
        if room > 0 {
            let tickets: Vec<Ticket> = self.unsubmitted.iter().take(room).map(|&(ticket, _)| ticket).collect();
            let (queue, input) = (&mut self.queue, &self.input);
            let take = |&ticket: &Ticket| queue.waiting(ticket).map(|record| input(&record.value));
            let inputs: Vec<R::Input> = tickets.iter().filter_map(take).collect();
            let sender = self.inbox.sender();
            let submitted = self.runner.submit_each(inputs, move |index, answer| {
                if let Some(&ticket) = tickets.get(index) {
                    sender.send(Message::Answer(ticket, answer));
                }
            });
            match submitted {
                Ok(()) => drop(self.unsubmitted.drain(..room)),
                // Other callers were faster: the records stay where they are.
                Err(rejected) if matches!(rejected.error, RunnerError::QueueFull { .. }) => {}
                Err(rejected) => return Err(rejected.error.into()),
            }
        }
        if !self.unsubmitted.is_empty() {
            self.waits_for_room = true;
            let sender = self.inbox.sender();
            self.runner.when_room(move || sender.send(Message::Room))?;
        }
        Ok(())
    }

    fn take_in_results(&mut self) -> Result {
        let mut burst = std::mem::take(&mut self.burst);
        self.inbox.take(&mut burst);
        for message in burst.drain(..) {
            match message {
                Message::Room => self.waits_for_room = false,
                Message::Answer(ticket, answer) => {
                    self.metrics.failures.add(u64::from(answer.is_err()));
                    match answer {
                        Err(error) if !self.options.route_errors => return Err(error.into()),
                        answer => self.queue.complete(ticket, answer),
                    };
                }
            }
        }
        self.burst = burst;
        Ok(())
    }

    fn emit(&mut self, turn: &mut Turn<'_>) -> Result {
        while !turn.is_full() {
            match self.queue.pop() {
                Some(Emission::Element(StreamRecord { value, timestamp }, Ok(result))) => {
                    turn.output(0)?.push(StreamRecord { value: (value, result), timestamp });
                }
                Some(Emission::Element(StreamRecord { value, timestamp }, Err(error))) => {
                    let value = FailedRecord { record: value, error: error.to_string() };
                    turn.output(1)?.push(StreamRecord { value, timestamp });
                }
                Some(Emission::Marker(marker)) => marker.emit(turn),
                None => break,
            }
        }
        Ok(())
    }

    fn advance(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.take_in_results()?;
        self.emit(turn)?;
        self.fill(turn.now());
        self.submit(turn.now())?;
        self.metrics.in_flight.set((self.queue.len() + self.pending.len()) as i64);
        if turn.is_full() {
            turn.wake_now();
        } else {
            turn.wake_at(self.held_until().filter(|_| !self.waits_for_room));
        }
        let done = if self.finishing { self.queue.is_empty() } else { self.queue.len() < self.options.capacity };
        let ready = done && self.pending.is_empty();
        Ok(if ready { Readiness::Ready } else { Readiness::Busy })
    }
}

impl<T: Data, R: Runnable<Output: Data>, F: Fn(&T) -> R::Input + Send> Operator for InferOperator<T, R, F> {
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<T>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        vec![
            (String::new(), DataType::of::<(T, R::Output)>()),
            (ERROR_OUTPUT.into(), DataType::of::<FailedRecord<T>>()),
        ]
    }

    fn restore(&mut self, mut state: OperatorSnapshot) -> Result {
        for entry in state.take_list(IN_FLIGHT) {
            self.pending.push_back(decode_state(IN_FLIGHT, &entry)?);
        }
        Ok(())
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        self.inbox = Inbox::new(context.completions.clone());
        self.runner.ensure_local()?;
        self.batch_size = self.runner.max_batch_size();
        self.metrics = InferMetrics::of(context, &self.runner)?;
        if !self.pending.is_empty() {
            turn.wake_now();
        }
        Ok(())
    }

    fn process(&mut self, _: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.pending.extend(batch.into_records::<T>()?);
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
        let records: Vec<StreamRecord<T>> = in_flight.cloned().collect();
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            records.iter().try_for_each(|record| writer.list_entry(IN_FLIGHT, encode_state(IN_FLIGHT, record)?))
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
        self.metrics = InferMetrics::unregistered();
        Ok(())
    }
}
