//! Runs a [`Sink`]: its writer, and its committer when a checkpoint is complete.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::element::Timestamp;
use crate::error::{FunctionError, Result};
use crate::operator::{
    Completion, FrozenState, Operator, OperatorSnapshot, Readiness, SnapshotRequest, SnapshotWriter, Turn,
    decode_state, encode_state,
};
use crate::sink::{Committer, Sink, SinkWriter};

const COMMITTABLES: &str = "committables";
const WRITER: &str = "writer";

/// A sink's subtask.
pub struct SinkOperator<S: Sink> {
    sink: Arc<S>,
    running: Option<(S::Writer, S::Committer)>,
    /// Made ready and not known to be complete, by checkpoint.
    pending: BTreeMap<u64, Vec<S::Committable>>,
    writer_state: Vec<Vec<u8>>,
}

impl<S: Sink> SinkOperator<S> {
    /// A subtask of `sink`.
    pub fn new(sink: Arc<S>) -> Self {
        Self { sink, running: None, pending: BTreeMap::new(), writer_state: Vec::new() }
    }

    fn running(&mut self) -> Result<&mut (S::Writer, S::Committer)> {
        self.running.as_mut().ok_or_else(|| FunctionError::internal("the sink was used before it was opened"))
    }

    /// Tells the writer the time, and asks it when to be woken.
    fn tell_time(&mut self, turn: &mut Turn<'_>) -> Result {
        let alarm = self.running()?.0.processing_time(turn.now())?;
        turn.wake_at(alarm);
        Ok(())
    }

    fn commit_up_to(&mut self, id: u64) -> Result {
        let later = self.pending.split_off(&id.saturating_add(1));
        let ready: Vec<_> = std::mem::replace(&mut self.pending, later).into_values().flatten().collect();
        if ready.is_empty() { Ok(()) } else { self.running()?.1.commit(ready) }
    }
}

impl<S: Sink> Operator for SinkOperator<S> {
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<S::In>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        Vec::new()
    }

    fn restore(&mut self, mut state: OperatorSnapshot) -> Result {
        self.writer_state = state.take_list(WRITER);
        let committables = state.take_list(COMMITTABLES);
        let committables =
            committables.iter().map(|entry| decode_state(COMMITTABLES, entry)).collect::<Result<_, _>>()?;
        self.pending.insert(0, committables);
        Ok(())
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        let writer = self.sink.create_writer(context, std::mem::take(&mut self.writer_state))?;
        self.running = Some((writer, self.sink.create_committer(context)?));
        self.tell_time(turn)?;
        // What a restored checkpoint holds belongs to a complete checkpoint.
        self.commit_up_to(0)
    }

    fn process(&mut self, _: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        let records = batch.into_records::<S::In>()?;
        self.tell_time(turn)?;
        let readiness = self.running()?.0.write(records)?;
        self.tell_time(turn)?;
        Ok(readiness)
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.tell_time(turn)?;
        self.running()?.0.resume()
    }

    fn watermark(&mut self, _: usize, _: Timestamp, _: &mut Turn<'_>) -> Result<Readiness> {
        Ok(Readiness::Ready)
    }

    fn complete(&mut self, _: Completion, _: &mut Turn<'_>) -> Result<Readiness> {
        self.running()?.0.resume()
    }

    fn prepare_snapshot(&mut self, request: SnapshotRequest, _: &mut Turn<'_>) -> Result {
        let writer = &mut self.running()?.0;
        writer.flush(false)?;
        let ready = writer.prepare_commit()?;
        self.pending.entry(request.id).or_default().extend(ready);
        Ok(())
    }

    fn snapshot(&mut self, _: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        let writer_state = self.running()?.0.snapshot()?;
        let committables: Vec<_> = self.pending.values().flatten().cloned().collect();
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            for entry in writer_state {
                writer.list_entry(WRITER, entry)?;
            }
            for committable in &committables {
                writer.list_entry(COMMITTABLES, encode_state(COMMITTABLES, committable)?)?;
            }
            Ok(())
        }))
    }

    fn checkpoint_complete(&mut self, id: u64) -> Result {
        self.commit_up_to(id)
    }

    fn finish(&mut self, _: &mut Turn<'_>) -> Result<Readiness> {
        self.running()?.0.flush(true)
    }

    fn close(&mut self) -> Result {
        self.running = None;
        Ok(())
    }
}
