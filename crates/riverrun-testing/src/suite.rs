//! What every operator has to bear: [`OperatorSuite`].

use std::collections::BTreeSet;

use riverrun_stream::batch::Batch;
use riverrun_stream::element::{StreamRecord, Timestamp};
use riverrun_stream::key_group::{DEFAULT_MAX_PARALLELISM, key_group, subtask_of};
use riverrun_stream::operator::{Operator, OperatorSnapshot, Readiness, SnapshotKind, redistribute};
use riverrun_stream::{Data, Error, RuntimeContext};

use crate::harness::{HarnessError, OperatorHarness};
use crate::outputs::{Collected, encode_each};
use crate::random::Random;

/// One thing that happens to the operator under test.
pub struct Feed(Event);

enum Event {
    Records { input: usize, batch: Batch, dealt: Dealt },
    Watermark { input: usize, watermark: Timestamp },
    Idle { input: usize, idle: bool },
    AdvanceTo(Timestamp),
}

/// Which subtasks get the records of a feed.
#[derive(Clone)]
enum Dealt {
    /// One each, at random.
    Anyhow,
    /// The one of its key group, for each record.
    Keyed(Vec<usize>),
    /// All of them, each record.
    Broadcast,
}

impl Feed {
    /// Values without timestamps.
    pub fn values<T: Data>(input: usize, values: impl IntoIterator<Item = T>) -> Self {
        Self(Event::Records { input, batch: Batch::of(values), dealt: Dealt::Anyhow })
    }

    /// Records.
    pub fn records<T: Data>(input: usize, records: impl IntoIterator<Item = StreamRecord<T>>) -> Self {
        Self(Event::Records { input, batch: Batch::new(records.into_iter().collect()), dealt: Dealt::Anyhow })
    }

    /// Records of a keyed input: each goes to the subtask of its key.
    ///
    /// # Errors
    /// A key refuses to be serialized.
    pub fn keyed<T: Data, K: serde::Serialize>(
        input: usize, records: impl IntoIterator<Item = StreamRecord<T>>, key: impl Fn(&T) -> K,
    ) -> Result<Self, Error> {
        let records: Vec<_> = records.into_iter().collect();
        let key_group = |record: &StreamRecord<T>| key_group(&key(&record.value), DEFAULT_MAX_PARALLELISM);
        let key_groups = records.iter().map(key_group).collect::<Result<_, _>>()?;
        Ok(Self(Event::Records { input, batch: Batch::new(records), dealt: Dealt::Keyed(key_groups) }))
    }

    /// Records of a broadcast input: each goes to every subtask.
    pub fn broadcast<T: Data>(input: usize, records: impl IntoIterator<Item = StreamRecord<T>>) -> Self {
        Self(Event::Records { input, batch: Batch::new(records.into_iter().collect()), dealt: Dealt::Broadcast })
    }

    /// Event time comes this far on an input.
    #[must_use]
    pub fn watermark(input: usize, watermark: Timestamp) -> Self {
        Self(Event::Watermark { input, watermark })
    }

    /// An input becomes idle, or active again.
    #[must_use]
    pub fn idle(input: usize, idle: bool) -> Self {
        Self(Event::Idle { input, idle })
    }

    /// Processing time comes this far.
    #[must_use]
    pub fn advance_to(time: Timestamp) -> Self {
        Self(Event::AdvanceTo(time))
    }

    /// The same as a list of smaller feeds, cut at random.
    fn split(self, random: &mut Random) -> Vec<Event> {
        match self.0 {
            Event::Records { input, mut batch, dealt } => {
                let mut key_groups = Vec::new().into_iter();
                if let Dealt::Keyed(groups) = &dealt {
                    key_groups = groups.clone().into_iter();
                }
                // Sizes of all orders: single records, and batches larger than an operator's output.
                let largest = 1 + random.below(batch.len().max(1));
                let mut pieces = Vec::new();
                while !batch.is_empty() {
                    let piece = batch.split_front(1 + random.below(largest));
                    let dealt = match &dealt {
                        Dealt::Keyed(_) => Dealt::Keyed(key_groups.by_ref().take(piece.len()).collect()),
                        dealt => dealt.clone(),
                    };
                    pieces.push(Event::Records { input, batch: piece, dealt });
                }
                pieces
            }
            event => vec![event],
        }
    }
}

/// A run that came out otherwise than the undisturbed one.
#[derive(thiserror::Error)]
#[error("with seed {seed} ({history}): {problem}")]
pub struct SuiteError {
    /// The seed that shows it again.
    pub seed: u64,
    /// What was done to the operator.
    pub history: String,
    /// What came of it.
    pub problem: String,
}

/// As its message: it is what a test prints of an error it returns or unwraps.
impl std::fmt::Debug for SuiteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// What the runs of a suite came to.
#[derive(Debug, Default)]
pub struct SuiteReport {
    /// How many runs there were beside the undisturbed one.
    pub runs: usize,
    /// How many snapshots were taken and restored.
    pub snapshots: usize,
    /// How many of those while the operator was busy.
    pub busy_snapshots: usize,
    /// How many runs stopped, were told that the stop was given up, and went on.
    pub aborted_stops: usize,
    outputs: Collected,
}

impl SuiteReport {
    /// The values of an output in the undisturbed run. What [`observing`](OperatorSuite::observing) saw is the output behind
    /// the last.
    ///
    /// # Errors
    /// The output holds another type.
    pub fn values<T: Data>(&self, port: usize) -> Result<Vec<T>, HarnessError> {
        self.outputs.values(port)
    }

    pub(crate) fn outputs(&self) -> &Collected {
        &self.outputs
    }

    pub(crate) fn set_outputs(&mut self, outputs: Collected) {
        self.outputs = outputs;
    }
}

type Factory = Box<dyn Fn() -> Box<dyn Operator>>;
type Script = Box<dyn Fn() -> Vec<Feed>>;
type Observer = Box<dyn Fn() -> Result<Vec<Vec<u8>>, HarnessError>>;

/// Puts an operator through what every operator has to bear, and compares with an undisturbed run at parallelism 1:
///
/// - the batches cut otherwise, wake-ups and completions that come sooner or later;
/// - snapshots of every kind anywhere in the input, also while the operator is busy, restored at parallelism 1, 2 or 3, several
///   times in a run: nothing is lost and nothing repeated, and where the parallelism is 1 throughout the order is the same;
/// - a stop after which nothing is emitted, and one that is given up;
/// - watermarks, which no record that came before them may follow.
///
/// Every run follows from its seed.
///
/// ```
/// use riverrun_stream::functions::FilterFunction;
/// use riverrun_stream::operator::FilterOperator;
/// use riverrun_testing::{Feed, OperatorSuite};
///
/// #[derive(Clone)]
/// struct Even;
///
/// impl FilterFunction<u64> for Even {
///     fn filter(&mut self, value: &u64) -> riverrun_stream::Result<bool> {
///         Ok(value % 2 == 0)
///     }
/// }
///
/// # fn main() -> Result<(), riverrun_testing::SuiteError> {
/// let report = OperatorSuite::new(
///     || Box::new(FilterOperator::<u64, _>::new(Even)),
///     || vec![Feed::values(0, 1..=100_u64), Feed::watermark(0, 5), Feed::values(0, 101..=200_u64)],
/// )
/// .seeds(20)
/// .run()?;
///
/// assert_eq!(report.values::<u64>(0).unwrap().len(), 100);
/// # Ok(())
/// # }
/// ```
pub struct OperatorSuite {
    factory: Factory,
    script: Script,
    observer: Option<Observer>,
    seeds: u64,
    ordered: bool,
    late_allowed: bool,
    bound: Option<usize>,
    parallelisms: Vec<usize>,
}

impl OperatorSuite {
    /// The suite for the operators that `factory` makes, given what `script` makes.
    pub fn new(factory: impl Fn() -> Box<dyn Operator> + 'static, script: impl Fn() -> Vec<Feed> + 'static) -> Self {
        Self {
            factory: Box::new(factory),
            script: Box::new(script),
            observer: None,
            seeds: 100,
            ordered: true,
            late_allowed: false,
            bound: None,
            parallelisms: vec![1, 2, 3],
        }
    }

    /// How many runs: 100 unless set.
    #[must_use]
    pub fn seeds(mut self, seeds: u64) -> Self {
        self.seeds = seeds;
        self
    }

    /// The operator may emit in another order at each run.
    #[must_use]
    pub fn unordered(mut self) -> Self {
        self.ordered = false;
        self
    }

    /// The operator may emit records behind a watermark that had passed them, as one that is fed late records does.
    #[must_use]
    pub fn allow_late_output(mut self) -> Self {
        self.late_allowed = true;
        self
    }

    /// As [`OperatorHarness::emission_bound`].
    #[must_use]
    pub fn emission_bound(mut self, records: usize) -> Self {
        self.bound = Some(records);
        self
    }

    /// The parallelisms to restore at: 1, 2 and 3 unless set.
    #[must_use]
    pub fn parallelisms(mut self, parallelisms: impl IntoIterator<Item = usize>) -> Self {
        self.parallelisms = parallelisms.into_iter().collect();
        self
    }

    /// Compares as well what the operator does outside its outputs: `observe` takes out what a sink has made visible.
    #[must_use]
    pub fn observing<T: Data>(mut self, observe: impl Fn() -> Vec<T> + 'static) -> Self {
        self.observer = Some(Box::new(move || encode_each(Batch::of(observe()))));
        self
    }

    /// Runs the suite.
    ///
    /// # Errors
    /// The first run that went wrong, with its seed.
    pub fn run(&self) -> Result<SuiteReport, SuiteError> {
        let outputs = self.undisturbed().map_err(|error| SuiteError {
            seed: 0,
            history: "undisturbed, at parallelism 1".into(),
            problem: error.to_string(),
        })?;
        let mut report = SuiteReport { outputs, ..SuiteReport::default() };
        for seed in 0..self.seeds {
            let mut run = Run::new(self, seed);
            let problem = match run.outcome(&mut report) {
                Ok(None) => continue,
                Ok(Some(problem)) => problem,
                Err(error) => error.to_string(),
            };
            return Err(SuiteError { seed, history: run.history.join(", "), problem });
        }
        Ok(report)
    }

    fn observed(&self) -> Result<Option<Vec<Vec<u8>>>, HarnessError> {
        self.observer.as_ref().map(|observe| observe()).transpose()
    }

    fn undisturbed(&self) -> Result<Collected, HarnessError> {
        self.observed()?;
        let mut harness = self.harness(0, 1, 0);
        harness.open()?;
        for Feed(event) in (self.script)() {
            match event {
                Event::Records { input, batch, .. } => harness.process_batch(input, batch)?,
                Event::Watermark { input, watermark } => harness.watermark(input, watermark)?,
                Event::Idle { input, idle } => harness.idle(input, idle)?,
                Event::AdvanceTo(time) => {
                    harness.advance_to(time)?;
                    continue;
                }
            };
        }
        let mut collected = Collected::of(harness.outputs());
        end(&mut harness)?;
        let watermarks = &mut vec![Timestamp::MIN; harness.outputs()];
        if let Some(overtaken) = collected.take(&mut harness, watermarks, self.late_allowed)? {
            return Err(HarnessError::Order(overtaken));
        }
        if let Some(observed) = self.observed()? {
            collected.add_observed(observed);
        }
        Ok(collected)
    }

    fn harness(&self, subtask_index: usize, parallelism: usize, now: Timestamp) -> OperatorHarness {
        let detached = RuntimeContext::detached("operator under test");
        let context = RuntimeContext { subtask_index, parallelism, checkpointing: true, ..detached };
        let harness = OperatorHarness::of((self.factory)(), context).at(now);
        match self.bound {
            Some(bound) => harness.emission_bound(bound),
            None => harness,
        }
    }
}

/// The end of a bounded job: finished, the last checkpoint complete, closed.
fn end(harness: &mut OperatorHarness) -> Result<(), HarnessError> {
    harness.finish()?;
    let (id, _) = harness.snapshot(SnapshotKind::Checkpoint)?;
    harness.complete_checkpoint(id)?;
    harness.close()
}

/// One disturbed run.
struct Run<'s> {
    suite: &'s OperatorSuite,
    random: Random,
    subtasks: Vec<(OperatorHarness, Vec<Timestamp>)>,
    collected: Collected,
    /// A watermark that overtook a record.
    overtaken: Option<String>,
    now: Timestamp,
    /// The inputs that are idle: new instances are told so again, as upstream would tell them.
    idle: BTreeSet<usize>,
    always_one: bool,
    history: Vec<String>,
}

impl<'s> Run<'s> {
    fn new(suite: &'s OperatorSuite, seed: u64) -> Self {
        Self {
            suite,
            random: Random::new(seed),
            subtasks: Vec::new(),
            collected: Collected::default(),
            overtaken: None,
            now: 0,
            idle: BTreeSet::new(),
            always_one: true,
            history: vec!["started at parallelism 1".into()],
        }
    }

    fn outcome(&mut self, report: &mut SuiteReport) -> Result<Option<String>, HarnessError> {
        self.suite.observed()?;
        let feeds = (self.suite.script)();
        let events: Vec<Event> = feeds.into_iter().flat_map(|feed| feed.split(&mut self.random)).collect();
        let total = events.len();
        let mut cuts: Vec<usize> = (0..self.random.below(4)).map(|_| self.random.below(total + 1)).collect();
        cuts.sort_unstable();
        self.deploy(1, &[])?;
        self.collected = Collected::of(self.subtasks[0].0.outputs());
        for (index, event) in events.into_iter().enumerate() {
            for _ in cuts.iter().filter(|&&cut| cut == index) {
                self.disturb(index, total, report)?;
            }
            self.feed(event)?;
            self.step_a_little()?;
        }
        for _ in cuts.iter().filter(|&&cut| cut == total) {
            self.disturb(total, total, report)?;
        }
        for (harness, _) in &mut self.subtasks {
            end(harness)?;
        }
        self.collect()?;
        if let Some(observed) = self.suite.observed()? {
            self.collected.add_observed(observed);
        }
        report.runs += 1;
        let ordered = self.suite.ordered && self.always_one;
        Ok(self.overtaken.take().or_else(|| self.collected.difference(&report.outputs, ordered)))
    }

    fn deploy(&mut self, parallelism: usize, snapshots: &[OperatorSnapshot]) -> Result<(), HarnessError> {
        self.always_one &= parallelism == 1;
        self.subtasks.clear();
        for (subtask, state) in redistribute(snapshots, parallelism, DEFAULT_MAX_PARALLELISM).into_iter().enumerate() {
            let mut harness = self.suite.harness(subtask, parallelism, self.now);
            if !snapshots.is_empty() {
                harness.restore(state)?;
            }
            harness.open()?;
            for &input in &self.idle {
                harness.idle(input, true)?;
            }
            let watermarks = vec![Timestamp::MIN; harness.outputs()];
            self.subtasks.push((harness, watermarks));
        }
        Ok(())
    }

    fn feed(&mut self, event: Event) -> Result<(), HarnessError> {
        let parallelism = self.subtasks.len();
        match event {
            Event::Records { input, batch, dealt } => {
                let random = &mut self.random;
                let dealt: Vec<Batch> = match dealt {
                    Dealt::Broadcast => (0..parallelism).map(|_| batch.duplicate()).collect(),
                    Dealt::Anyhow => batch.deal(parallelism, || random.below(parallelism)),
                    Dealt::Keyed(groups) => {
                        let subtask = |group| subtask_of(group, DEFAULT_MAX_PARALLELISM, parallelism);
                        let mut subtasks = groups.into_iter().map(subtask);
                        batch.deal(parallelism, || subtasks.next().unwrap_or_default())
                    }
                };
                for ((harness, _), batch) in self.subtasks.iter_mut().zip(dealt) {
                    if !batch.is_empty() {
                        harness.process_batch(input, batch)?;
                    }
                }
            }
            Event::Watermark { input, watermark } => {
                for (harness, _) in &mut self.subtasks {
                    harness.watermark(input, watermark)?;
                }
            }
            Event::Idle { input, idle } => {
                if idle {
                    self.idle.insert(input);
                } else {
                    self.idle.remove(&input);
                }
                for (harness, _) in &mut self.subtasks {
                    harness.idle(input, idle)?;
                }
            }
            Event::AdvanceTo(time) => {
                self.now = self.now.max(time);
                for (harness, _) in &mut self.subtasks {
                    harness.advance_to(time)?;
                }
            }
        }
        Ok(())
    }

    /// Makes some of the calls that are due.
    fn step_a_little(&mut self) -> Result<(), HarnessError> {
        for (harness, _) in &mut self.subtasks {
            let steps = [0, 1, 2, usize::MAX][self.random.below(4)];
            let mut made = 0;
            while made < steps && harness.step()? {
                made += 1;
            }
        }
        self.collect()
    }

    fn collect(&mut self) -> Result<(), HarnessError> {
        for (harness, watermarks) in &mut self.subtasks {
            let overtaken = self.collected.take(harness, watermarks, self.suite.late_allowed)?;
            self.overtaken = self.overtaken.take().or(overtaken);
        }
        Ok(())
    }

    /// Takes a snapshot and goes on from it, in new instances or, after a stop that is given up, in the old ones.
    fn disturb(&mut self, index: usize, total: usize, report: &mut SuiteReport) -> Result<(), HarnessError> {
        let kinds = [SnapshotKind::Checkpoint, SnapshotKind::Savepoint, SnapshotKind::Stop];
        let kind = kinds[self.random.below(3)];
        let busy = self.subtasks.iter().any(|(harness, _)| harness.readiness() == Readiness::Busy);
        let taken =
            self.subtasks.iter_mut().map(|(harness, _)| harness.snapshot(kind)).collect::<Result<Vec<_>, _>>()?;
        // What was emitted before the freeze counts.
        self.collect()?;
        report.snapshots += 1;
        report.busy_snapshots += usize::from(busy);
        let at = format!("{kind:?} before feed {index} of {total}{}", if busy { " while busy" } else { "" });
        if kind == SnapshotKind::Stop && self.random.once_in(3) {
            report.aborted_stops += 1;
            self.history.push(format!("{at}, given up"));
            for ((harness, _), (id, _)) in self.subtasks.iter_mut().zip(&taken) {
                harness.run()?;
                harness.abort_checkpoint(*id)?;
            }
            return Ok(());
        }
        let completed = self.random.once_in(2);
        for ((harness, _), (id, _)) in self.subtasks.iter_mut().zip(&taken) {
            // A stop drops what is due; the others crash here, before they emit more.
            if kind == SnapshotKind::Stop {
                harness.run()?;
            }
            if completed {
                harness.complete_checkpoint(*id)?;
            }
            harness.close()?;
        }
        let before = self.collected.clone();
        self.collect()?;
        if self.collected != before {
            return Err(HarnessError::Order(format!("records were emitted after the freeze ({at})")));
        }
        let parallelism = self.suite.parallelisms[self.random.below(self.suite.parallelisms.len())];
        self.history.push(format!("{at}, restored at parallelism {parallelism}"));
        let snapshots: Vec<OperatorSnapshot> = taken.into_iter().map(|(_, snapshot)| snapshot).collect();
        self.deploy(parallelism, &snapshots)
    }
}
