//! Sinks: a writer per subtask, and a committer for what the writers have made ready.

mod collect;
mod print;

use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Result;
use crate::operator::Readiness;
use crate::source::ConnectorDescriptor;

pub(crate) use collect::CollectSink;
pub(crate) use print::PrintSink;

/// Where records go.
pub trait Sink: Send + Sync + 'static {
    /// The type of the records.
    type In: Data;
    /// What a writer makes ready to be committed: a file's name, a transaction's id. `()` where nothing is.
    type Committable: Data;
    /// Writes records.
    type Writer: SinkWriter<In = Self::In, Committable = Self::Committable>;
    /// Makes them visible.
    type Committer: Committer<Committable = Self::Committable>;

    /// The name that plans and messages show.
    fn name(&self) -> String;

    /// What the sink is, where a host may replace it.
    fn descriptor(&self) -> Option<ConnectorDescriptor> {
        None
    }

    /// A writer for one subtask; `state` is what the writers before it gave in [`SinkWriter::snapshot`].
    ///
    /// # Errors
    /// The target is not there or can't be written.
    fn create_writer(&self, context: &RuntimeContext, state: Vec<Vec<u8>>) -> Result<Self::Writer>;

    /// A committer for one subtask.
    ///
    /// # Errors
    /// The target is not there.
    fn create_committer(&self, context: &RuntimeContext) -> Result<Self::Committer>;
}

/// Writes records, without blocking.
pub trait SinkWriter: Send {
    /// The type of the records.
    type In: Data;
    /// What it makes ready to be committed.
    type Committable: Data;

    /// Takes records, all of them. `Busy` holds back the stream until [`resume`](Self::resume) says `Ready`; it is called
    /// after a completion and after a wake-up.
    ///
    /// # Errors
    /// The target can't be written.
    fn write(&mut self, records: Vec<StreamRecord<Self::In>>) -> Result<Readiness>;

    /// Processing time is `now`. Called before and after each [`write`](Self::write), and when the time has come that it
    /// returned last: the time, after `now`, at which it wants to be called again, if it does.
    ///
    /// # Errors
    /// The target can't be written.
    fn processing_time(&mut self, now: Timestamp) -> Result<Option<Timestamp>> {
        let _ = now;
        Ok(None)
    }

    /// Goes on with what it has taken.
    ///
    /// # Errors
    /// The target can't be written.
    fn resume(&mut self) -> Result<Readiness> {
        Ok(Readiness::Ready)
    }

    /// Brings what was written to its target: before each checkpoint, and at the end of input, when nothing follows. What it
    /// says `Busy` about before a checkpoint has to be in its [`snapshot`](Self::snapshot).
    ///
    /// # Errors
    /// The target can't be written.
    fn flush(&mut self, end_of_input: bool) -> Result<Readiness> {
        let _ = end_of_input;
        Ok(Readiness::Ready)
    }

    /// What is ready to be committed with the checkpoint that is being taken.
    ///
    /// # Errors
    /// It can't be made ready.
    fn prepare_commit(&mut self) -> Result<Vec<Self::Committable>> {
        Ok(Vec::new())
    }

    /// What a later writer needs to go on.
    ///
    /// # Errors
    /// The state can't be told.
    fn snapshot(&mut self) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }
}

/// Makes written records visible.
pub trait Committer: Send {
    /// What it commits.
    type Committable: Data;

    /// Commits. The same committable may come again after a restart, so doing it twice must be doing it once.
    ///
    /// # Errors
    /// It can't be committed; the job fails and, restored, tries again.
    fn commit(&mut self, committables: Vec<Self::Committable>) -> Result;
}

/// The committer of a sink without commits.
#[derive(Debug, Default)]
pub struct NoCommit;

impl Committer for NoCommit {
    type Committable = ();

    fn commit(&mut self, _: Vec<()>) -> Result {
        Ok(())
    }
}
