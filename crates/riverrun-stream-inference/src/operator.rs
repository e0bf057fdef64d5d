//! Hands records to a runner without waiting, and emits them with their results in order.

use std::collections::VecDeque;

use riverrun_runner::{Runnable, Runner, RunnerError};
use riverrun_stream::batch::{Batch, DataType};
use riverrun_stream::functions::FailedRecord;
use riverrun_stream::operator::{
    Completion, CompletionSender, FrozenState, Operator, OperatorSnapshot, Readiness, SnapshotRequest, SnapshotWriter,
    Turn, decode_state, encode_state,
};
use riverrun_stream::source::ERROR_OUTPUT;
use riverrun_stream::{Data, FunctionError, Result, RuntimeContext, StreamRecord, Timestamp};

use crate::infer::InferOptions;

const IN_FLIGHT: &str = "in-flight";

/// A result of the runner: the number of its slot, counted from the operator's start.
struct Answer<Out>(u64, Result<Out, RunnerError>);

/// The runner has room again.
struct Room;

/// Something that keeps its place in the stream until all before it has been emitted.
enum Slot<T, Out> {
    Record { record: StreamRecord<T>, result: Option<Result<Out, RunnerError>> },
    Watermark(Timestamp),
    Idle(bool),
}

/// The operator behind [`InferExt::infer`](crate::InferExt::infer).
pub struct InferOperator<T, R: Runnable, F> {
    runner: Runner<R>,
    input: F,
    options: InferOptions,
    completions: CompletionSender,
    slots: VecDeque<Slot<T, R::Output>>,
    /// The number of the first slot.
    first: u64,
    /// The number of the first slot that the runner has not been given.
    unsubmitted: u64,
    /// Whether the runner was full and will say when it no longer is.
    waits_for_room: bool,
    /// Whether the input has ended: it is ready when nothing is left.
    finishing: bool,
}

impl<T: Data, R: Runnable<Output: Data>, F: Fn(&T) -> R::Input + Send> InferOperator<T, R, F> {
    /// A subtask's operator; `input` takes out of a record what the runner gets.
    pub fn new(runner: Runner<R>, input: F, options: InferOptions) -> Self {
        Self {
            runner,
            input,
            options,
            completions: CompletionSender::disconnected(),
            slots: VecDeque::new(),
            first: 0,
            unsubmitted: 0,
            waits_for_room: false,
            finishing: false,
        }
    }

    fn push(&mut self, record: StreamRecord<T>) {
        self.slots.push_back(Slot::Record { record, result: None });
    }

    /// Gives the runner what it has room for.
    fn submit(&mut self) -> Result {
        if self.waits_for_room {
            return Ok(());
        }
        let room = self.runner.room()?;
        let mut numbers = Vec::new();
        let mut inputs = Vec::new();
        let mut next = self.unsubmitted;
        while inputs.len() < room {
            match self.slots.get((next - self.first) as usize) {
                None => break,
                Some(Slot::Record { record, .. }) => {
                    numbers.push(next);
                    inputs.push((self.input)(&record.value));
                }
                Some(_) => {}
            }
            next += 1;
        }
        if !inputs.is_empty() {
            let completions = self.completions.clone();
            let submitted = self.runner.submit_each(inputs, move |index, result| {
                if let Some(&number) = numbers.get(index) {
                    completions.send(Box::new(Answer(number, result)));
                }
            });
            match submitted {
                Ok(()) => self.unsubmitted = next,
                // Other callers were faster: the records stay where they are.
                Err(rejected) if matches!(rejected.error, RunnerError::QueueFull { .. }) => {}
                Err(rejected) => return Err(rejected.error.into()),
            }
        } else if room > 0 {
            self.unsubmitted = next;
        }
        if ((self.unsubmitted - self.first) as usize) < self.slots.len() {
            self.waits_for_room = true;
            let completions = self.completions.clone();
            self.runner.when_room(move || completions.send(Box::new(Room)))?;
        }
        Ok(())
    }

    /// Emits from the front what is complete, as far as the output has room.
    fn emit(&mut self, turn: &mut Turn<'_>) -> Result {
        while let Some(slot) = self.slots.front() {
            if matches!(slot, Slot::Record { result: None, .. }) {
                break;
            }
            if turn.is_full() {
                turn.wake_now();
                break;
            }
            self.first += 1;
            match self.slots.pop_front() {
                Some(Slot::Record { record: StreamRecord { value, timestamp }, result: Some(result) }) => {
                    match result {
                        Ok(result) => turn.output(0)?.push(StreamRecord { value: (value, result), timestamp }),
                        Err(error) if self.options.route_errors => {
                            let value = FailedRecord { record: value, error: error.to_string() };
                            turn.output(1)?.push(StreamRecord { value, timestamp });
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Some(Slot::Watermark(watermark)) => turn.emit_watermark(watermark),
                Some(Slot::Idle(idle)) => turn.emit_idle(idle),
                Some(Slot::Record { result: None, .. }) | None => {}
            }
        }
        self.unsubmitted = self.unsubmitted.max(self.first);
        Ok(())
    }

    fn advance(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.emit(turn)?;
        self.submit()?;
        let ready = if self.finishing { self.slots.is_empty() } else { self.slots.len() < self.options.capacity };
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
            self.push(decode_state(IN_FLIGHT, &entry)?);
        }
        Ok(())
    }

    fn open(&mut self, context: &RuntimeContext, _: &mut Turn<'_>) -> Result {
        self.completions = context.completions.clone();
        self.runner.ensure_local()?;
        self.submit()
    }

    fn process(&mut self, _: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        for record in batch.into_records::<T>()? {
            self.push(record);
        }
        self.advance(turn)
    }

    fn watermark(&mut self, _: usize, watermark: Timestamp, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.slots.push_back(Slot::Watermark(watermark));
        self.advance(turn)
    }

    fn idle(&mut self, _: usize, idle: bool, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.slots.push_back(Slot::Idle(idle));
        self.advance(turn)
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.advance(turn)
    }

    fn complete(&mut self, completion: Completion, turn: &mut Turn<'_>) -> Result<Readiness> {
        match completion.downcast::<Answer<R::Output>>() {
            Ok(answer) => {
                let Answer(number, answer) = *answer;
                let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
                // A second answer finds its slot answered or gone, and is ignored.
                if let Some(Slot::Record { result: result @ None, .. }) =
                    index.and_then(|index| self.slots.get_mut(index))
                {
                    *result = Some(answer);
                }
            }
            Err(other) if other.is::<Room>() => self.waits_for_room = false,
            Err(_) => return Err(FunctionError::internal("a completion of an unknown kind came back from the runner")),
        }
        self.advance(turn)
    }

    fn snapshot(&mut self, _: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        let records: Vec<StreamRecord<T>> = self
            .slots
            .iter()
            .filter_map(|slot| match slot {
                Slot::Record { record, .. } => Some(record.clone()),
                Slot::Watermark(_) | Slot::Idle(_) => None,
            })
            .collect();
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            records.iter().try_for_each(|record| writer.list_entry(IN_FLIGHT, encode_state(IN_FLIGHT, record)?))
        }))
    }

    fn finish(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.finishing = true;
        self.advance(turn)
    }
}
