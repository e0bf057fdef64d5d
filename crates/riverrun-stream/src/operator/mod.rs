//! The operator contract: what a host calls, and what it may rely on.
//!
//! An instance belongs to one subtask and is called by one thread at a time:
//!
//! ```text
//! restore? → open → { process | watermark | idle | wake | complete | prepare_snapshot, snapshot | … }*
//!          → end_input(i) for each input → finish → close
//! ```
//!
//! - **It never blocks.** An operator that can't take more says [`Readiness::Busy`], for all its inputs, and keeps at most
//!   the batch it was given. The host then calls only [`wake`](Operator::wake), [`complete`](Operator::complete) and the
//!   snapshot methods until one of them says [`Readiness::Ready`].
//! - **A turn emits a bounded amount**: an operator with much to give stops when [`Turn::is_full`], says `Busy`, and asks for
//!   a wake-up at once with [`Turn::wake_now`]; the host wakes it when the output has room.
//! - **What it has taken and not emitted is in its snapshot**, and comes first after a restore.
//! - **After [`snapshot`](Operator::snapshot) of a [stop](SnapshotKind::Stop) nothing more is emitted**: the host drops what
//!   comes. `end_input` and `finish` are called at the end of input and by a stop with drain only; a stop without drain and a
//!   cancel go straight to `close`.

pub mod async_wait;
mod broadcast_process;
pub(crate) mod co_process;
mod completion;
mod filter;
mod flat_map;
pub(crate) mod function_state;
mod inbox;
pub(crate) mod keyed;
mod map;
mod output;
mod process;
mod sink;
mod snapshot;
mod source;
mod spawner;
mod state_form;
mod timestamps;
pub(crate) mod window;

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::element::Timestamp;
use crate::error::{FunctionError, Result};

pub use async_wait::{AsyncBatchOperator, AsyncWaitOperator};
pub use broadcast_process::BroadcastProcessOperator;
pub use co_process::{CoFlatMap, CoFlatMapOperator, CoMap, CoMapOperator, CoProcessOperator};
pub use completion::{Completion, CompletionQueue, CompletionSender};
pub use filter::FilterOperator;
pub use flat_map::{FlatMap, FlatMapOperator};
pub use inbox::{Inbox, InboxSender, Mail};
pub use keyed::{
    Interval, IntervalJoinOperator, KeyedBroadcastProcessOperator, KeyedCoProcessOperator, KeyedProcessOperator,
    LateOutputs, ReduceOperator,
};
pub use map::MapOperator;
pub use output::{BATCH_SIZE, OutputPort, Outputs, Turn};
pub use process::ProcessOperator;
pub use sink::SinkOperator;
pub use snapshot::{
    FrozenState, OperatorSnapshot, RestoredState, SnapshotKind, SnapshotRequest, SnapshotWriter, redistribute,
};
pub use source::{Coordinator, SharedCoordinator, SourceOperator};
pub use spawner::{SpawnedFuture, SpawnedTask, Spawner};
pub use state_form::{StateBytes, decode_state, encode_state};
pub use timestamps::TimestampsAndWatermarksOperator;

/// Whether an operator can take more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// It can't, on any input, until a wake-up or a completion says otherwise.
    Busy,
    /// It has no more to give, ever: said by sources only.
    Finished,
}

/// One subtask of an operator. See the [module](self) for the order of the calls.
///
/// Every error fails the task. The defaults are those of a stateless operator with one input.
pub trait Operator: Send {
    /// The type of each input, in order. A source has none.
    fn inputs(&self) -> Vec<DataType>;

    /// The output ports: the main output first, then side outputs and the error output, by name.
    fn outputs(&self) -> Vec<(String, DataType)>;

    /// Takes back what [`snapshot`](Self::snapshot) wrote, redistributed to this subtask. Called before `open`, or not at all.
    ///
    /// # Errors
    /// The state is not this operator's, or of a newer format.
    fn restore(&mut self, state: RestoredState) -> Result {
        if state.is_empty() {
            return Ok(());
        }
        Err(FunctionError::new(
            "the snapshot holds state for this operator, which keeps none; restore it into the operator that wrote it (check the `uid`s)",
        ))
    }

    /// Called once before any element. Models load here. Alarms are set here, also after a restore; one that is due at once
    /// rings before the first element is delivered, so that what was restored comes first.
    ///
    /// # Errors
    /// The user's `open` says so.
    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        let _ = (context, turn);
        Ok(())
    }

    /// Takes a batch of records from one input, all of it.
    ///
    /// # Errors
    /// The user's function says so.
    fn process(&mut self, input: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness>;

    /// Event time has come this far on one input.
    ///
    /// # Errors
    /// The user's function says so.
    fn watermark(&mut self, input: usize, watermark: Timestamp, turn: &mut Turn<'_>) -> Result<Readiness> {
        let _ = input;
        turn.emit_watermark(watermark);
        Ok(Readiness::Ready)
    }

    /// An input has become idle, or active again.
    ///
    /// # Errors
    /// The user's function says so.
    fn idle(&mut self, input: usize, idle: bool, turn: &mut Turn<'_>) -> Result<Readiness> {
        let _ = input;
        turn.emit_idle(idle);
        Ok(Readiness::Ready)
    }

    /// The alarm's time has come and the output has room.
    ///
    /// # Errors
    /// The user's function says so.
    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        let _ = turn;
        Ok(Readiness::Ready)
    }

    /// Work elsewhere has reported back through the context's [`CompletionSender`].
    ///
    /// # Errors
    /// The work failed, and the operator treats that as its own failure.
    fn complete(&mut self, completion: Completion, turn: &mut Turn<'_>) -> Result<Readiness> {
        let _ = (completion, turn);
        Ok(Readiness::Ready)
    }

    /// Called before the barrier goes on; may still emit, boundedly.
    ///
    /// # Errors
    /// The snapshot can't be taken.
    fn prepare_snapshot(&mut self, request: SnapshotRequest, turn: &mut Turn<'_>) -> Result {
        let _ = (request, turn);
        Ok(())
    }

    /// The synchronous half of a snapshot: freezes the state. The frozen state is written later, on another thread.
    ///
    /// # Errors
    /// The snapshot can't be taken.
    fn snapshot(&mut self, request: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        let _ = request;
        Ok(snapshot::nothing())
    }

    /// The checkpoint is complete everywhere: what waited for it may be committed.
    ///
    /// # Errors
    /// The commit did not succeed.
    fn checkpoint_complete(&mut self, id: u64) -> Result {
        let _ = id;
        Ok(())
    }

    /// The checkpoint was given up. An operator stopped by it resumes.
    ///
    /// # Errors
    /// The operator can't resume.
    fn checkpoint_aborted(&mut self, id: u64) -> Result {
        let _ = id;
        Ok(())
    }

    /// An input has ended.
    ///
    /// # Errors
    /// The user's function says so.
    fn end_input(&mut self, input: usize, turn: &mut Turn<'_>) -> Result<Readiness> {
        let _ = (input, turn);
        Ok(Readiness::Ready)
    }

    /// All inputs have ended: emit everything pending. While it says `Busy` it is woken and completed as before, and
    /// finished once it says `Ready`.
    ///
    /// # Errors
    /// The user's function says so.
    fn finish(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        let _ = turn;
        Ok(Readiness::Ready)
    }

    /// The last call, also after an error or a cancel. Nothing can be emitted any more.
    ///
    /// # Errors
    /// The user's `close` says so.
    fn close(&mut self) -> Result {
        Ok(())
    }
}
