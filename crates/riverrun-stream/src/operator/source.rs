//! Runs a [`Source`]: asks the coordinator for splits and polls the reader.

use std::sync::{Arc, Mutex, PoisonError};

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::element::Timestamp;
use crate::error::{FunctionError, Result};
use crate::operator::{
    Completion, FrozenState, Operator, OperatorSnapshot, Readiness, SnapshotRequest, SnapshotWriter, Turn,
    decode_state, encode_state,
};
use crate::source::{
    ERROR_OUTPUT, ReaderStatus, RecordError, Source, SourceOutput, SourceReader, SplitAssignment, SplitEnumerator,
};
use crate::time::{EventTime, WatermarkStrategy};

const SPLITS: &str = "splits";

/// Earlier than any time of the clock.
const AT_ONCE: Timestamp = Timestamp::MIN;

/// The part of an operator that exists once per job: a source's enumerator, its splits in persisted form.
pub trait Coordinator: Send {
    /// A split for this subtask.
    ///
    /// # Errors
    /// The source can't be listed.
    fn next_split(&mut self, subtask: usize, parallelism: usize) -> Result<SplitAssignment<Vec<u8>>>;

    /// Takes back splits of a subtask that failed.
    ///
    /// # Errors
    /// They are not splits of this source.
    fn add_splits_back(&mut self, splits: Vec<Vec<u8>>) -> Result;

    /// What is needed to go on.
    ///
    /// # Errors
    /// The state can't be serialized.
    fn snapshot(&self) -> Result<Vec<u8>>;
}

impl<E: SplitEnumerator> Coordinator for E {
    fn next_split(&mut self, subtask: usize, parallelism: usize) -> Result<SplitAssignment<Vec<u8>>> {
        Ok(match SplitEnumerator::next_split(self, subtask, parallelism)? {
            SplitAssignment::Split(split) => SplitAssignment::Split(encode_state(SPLITS, &split)?),
            SplitAssignment::Wait(millis) => SplitAssignment::Wait(millis),
            SplitAssignment::NoMore => SplitAssignment::NoMore,
        })
    }

    fn add_splits_back(&mut self, splits: Vec<Vec<u8>>) -> Result {
        let splits = splits.iter().map(|split| decode_state(SPLITS, split)).collect::<Result<_, _>>()?;
        SplitEnumerator::add_splits_back(self, splits);
        Ok(())
    }

    fn snapshot(&self) -> Result<Vec<u8>> {
        SplitEnumerator::snapshot(self)
    }
}

/// A coordinator as the subtasks of one process share it.
pub type SharedCoordinator = Arc<Mutex<dyn Coordinator>>;

/// A source's subtask: an operator without inputs, driven by wake-ups.
pub struct SourceOperator<S: Source> {
    source: Arc<S>,
    coordinator: SharedCoordinator,
    reader: Option<S::Reader>,
    restored: Vec<S::Split>,
    subtask: usize,
    parallelism: usize,
    finished: bool,
    strategy: Option<WatermarkStrategy<S::Out>>,
    event_time: Option<EventTime<S::Out>>,
    /// When the reader is polled again.
    next_poll: Option<Timestamp>,
}

impl<S: Source> SourceOperator<S> {
    /// A subtask of `source` that gets its splits from `coordinator`.
    pub fn new(source: Arc<S>, coordinator: SharedCoordinator) -> Self {
        Self {
            source,
            coordinator,
            reader: None,
            restored: Vec::new(),
            subtask: 0,
            parallelism: 1,
            finished: false,
            strategy: None,
            event_time: None,
            next_poll: None,
        }
    }

    /// Has the source make timestamps and watermarks by this strategy.
    #[must_use]
    pub fn with_watermarks(self, strategy: Option<WatermarkStrategy<S::Out>>) -> Self {
        Self { strategy, ..self }
    }

    fn reader(&mut self) -> Result<&mut S::Reader> {
        self.reader.as_mut().ok_or_else(|| FunctionError::internal("the source was polled before it was opened"))
    }

    fn poll(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        let budget = turn.room();
        if self.finished {
            return Ok(Readiness::Finished);
        }
        if budget == 0 {
            self.next_poll = Some(AT_ONCE);
            return Ok(Readiness::Busy);
        }
        let before = turn.output::<S::Out>(0)?.len();
        let mut out = SourceOutput::<S::Out>::new(turn)?;
        let status = self.reader()?.poll(budget, &mut out);
        out.done()?;
        if let Some(event_time) = &mut self.event_time {
            let read = turn.output::<S::Out>(0)?.split_off(before);
            event_time.records(read, turn)?;
        }
        self.next_poll = match status? {
            ReaderStatus::More => Some(AT_ONCE),
            ReaderStatus::WaitUntil(time) => Some(time),
            ReaderStatus::WaitForCompletion => None,
            ReaderStatus::NeedsSplit => return self.request_split(turn),
        };
        Ok(Readiness::Ready)
    }

    fn request_split(&mut self, turn: &Turn<'_>) -> Result<Readiness> {
        let assignment = self
            .coordinator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next_split(self.subtask, self.parallelism)?;
        self.next_poll = match assignment {
            SplitAssignment::Split(split) => {
                let split = decode_state(SPLITS, &split)?;
                self.reader()?.add_split(split)?;
                Some(AT_ONCE)
            }
            SplitAssignment::Wait(millis) => Some(turn.now().saturating_add(millis)),
            SplitAssignment::NoMore => {
                self.finished = true;
                self.next_poll = None;
                return Ok(Readiness::Finished);
            }
        };
        Ok(Readiness::Ready)
    }

    /// The one alarm is for the reader and for the watermark generator, whichever is first.
    fn set_alarm(&self, turn: &mut Turn<'_>) {
        let next_emit = self.event_time.as_ref().and_then(EventTime::next_emit).filter(|_| !self.finished);
        turn.wake_at([self.next_poll, next_emit].into_iter().flatten().min());
    }
}

impl<S: Source> Operator for SourceOperator<S> {
    fn inputs(&self) -> Vec<DataType> {
        Vec::new()
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        vec![(String::new(), DataType::of::<S::Out>()), (ERROR_OUTPUT.into(), DataType::of::<RecordError>())]
    }

    fn restore(&mut self, mut state: OperatorSnapshot) -> Result {
        for entry in state.take_list(SPLITS) {
            self.restored.push(decode_state(SPLITS, &entry)?);
        }
        Ok(())
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        (self.subtask, self.parallelism) = (context.subtask_index, context.parallelism);
        let mut reader = self.source.create_reader(context)?;
        for split in self.restored.drain(..) {
            reader.add_split(split)?;
        }
        self.reader = Some(reader);
        self.event_time = self.strategy.as_ref().map(|strategy| EventTime::new(strategy, context, turn.now()));
        self.next_poll = Some(AT_ONCE);
        self.set_alarm(turn);
        Ok(())
    }

    fn process(&mut self, _: usize, _: Batch, _: &mut Turn<'_>) -> Result<Readiness> {
        Err(FunctionError::internal("a source has no input"))
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        let mut readiness = Readiness::Ready;
        if self.next_poll.is_some_and(|time| time <= turn.now()) {
            readiness = self.poll(turn)?;
        }
        if let Some(event_time) = &mut self.event_time {
            event_time.wake(turn);
        }
        self.set_alarm(turn);
        Ok(readiness)
    }

    fn complete(&mut self, _: Completion, turn: &mut Turn<'_>) -> Result<Readiness> {
        let readiness = self.poll(turn)?;
        self.set_alarm(turn);
        Ok(readiness)
    }

    fn snapshot(&mut self, _: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        let splits = self.reader()?.snapshot()?;
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            splits.iter().try_for_each(|split| writer.list_entry(SPLITS, encode_state(SPLITS, split)?))
        }))
    }

    fn checkpoint_complete(&mut self, id: u64) -> Result {
        self.reader()?.checkpoint_complete(id)
    }

    fn close(&mut self) -> Result {
        self.reader = None;
        Ok(())
    }
}
