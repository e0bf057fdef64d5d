//! What every source has to bear: [`SourceSuite`].

use std::sync::{Arc, Mutex, PoisonError};

use riverrun_stream::RuntimeContext;
use riverrun_stream::element::Timestamp;
use riverrun_stream::key_group::DEFAULT_MAX_PARALLELISM;
use riverrun_stream::operator::{
    OperatorSnapshot, Readiness, SharedCoordinator, SnapshotKind, SourceOperator, redistribute,
};
use riverrun_stream::source::Source;
use riverrun_stream::time::WatermarkStrategy;

use crate::harness::{HarnessError, OperatorHarness};
use crate::outputs::Collected;
use crate::random::Random;
use crate::suite::{SuiteError, SuiteReport};

/// Reads a source with several subtasks in a random order, takes snapshots on the way, restores them at parallelism 1, 2 or 3,
/// and compares with one undisturbed reading: nothing is lost and nothing repeated.
///
/// ```
/// use riverrun_stream::source::NumberSequence;
/// use riverrun_testing::SourceSuite;
///
/// # fn main() -> Result<(), riverrun_testing::SuiteError> {
/// let report = SourceSuite::new(|| NumberSequence::new(1, 5000)).seeds(10).run()?;
///
/// assert_eq!(report.values::<u64>(0).unwrap().len(), 5000);
/// # Ok(())
/// # }
/// ```
pub struct SourceSuite<S: Source> {
    source: Box<dyn Fn() -> S>,
    strategy: Option<WatermarkStrategy<S::Out>>,
    seeds: u64,
}

struct Subtasks {
    harnesses: Vec<OperatorHarness>,
    coordinator: SharedCoordinator,
}

impl<S: Source> SourceSuite<S> {
    /// The suite for the sources that `source` makes, all of them alike.
    pub fn new(source: impl Fn() -> S + 'static) -> Self {
        Self { source: Box::new(source), strategy: None, seeds: 100 }
    }

    /// Has the source make timestamps and watermarks by this strategy.
    #[must_use]
    pub fn with_watermarks(mut self, strategy: WatermarkStrategy<S::Out>) -> Self {
        self.strategy = Some(strategy);
        self
    }

    /// How many runs: 100 unless set.
    #[must_use]
    pub fn seeds(mut self, seeds: u64) -> Self {
        self.seeds = seeds;
        self
    }

    /// Runs the suite.
    ///
    /// # Errors
    /// The first run that went wrong, with its seed.
    pub fn run(&self) -> Result<SuiteReport, SuiteError> {
        let mut report = SuiteReport::default();
        report.set_outputs(self.undisturbed().map_err(|error| SuiteError {
            seed: 0,
            history: "undisturbed, at parallelism 1".into(),
            problem: error.to_string(),
        })?);
        for seed in 0..self.seeds {
            let mut history = Vec::new();
            let problem = match self.disturbed(seed, &mut history, &mut report) {
                Ok(collected) => collected.difference(report.outputs(), false),
                Err(error) => Some(error.to_string()),
            };
            report.runs += 1;
            if let Some(problem) = problem {
                return Err(SuiteError { seed, history: history.join(", "), problem });
            }
        }
        Ok(report)
    }

    fn undisturbed(&self) -> Result<Collected, HarnessError> {
        let mut subtasks = self.deploy(1, None)?;
        let mut collected = Collected::of(subtasks.harnesses[0].outputs());
        subtasks.harnesses[0].finish()?;
        collect(&mut subtasks, &mut collected)?;
        Ok(collected)
    }

    fn disturbed(
        &self, seed: u64, history: &mut Vec<String>, report: &mut SuiteReport,
    ) -> Result<Collected, HarnessError> {
        let mut random = Random::new(seed);
        let first = 1 + random.below(3);
        history.push(format!("started at parallelism {first}"));
        let mut subtasks = self.deploy(first, None)?;
        let mut collected = Collected::of(subtasks.harnesses[0].outputs());
        for _ in 0..random.below(4) {
            for _ in 0..random.below(40) {
                let subtask = random.below(subtasks.harnesses.len());
                subtasks.harnesses[subtask].step()?;
            }
            let parallelism = 1 + random.below(3);
            history.push(format!("restored at parallelism {parallelism}"));
            report.snapshots += 1;
            let taken = subtasks
                .harnesses
                .iter_mut()
                .map(|harness| Ok(harness.snapshot(SnapshotKind::Checkpoint)?.1))
                .collect::<Result<Vec<_>, HarnessError>>()?;
            let coordinator = subtasks.coordinator.lock().unwrap_or_else(PoisonError::into_inner).snapshot()?;
            collect(&mut subtasks, &mut collected)?;
            subtasks.harnesses.iter_mut().try_for_each(OperatorHarness::close)?;
            subtasks = self.deploy(parallelism, Some((&taken, &coordinator)))?;
        }
        // Those that have ended stay as they are; the others go on in any order.
        loop {
            let going = |harness: &OperatorHarness| harness.readiness() != Readiness::Finished;
            let going: Vec<usize> =
                (0..subtasks.harnesses.len()).filter(|&index| going(&subtasks.harnesses[index])).collect();
            let Some(&subtask) = going.get(random.below(going.len())) else { break };
            let harness = &mut subtasks.harnesses[subtask];
            if !harness.step()? {
                match harness.alarm() {
                    Some(alarm) => harness.advance_to(alarm)?,
                    None => {
                        return Err(HarnessError::Order(format!("source subtask {subtask} neither goes on nor ends")));
                    }
                }
            }
        }
        for harness in &mut subtasks.harnesses {
            harness.finish()?;
            harness.close()?;
        }
        collect(&mut subtasks, &mut collected)?;
        Ok(collected)
    }

    fn deploy(
        &self, parallelism: usize, restored: Option<(&[OperatorSnapshot], &[u8])>,
    ) -> Result<Subtasks, HarnessError> {
        let source = Arc::new((self.source)());
        let enumerator = match restored {
            Some((_, coordinator)) => source.restore_enumerator(coordinator)?,
            None => source.create_enumerator()?,
        };
        let coordinator: SharedCoordinator = Arc::new(Mutex::new(enumerator));
        let states = redistribute(restored.map_or(&[], |(taken, _)| taken), parallelism, DEFAULT_MAX_PARALLELISM);
        let mut harnesses = Vec::new();
        for (subtask_index, state) in states.into_iter().enumerate() {
            let operator = SourceOperator::new(source.clone(), coordinator.clone());
            let operator = Box::new(operator.with_watermarks(self.strategy.clone()));
            let detached = RuntimeContext::detached(&source.name());
            let context = RuntimeContext { subtask_index, parallelism, checkpointing: true, ..detached };
            let mut harness = OperatorHarness::of(operator, context);
            if restored.is_some() {
                harness.restore(state)?;
            }
            harness.open()?;
            harnesses.push(harness);
        }
        Ok(Subtasks { harnesses, coordinator })
    }
}

fn collect(subtasks: &mut Subtasks, collected: &mut Collected) -> Result<(), HarnessError> {
    for harness in &mut subtasks.harnesses {
        let mut watermarks = vec![Timestamp::MIN; harness.outputs()];
        collected.take(harness, &mut watermarks, true)?;
    }
    Ok(())
}
