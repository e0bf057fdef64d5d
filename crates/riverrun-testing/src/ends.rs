//! Sources and sinks for tests of whole programs: one that fails, and some that tell what reached them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use riverrun_stream::batch::{Batch, DataType};
use riverrun_stream::operator::{CompletionSender, Readiness};
use riverrun_stream::sink::{Committer, NoCommit, Sink, SinkWriter};
use riverrun_stream::source::{FixedSplits, ReaderStatus, Source, SourceOutput, SourceReader};
use riverrun_stream::{Data, FunctionError, Result, RuntimeContext, StreamRecord};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The numbers from 1, read by one subtask, and an error after so many of them.
///
/// ```
/// # use riverrun_stream::operator::SourceOperator;
/// # use riverrun_stream::source::Source;
/// # use riverrun_testing::{FailingSource, OperatorHarness};
/// # use std::sync::{Arc, Mutex};
/// # fn main() -> riverrun_stream::Result {
/// let source = Arc::new(FailingSource::after(3));
/// let enumerator = Arc::new(Mutex::new(source.create_enumerator()?));
/// let mut harness = OperatorHarness::new(SourceOperator::new(source, enumerator));
/// harness.open()?;
///
/// let error = harness.finish().unwrap_err();
///
/// assert_eq!(error.to_string(), "the source fails on purpose after 3 records");
/// assert_eq!(harness.take_values::<u64>(0)?, [1, 2, 3]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FailingSource {
    after: u64,
}

impl FailingSource {
    /// Fails after this many records.
    #[must_use]
    pub fn after(records: u64) -> Self {
        Self { after: records }
    }
}

impl Source for FailingSource {
    type Out = u64;
    /// The number before the next.
    type Split = u64;
    type Enumerator = FixedSplits<u64>;
    type Reader = FailingReader;

    fn name(&self) -> String {
        "Failing Source".into()
    }

    fn is_parallel(&self) -> bool {
        false
    }

    fn create_enumerator(&self) -> Result<FixedSplits<u64>> {
        Ok(FixedSplits::new([0]))
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<FixedSplits<u64>> {
        FixedSplits::restore(state)
    }

    fn create_reader(&self, _: &RuntimeContext) -> Result<FailingReader> {
        Ok(FailingReader { after: self.after, read: None })
    }
}

/// Counts, and fails.
pub struct FailingReader {
    after: u64,
    read: Option<u64>,
}

impl SourceReader for FailingReader {
    type Out = u64;
    type Split = u64;

    fn add_split(&mut self, split: u64) -> Result {
        self.read = Some(split);
        Ok(())
    }

    fn poll(&mut self, budget: usize, out: &mut SourceOutput<'_, '_, u64>) -> Result<ReaderStatus> {
        let Some(read) = self.read else { return Ok(ReaderStatus::NeedsSplit) };
        if read == self.after {
            return Err(FunctionError::new(format!("the source fails on purpose after {read} records")));
        }
        let end = self.after.min(read.saturating_add(budget as u64));
        out.extend(read + 1..=end);
        self.read = Some(end);
        Ok(ReaderStatus::More)
    }

    fn snapshot(&mut self) -> Result<Vec<u64>> {
        Ok(self.read.into_iter().collect())
    }
}

/// Keeps the values that reach it. Clones share them.
///
/// ```
/// # use riverrun_stream::{StreamExecutionEnvironment, Host};
/// # use riverrun_testing::CollectingSink;
/// # fn program(env: &StreamExecutionEnvironment) -> riverrun_stream::Result {
/// let sink = CollectingSink::new();
/// env.from_collection([1, 2, 3]).sink_to(sink.clone());
/// env.execute()?;
///
/// assert_eq!(sink.take(), [1, 2, 3]);
/// # Ok(())
/// # }
/// ```
pub struct CollectingSink<T>(Arc<Mutex<Vec<T>>>);

impl<T> CollectingSink<T> {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Takes out what has arrived: in order for each subtask.
    #[must_use]
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut lock(&self.0))
    }
}

impl<T> Default for CollectingSink<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for CollectingSink<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Data> Sink for CollectingSink<T> {
    type In = T;
    type Committable = ();
    type Writer = Self;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Collecting".into()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<Self> {
        Ok(self.clone())
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

impl<T: Data> SinkWriter for CollectingSink<T> {
    type In = T;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<T>>) -> Result<Readiness> {
        lock(&self.0).extend(records.into_iter().map(|record| record.value));
        Ok(Readiness::Ready)
    }
}

/// Counts the records that reach it and adds up a number of each, and keeps none: for tests with many. Clones share both.
///
/// ```
/// # use riverrun_stream::StreamExecutionEnvironment;
/// # use riverrun_testing::CheckingSink;
/// # fn program(env: &StreamExecutionEnvironment) -> riverrun_stream::Result {
/// let sink = CheckingSink::new(|n: &u64| *n);
/// env.from_sequence(1, 1_000_000).sink_to(sink.clone());
/// env.execute()?;
///
/// assert_eq!((sink.count(), sink.sum()), (1_000_000, 500_000_500_000));
/// # Ok(())
/// # }
/// ```
pub struct CheckingSink<T> {
    number: fn(&T) -> u64,
    count: Arc<AtomicU64>,
    sum: Arc<AtomicU64>,
}

impl<T> CheckingSink<T> {
    /// One that adds up what `number` says of each value.
    #[must_use]
    pub fn new(number: fn(&T) -> u64) -> Self {
        Self { number, count: Arc::default(), sum: Arc::default() }
    }

    /// How many records have arrived.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// The sum of their numbers, wrapping.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Acquire)
    }
}

impl<T> Clone for CheckingSink<T> {
    fn clone(&self) -> Self {
        Self { number: self.number, count: self.count.clone(), sum: self.sum.clone() }
    }
}

impl<T: Data> Sink for CheckingSink<T> {
    type In = T;
    type Committable = ();
    type Writer = Self;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Checking".into()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<Self> {
        Ok(self.clone())
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

impl<T: Data> SinkWriter for CheckingSink<T> {
    type In = T;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<T>>) -> Result<Readiness> {
        let sum = records.iter().fold(0_u64, |sum, record| sum.wrapping_add((self.number)(&record.value)));
        self.sum.fetch_add(sum, Ordering::AcqRel);
        self.count.fetch_add(records.len() as u64, Ordering::AcqRel);
        Ok(Readiness::Ready)
    }
}

/// A [`CollectingSink`] that is busy after each batch, until it has been called so many times more. It holds back its stream
/// without a thread or a clock, so a simulated run stays the same.
pub struct SlowSink<T> {
    collected: CollectingSink<T>,
    calls: usize,
}

impl<T> SlowSink<T> {
    /// One that is busy for this many calls after each batch.
    #[must_use]
    pub fn new(calls: usize) -> Self {
        Self { collected: CollectingSink::new(), calls }
    }

    /// Takes out what has been written.
    #[must_use]
    pub fn take(&self) -> Vec<T> {
        self.collected.take()
    }
}

impl<T> Clone for SlowSink<T> {
    fn clone(&self) -> Self {
        Self { collected: self.collected.clone(), calls: self.calls }
    }
}

/// Writes a batch once it has been resumed often enough.
pub struct SlowWriter<T> {
    collected: CollectingSink<T>,
    calls: usize,
    left: usize,
    /// Taken and not written.
    held: Vec<StreamRecord<T>>,
    completions: CompletionSender,
}

impl<T: Data> SlowWriter<T> {
    fn wait(&mut self) -> Result<Readiness> {
        if self.left == 0 {
            let held = std::mem::take(&mut self.held);
            return self.collected.write(held);
        }
        self.left -= 1;
        self.completions.send(Box::new(()));
        Ok(Readiness::Busy)
    }
}

impl<T: Data> Sink for SlowSink<T> {
    type In = T;
    type Committable = ();
    type Writer = SlowWriter<T>;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Slow".into()
    }

    fn create_writer(&self, context: &RuntimeContext, state: Vec<Vec<u8>>) -> Result<SlowWriter<T>> {
        let mut held = Vec::new();
        for batch in state {
            held.extend(DataType::of::<T>().decode(&batch)?.into_records::<T>()?);
        }
        if !held.is_empty() {
            context.completions.send(Box::new(()));
        }
        let (collected, completions) = (self.collected.clone(), context.completions.clone());
        Ok(SlowWriter { collected, calls: self.calls, left: 0, held, completions })
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

impl<T: Data> SinkWriter for SlowWriter<T> {
    type In = T;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<T>>) -> Result<Readiness> {
        self.held.extend(records);
        self.left = self.calls;
        self.wait()
    }

    fn resume(&mut self) -> Result<Readiness> {
        self.wait()
    }

    fn flush(&mut self, _: bool) -> Result<Readiness> {
        self.wait()
    }

    fn snapshot(&mut self) -> Result<Vec<Vec<u8>>> {
        // Record by record, so that a restore at another parallelism can deal them out.
        let held = self.held.iter().cloned();
        held.map(|record| Ok(Batch::new(vec![record]).encode()?)).collect()
    }
}

/// Makes values visible by commits, as a sink with transactions does: what is written goes into a transaction, which a
/// checkpoint makes ready and its completion commits. A transaction that is committed again changes nothing. Clones share it
/// all.
pub struct CommittingSink<T> {
    ledger: Arc<Mutex<Ledger<T>>>,
}

struct Ledger<T> {
    next: u64,
    committed: Vec<T>,
    transactions: BTreeSet<u64>,
}

impl<T> CommittingSink<T> {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        let ledger = Ledger { next: 0, committed: Vec::new(), transactions: BTreeSet::new() };
        Self { ledger: Arc::new(Mutex::new(ledger)) }
    }

    /// Takes out what has been committed.
    #[must_use]
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut lock(&self.ledger).committed)
    }
}

impl<T> Default for CommittingSink<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for CommittingSink<T> {
    fn clone(&self) -> Self {
        Self { ledger: self.ledger.clone() }
    }
}

/// Writes into a transaction.
pub struct CommittingWriter<T> {
    sink: CommittingSink<T>,
    open: Vec<T>,
}

impl<T: Data> Sink for CommittingSink<T> {
    type In = T;
    /// A transaction's id and its values.
    type Committable = (u64, Vec<T>);
    type Writer = CommittingWriter<T>;
    type Committer = Self;

    fn name(&self) -> String {
        "Committing".into()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<CommittingWriter<T>> {
        Ok(CommittingWriter { sink: self.clone(), open: Vec::new() })
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<Self> {
        Ok(self.clone())
    }
}

impl<T: Data> SinkWriter for CommittingWriter<T> {
    type In = T;
    type Committable = (u64, Vec<T>);

    fn write(&mut self, records: Vec<StreamRecord<T>>) -> Result<Readiness> {
        self.open.extend(records.into_iter().map(|record| record.value));
        Ok(Readiness::Ready)
    }

    fn prepare_commit(&mut self) -> Result<Vec<(u64, Vec<T>)>> {
        if self.open.is_empty() {
            return Ok(Vec::new());
        }
        let mut ledger = lock(&self.sink.ledger);
        ledger.next += 1;
        Ok(vec![(ledger.next, std::mem::take(&mut self.open))])
    }
}

impl<T: Data> Committer for CommittingSink<T> {
    type Committable = (u64, Vec<T>);

    fn commit(&mut self, committables: Vec<(u64, Vec<T>)>) -> Result {
        let mut ledger = lock(&self.ledger);
        for (transaction, values) in committables {
            if ledger.transactions.insert(transaction) {
                ledger.committed.extend(values);
            }
        }
        Ok(())
    }
}
