//! Runs a [`Source`]: asks the coordinator for splits and polls the reader.

use std::sync::{Arc, Mutex, PoisonError};

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::error::{FunctionError, Result};
use crate::operator::{
    Completion, FrozenState, Operator, OperatorSnapshot, Readiness, SnapshotRequest, SnapshotWriter, Turn,
    decode_state, encode_state,
};
use crate::source::{
    ERROR_OUTPUT, ReaderStatus, RecordError, Source, SourceOutput, SourceReader, SplitAssignment, SplitEnumerator,
};

const SPLITS: &str = "splits";

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
}

impl<S: Source> SourceOperator<S> {
    /// A subtask of `source` that gets its splits from `coordinator`.
    pub fn new(source: Arc<S>, coordinator: SharedCoordinator) -> Self {
        Self { source, coordinator, reader: None, restored: Vec::new(), subtask: 0, parallelism: 1, finished: false }
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
            turn.wake_now();
            return Ok(Readiness::Busy);
        }
        let mut out = SourceOutput::<S::Out>::new(turn)?;
        let status = self.reader()?.poll(budget, &mut out);
        out.done()?;
        match status? {
            ReaderStatus::More => turn.wake_now(),
            ReaderStatus::WaitUntil(time) => turn.wake_at(Some(time)),
            ReaderStatus::WaitForCompletion => {}
            ReaderStatus::NeedsSplit => return self.request_split(turn),
        }
        Ok(Readiness::Ready)
    }

    fn request_split(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        let assignment = self
            .coordinator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next_split(self.subtask, self.parallelism)?;
        match assignment {
            SplitAssignment::Split(split) => {
                let split = decode_state(SPLITS, &split)?;
                self.reader()?.add_split(split)?;
                turn.wake_now();
            }
            SplitAssignment::Wait(millis) => turn.wake_at(Some(turn.now().saturating_add(millis))),
            SplitAssignment::NoMore => {
                self.finished = true;
                return Ok(Readiness::Finished);
            }
        }
        Ok(Readiness::Ready)
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
        turn.wake_now();
        Ok(())
    }

    fn process(&mut self, _: usize, _: Batch, _: &mut Turn<'_>) -> Result<Readiness> {
        Err(FunctionError::internal("a source has no input"))
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.poll(turn)
    }

    fn complete(&mut self, _: Completion, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.poll(turn)
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
