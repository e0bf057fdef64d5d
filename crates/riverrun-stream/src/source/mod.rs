//! Sources: a split enumerator, one per job, and a reader per subtask.

mod collection;
mod sequence;

use serde::{Deserialize, Serialize};

use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::{FunctionError, Result};
use crate::operator::Turn;

pub use collection::CollectionSource;
pub use sequence::{NumberSequence, SequenceSplit};

/// The name of the output that carries records at fault.
pub const ERROR_OUTPUT: &str = "errors";

/// A record that could not be read or computed, in words: what a source puts on its error output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordError {
    /// Which record: "line 7 of tweets.txt".
    pub record: String,
    /// What is wrong with it.
    pub message: String,
}

impl std::fmt::Display for RecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.record, self.message)
    }
}

/// Says what a built-in connector is, so that a host may put its own in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorDescriptor {
    /// The kind: `lines`, `number-sequence`, …
    pub kind: String,
    /// Its options, by name.
    pub options: std::collections::BTreeMap<String, String>,
}

/// Whether a source ends by itself. Same as Flink's `Boundedness`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundedness {
    /// It has an end.
    Bounded,
    /// It goes on until the job is stopped.
    ContinuousUnbounded,
}

/// Where records come from.
pub trait Source: Send + Sync + 'static {
    /// The type of the records.
    type Out: Data;
    /// A part of the source that one reader reads, with the position in it.
    type Split: Data;
    /// Deals out the splits.
    type Enumerator: SplitEnumerator<Split = Self::Split>;
    /// Reads splits.
    type Reader: SourceReader<Out = Self::Out, Split = Self::Split>;

    /// The name that plans and messages show.
    fn name(&self) -> String;

    /// Whether only one subtask may read, as with a collection or standard input.
    fn is_parallel(&self) -> bool {
        true
    }

    /// Whether the source ends by itself: it does, unless it says otherwise.
    fn boundedness(&self) -> Boundedness {
        Boundedness::Bounded
    }

    /// What the source is, where a host may replace it.
    fn descriptor(&self) -> Option<ConnectorDescriptor> {
        None
    }

    /// An enumerator over the whole source.
    ///
    /// # Errors
    /// The source is not there.
    fn create_enumerator(&self) -> Result<Self::Enumerator>;

    /// An enumerator that goes on from what [`SplitEnumerator::snapshot`] gave.
    ///
    /// # Errors
    /// The source is not there, or the state is not this enumerator's.
    fn restore_enumerator(&self, state: &[u8]) -> Result<Self::Enumerator>;

    /// A reader for one subtask.
    ///
    /// # Errors
    /// The source is not there.
    fn create_reader(&self, context: &RuntimeContext) -> Result<Self::Reader>;
}

/// What an enumerator answers a subtask that asks for work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SplitAssignment<S> {
    /// Read this.
    Split(S),
    /// Nothing at present; ask again in this many milliseconds.
    Wait(i64),
    /// Nothing more, ever.
    NoMore,
}

/// Deals out a source's splits. One per job, wherever the host keeps it.
pub trait SplitEnumerator: Send {
    /// A part of the source.
    type Split: Data;

    /// A split for a subtask that has none.
    ///
    /// # Errors
    /// The source can't be listed.
    fn next_split(&mut self, subtask: usize, parallelism: usize) -> Result<SplitAssignment<Self::Split>>;

    /// Takes back splits of a subtask that failed.
    fn add_splits_back(&mut self, splits: Vec<Self::Split>);

    /// What is needed to go on: the splits not dealt out.
    ///
    /// # Errors
    /// The state can't be serialized.
    fn snapshot(&self) -> Result<Vec<u8>>;
}

/// What a reader says after a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReaderStatus {
    /// There is more: poll again.
    More,
    /// Its splits are read to their ends; it wants another.
    NeedsSplit,
    /// Nothing at present; poll again at this processing time.
    WaitUntil(Timestamp),
    /// Nothing at present; the reader sends a completion when there is.
    WaitForCompletion,
}

/// Reads splits, without blocking.
pub trait SourceReader: Send {
    /// The type of the records.
    type Out: Data;
    /// A part of the source.
    type Split: Data;

    /// Takes a split to read, from the position in it.
    ///
    /// # Errors
    /// The split can't be opened.
    fn add_split(&mut self, split: Self::Split) -> Result;

    /// Emits at most `budget` records.
    ///
    /// # Errors
    /// The source can't be read on; a single bad record goes to [`SourceOutput::error`] instead.
    fn poll(&mut self, budget: usize, out: &mut SourceOutput<'_, '_, Self::Out>) -> Result<ReaderStatus>;

    /// Its unfinished splits with their positions: all before them was emitted, nothing behind.
    ///
    /// # Errors
    /// A position can't be told.
    fn snapshot(&mut self) -> Result<Vec<Self::Split>>;

    /// The checkpoint is complete: what came before it will not be read again.
    ///
    /// # Errors
    /// The source can't be told.
    fn checkpoint_complete(&mut self, id: u64) -> Result {
        let _ = id;
        Ok(())
    }
}

/// Where a reader puts records.
pub struct SourceOutput<'t, 'a, T> {
    turn: &'t mut Turn<'a>,
    records: Vec<StreamRecord<T>>,
}

impl<'t, 'a, T: Data> SourceOutput<'t, 'a, T> {
    pub(crate) fn new(turn: &'t mut Turn<'a>) -> Result<Self> {
        let records = std::mem::take(turn.output::<T>(0)?);
        Ok(Self { turn, records })
    }

    pub(crate) fn done(self) -> Result {
        *self.turn.output::<T>(0)? = self.records;
        Ok(())
    }

    /// Emits a value without a timestamp.
    pub fn collect(&mut self, value: T) {
        self.records.push(StreamRecord::new(value));
    }

    /// Emits a value at an event time.
    pub fn collect_at(&mut self, value: T, timestamp: Timestamp) {
        self.records.push(StreamRecord::at(value, timestamp));
    }

    /// Emits many values without timestamps.
    pub fn extend(&mut self, values: impl IntoIterator<Item = T>) {
        self.records.extend(values.into_iter().map(StreamRecord::new));
    }

    /// Processing time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.turn.now()
    }

    /// Puts a record at fault on the error output; reading goes on.
    ///
    /// # Errors
    /// Never for a source; only where the output was built for something else.
    pub fn error(&mut self, error: RecordError) -> Result {
        self.turn.output(1)?.push(StreamRecord::new(error));
        Ok(())
    }
}

/// Deals out a list of splits that is known from the start.
pub struct FixedSplits<S> {
    remaining: std::collections::VecDeque<S>,
}

impl<S: Data> FixedSplits<S> {
    /// These splits, first come first served.
    pub fn new(splits: impl IntoIterator<Item = S>) -> Self {
        Self { remaining: splits.into_iter().collect() }
    }

    /// Goes on from what `snapshot` gave.
    ///
    /// # Errors
    /// The state is not a list of these splits.
    pub fn restore(state: &[u8]) -> Result<Self> {
        Ok(Self { remaining: crate::operator::decode_state("splits", state)? })
    }
}

impl<S: Data> SplitEnumerator for FixedSplits<S> {
    type Split = S;

    fn next_split(&mut self, _: usize, _: usize) -> Result<SplitAssignment<S>> {
        Ok(self.remaining.pop_front().map_or(SplitAssignment::NoMore, SplitAssignment::Split))
    }

    fn add_splits_back(&mut self, splits: Vec<S>) {
        self.remaining.extend(splits);
    }

    fn snapshot(&self) -> Result<Vec<u8>> {
        crate::operator::encode_state("splits", &self.remaining).map_err(FunctionError::from)
    }
}
