//! Drives one operator: [`OperatorHarness`].

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use riverrun_stream::batch::Batch;
use riverrun_stream::element::{MAX_WATERMARK, StreamElement, StreamRecord, Timestamp};
use riverrun_stream::operator::{
    BATCH_SIZE, Completion, CompletionQueue, Operator, OperatorSnapshot, Outputs, Readiness, RestoredState,
    SnapshotKind, SnapshotRequest, Turn,
};
use riverrun_stream::{Data, Error, FunctionError, RuntimeContext};

use crate::executor::{Counting, TestRuntime};

/// What went wrong with an operator under test.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HarnessError {
    /// The operator, or a function in it, said so.
    #[error("{0}")]
    Operator(FunctionError),
    /// An output holds another type than the test asked for.
    #[error(transparent)]
    Output(#[from] Error),
    /// The operator is busy, and nothing that it could wait for comes.
    #[error(
        "the operator is busy, has no alarm, and no completion came within {waited:?}; it has to set an alarm or start work that reports back"
    )]
    Stuck {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The operator is busy until its alarm.
    #[error("the operator is busy until {alarm}, and it is {now}; advance the clock before giving it more")]
    BusyUntil {
        /// When it wants to be woken.
        alarm: Timestamp,
        /// The time of the harness's clock.
        now: Timestamp,
    },
    /// A call emitted more than it may.
    #[error(
        "one turn emitted {emitted} records, and {bound} are allowed; stop when `Turn::is_full`, say `Busy` and ask for `wake_now`, or raise the bound with `emission_bound` where a single record makes that many"
    )]
    Unbounded {
        /// The records that came.
        emitted: usize,
        /// The records that were allowed.
        bound: usize,
    },
    /// The test, or the operator, called out of order.
    #[error("{0}")]
    Order(String),
}

impl From<FunctionError> for HarnessError {
    fn from(error: FunctionError) -> Self {
        Self::Operator(error)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Created,
    Running,
    /// `finish` was called and the operator has not emitted everything.
    Finishing,
    Finished,
    /// The state of this stop is frozen: the operator is not called until the stop is over.
    Stopped(u64),
    Closed,
}

/// One operator with a manual clock, its alarm and its outputs, called as a host calls it.
///
/// The harness keeps to the host's side of the [contract](riverrun_stream::operator): it never feeds a busy operator, wakes
/// it when its alarm is due, delivers completions also while it is busy, and drops what comes after the freeze of a stop. And
/// it checks the operator's side: a turn emits a bounded amount, and a busy operator waits for something.
///
/// ```
/// use riverrun_stream::Result;
/// use riverrun_stream::operator::MapOperator;
/// use riverrun_testing::OperatorHarness;
/// # use riverrun_stream::MapFunction;
///
/// #[derive(Clone)]
/// struct Double;
///
/// impl MapFunction<u64> for Double {
///     type Out = u64;
///     fn map(&mut self, value: u64) -> Result<u64> {
///         Ok(2 * value)
///     }
/// }
///
/// # fn main() -> Result<(), riverrun_testing::HarnessError> {
/// let mut harness = OperatorHarness::new(MapOperator::new(Double));
/// harness.open()?;
/// harness.process(0, [1_u64, 2, 3])?;
/// harness.finish()?;
/// harness.close()?;
///
/// assert_eq!(harness.take_values::<u64>(0)?, [2, 4, 6]);
/// # Ok(())
/// # }
/// ```
pub struct OperatorHarness {
    operator: Box<dyn Operator>,
    context: RuntimeContext,
    outputs: Outputs,
    /// What each output has emitted.
    emitted: Vec<VecDeque<StreamElement>>,
    completions: CompletionQueue,
    arrival: Arc<Arrival>,
    next_completion: Option<Completion>,
    futures: Counting,
    now: Timestamp,
    alarm: Option<Timestamp>,
    readiness: Readiness,
    ended_inputs: Vec<bool>,
    phase: Phase,
    /// What it was doing when a stop froze it.
    before_stop: Phase,
    bound: usize,
    patience: Duration,
    next_checkpoint: u64,
}

#[derive(Default)]
struct Arrival {
    arrived: Mutex<bool>,
    condition: Condvar,
}

impl OperatorHarness {
    /// A harness for subtask 0 of 1.
    pub fn new(operator: impl Operator + 'static) -> Self {
        Self::of(Box::new(operator), RuntimeContext::detached("operator under test"))
    }

    /// A harness for the subtask that `context` names; its completion sender is replaced by the harness's, and where it has no
    /// spawner, futures run on a Tokio runtime of the process.
    #[must_use]
    pub fn of(operator: Box<dyn Operator>, mut context: RuntimeContext) -> Self {
        let arrival: Arc<Arrival> = Arc::default();
        let signal = arrival.clone();
        let completions = CompletionQueue::new(move || {
            *signal.arrived.lock().unwrap_or_else(PoisonError::into_inner) = true;
            signal.condition.notify_all();
        });
        context.completions = completions.sender();
        let futures = Counting::new(context.spawner.take().unwrap_or_else(|| Arc::new(TestRuntime)));
        context.spawner = Some(Arc::new(futures.clone()));
        let outputs = Outputs::of(&*operator);
        Self {
            emitted: (0..outputs.len()).map(|_| VecDeque::new()).collect(),
            ended_inputs: vec![false; operator.inputs().len()],
            operator,
            context,
            outputs,
            completions,
            arrival,
            next_completion: None,
            futures,
            now: 0,
            alarm: None,
            readiness: Readiness::Ready,
            phase: Phase::Created,
            before_stop: Phase::Running,
            bound: 2 * BATCH_SIZE,
            patience: Duration::from_secs(10),
            next_checkpoint: 1,
        }
    }

    /// How many records one turn may emit, beside as many as it was given: two full batches unless set.
    #[must_use]
    pub fn emission_bound(mut self, records: usize) -> Self {
        self.bound = records;
        self
    }

    /// How long to wait for a completion that has to come: 10 s unless set.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts the clock at this time instead of 0.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// Gives the operator its state back. Before `open`.
    ///
    /// # Errors
    /// The operator refuses the state, or is open already.
    pub fn restore(&mut self, state: RestoredState) -> Result<(), HarnessError> {
        self.expect(self.phase == Phase::Created, "`restore` comes before `open`")?;
        Ok(self.operator.restore(state)?)
    }

    /// Opens the operator.
    ///
    /// # Errors
    /// The operator says so, or is open already.
    pub fn open(&mut self) -> Result<(), HarnessError> {
        self.expect(self.phase == Phase::Created, "an operator is opened once")?;
        self.phase = Phase::Running;
        let context = self.context.clone();
        self.call(0, |operator, turn| operator.open(&context, turn))
    }

    /// Gives the operator a batch of values without timestamps, once it is ready.
    ///
    /// # Errors
    /// The operator fails, or does not become ready.
    pub fn process<T: Data>(
        &mut self, input: usize, values: impl IntoIterator<Item = T>,
    ) -> Result<Readiness, HarnessError> {
        self.process_batch(input, Batch::of(values))
    }

    /// Gives the operator a batch of records, once it is ready.
    ///
    /// # Errors
    /// The operator fails, or does not become ready.
    pub fn process_records<T: Data>(
        &mut self, input: usize, records: impl IntoIterator<Item = StreamRecord<T>>,
    ) -> Result<Readiness, HarnessError> {
        self.process_batch(input, Batch::new(records.into_iter().collect()))
    }

    /// Gives the operator a batch, once it is ready.
    ///
    /// # Errors
    /// The operator fails, or does not become ready.
    pub fn process_batch(&mut self, input: usize, batch: Batch) -> Result<Readiness, HarnessError> {
        self.make_ready(input)?;
        let given = batch.len();
        self.turn(given, |operator, turn| operator.process(input, batch, turn))
    }

    /// Tells the operator that event time has come this far, once it is ready.
    ///
    /// # Errors
    /// The operator fails, or does not become ready.
    pub fn watermark(&mut self, input: usize, watermark: Timestamp) -> Result<Readiness, HarnessError> {
        self.make_ready(input)?;
        self.turn(0, |operator, turn| operator.watermark(input, watermark, turn))
    }

    /// Tells the operator that an input is idle, or active again, once it is ready.
    ///
    /// # Errors
    /// The operator fails, or does not become ready.
    pub fn idle(&mut self, input: usize, idle: bool) -> Result<Readiness, HarnessError> {
        self.make_ready(input)?;
        self.turn(0, |operator, turn| operator.idle(input, idle, turn))
    }

    /// Makes the one call that is due now, if any: a completion before a wake-up.
    ///
    /// # Errors
    /// The operator fails.
    pub fn step(&mut self) -> Result<bool, HarnessError> {
        if !matches!(self.phase, Phase::Running | Phase::Finishing) {
            return Ok(false);
        }
        if let Some(completion) = self.next_completion.take().or_else(|| self.completions.pop()) {
            self.turn(0, |operator, turn| operator.complete(completion, turn))?;
        } else if self.alarm.is_some_and(|alarm| alarm <= self.now) {
            self.alarm = None;
            self.turn(0, |operator, turn| operator.wake(turn))?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Makes every call that is due now.
    ///
    /// # Errors
    /// The operator fails.
    pub fn run(&mut self) -> Result<(), HarnessError> {
        while self.step()? {}
        Ok(())
    }

    /// Moves the clock to this time (never back), and makes every call that falls due on the way, each at its own time.
    ///
    /// # Errors
    /// The operator fails.
    pub fn advance_to(&mut self, time: Timestamp) -> Result<(), HarnessError> {
        self.run()?;
        while let Some(alarm) = self.alarm.filter(|&alarm| alarm <= time && self.is_running()) {
            self.now = self.now.max(alarm);
            self.run()?;
        }
        self.now = self.now.max(time);
        Ok(())
    }

    /// Ends one input, once the operator is ready.
    ///
    /// # Errors
    /// The operator fails, or does not become ready.
    pub fn end_input(&mut self, input: usize) -> Result<Readiness, HarnessError> {
        self.make_ready(input)?;
        self.ended_inputs[input] = true;
        self.turn(0, |operator, turn| operator.end_input(input, turn))
    }

    /// Ends the inputs that are open, finishes the operator and drives it until everything is emitted: the clock jumps to its
    /// alarms, and completions are waited for. A source is driven to its end first. A last checkpoint is then prepared, as a
    /// host does.
    ///
    /// # Errors
    /// The operator fails, or is stuck.
    pub fn finish(&mut self) -> Result<(), HarnessError> {
        for input in 0..self.ended_inputs.len() {
            if !self.ended_inputs[input] {
                self.drive_until_ready()?;
                self.watermark(input, MAX_WATERMARK)?;
                self.drive_until_ready()?;
                self.end_input(input)?;
            }
        }
        if self.ended_inputs.is_empty() {
            while self.readiness != Readiness::Finished {
                self.wait_for_a_call()?;
            }
            self.readiness = Readiness::Ready;
        }
        self.drive_until_ready()?;
        self.expect(self.phase == Phase::Running, "an operator is finished once, while it runs")?;
        self.phase = Phase::Finishing;
        self.turn(0, |operator, turn| operator.finish(turn))?;
        self.drive_until_ready()?;
        self.phase = Phase::Finished;
        Ok(())
    }

    /// Takes a snapshot, both phases. After that of a stop the operator is called no more, until
    /// [`abort_checkpoint`](Self::abort_checkpoint).
    ///
    /// # Errors
    /// The operator fails.
    pub fn snapshot(&mut self, kind: SnapshotKind) -> Result<(u64, OperatorSnapshot), HarnessError> {
        let alive = matches!(self.phase, Phase::Running | Phase::Finishing | Phase::Finished);
        self.expect(alive, "a snapshot is taken of an open operator")?;
        let request = SnapshotRequest { id: self.next_checkpoint, kind };
        self.next_checkpoint += 1;
        self.call(0, |operator, turn| operator.prepare_snapshot(request, turn))?;
        let frozen = self.operator.snapshot(request)?;
        if kind == SnapshotKind::Stop {
            self.before_stop = self.phase;
            self.phase = Phase::Stopped(request.id);
        }
        let mut snapshot = OperatorSnapshot::default();
        frozen.write(&mut snapshot)?;
        Ok((request.id, snapshot))
    }

    /// Says that a checkpoint is complete everywhere.
    ///
    /// # Errors
    /// The operator fails.
    pub fn complete_checkpoint(&mut self, id: u64) -> Result<(), HarnessError> {
        Ok(self.operator.checkpoint_complete(id)?)
    }

    /// Says that a checkpoint was given up; an operator that it stopped runs on.
    ///
    /// # Errors
    /// The operator fails.
    pub fn abort_checkpoint(&mut self, id: u64) -> Result<(), HarnessError> {
        if self.phase == Phase::Stopped(id) {
            self.phase = self.before_stop;
        }
        Ok(self.operator.checkpoint_aborted(id)?)
    }

    /// Closes the operator; a second time does nothing.
    ///
    /// # Errors
    /// The operator says so.
    pub fn close(&mut self) -> Result<(), HarnessError> {
        if !matches!(self.phase, Phase::Created | Phase::Closed) {
            self.phase = Phase::Closed;
            self.operator.close()?;
        }
        Ok(())
    }

    /// The time of the clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// When the operator wants to be woken.
    #[must_use]
    pub fn alarm(&self) -> Option<Timestamp> {
        self.alarm
    }

    /// What the operator said last.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness
    }

    /// What the user of an output would have read by now: its elements, taken out.
    pub fn take_elements(&mut self, port: usize) -> Vec<StreamElement> {
        self.emitted.get_mut(port).map(|elements| elements.drain(..).collect()).unwrap_or_default()
    }

    /// The records of an output, taken out with all its other elements.
    ///
    /// # Errors
    /// The output holds another type.
    pub fn take_records<T: Data>(&mut self, port: usize) -> Result<Vec<StreamRecord<T>>, HarnessError> {
        let mut records = Vec::new();
        for element in self.take_elements(port) {
            if let StreamElement::Records(batch) = element {
                records.extend(batch.into_records::<T>()?);
            }
        }
        Ok(records)
    }

    /// The values of an output, taken out with all its other elements.
    ///
    /// # Errors
    /// The output holds another type.
    pub fn take_values<T: Data>(&mut self, port: usize) -> Result<Vec<T>, HarnessError> {
        Ok(self.take_records(port)?.into_iter().map(|record| record.value).collect())
    }

    /// How many outputs the operator has.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.emitted.len()
    }

    fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Finishing)
    }

    fn expect(&self, holds: bool, rule: &str) -> Result<(), HarnessError> {
        if holds { Ok(()) } else { Err(HarnessError::Order(format!("{rule}; it is {:?}", self.phase))) }
    }

    /// Calls that are due come before an element: that is how what a restored operator holds comes first.
    fn make_ready(&mut self, input: usize) -> Result<(), HarnessError> {
        self.expect(self.phase == Phase::Running, "an operator is given elements between `open` and its end")?;
        self.expect(self.ended_inputs.get(input) == Some(&false), "an input is there, and nothing follows its end")?;
        loop {
            self.run()?;
            match (self.readiness, self.alarm) {
                (Readiness::Ready, _) => return Ok(()),
                (Readiness::Finished, _) => {
                    return Err(HarnessError::Order("only a source says `Finished`".into()));
                }
                (Readiness::Busy, Some(alarm)) if !self.completion_comes()? => {
                    return Err(HarnessError::BusyUntil { alarm, now: self.now });
                }
                (Readiness::Busy, Some(_)) => {}
                (Readiness::Busy, None) => self.wait_for_completion()?,
            }
        }
    }

    fn drive_until_ready(&mut self) -> Result<(), HarnessError> {
        self.run()?;
        while self.readiness == Readiness::Busy {
            self.wait_for_a_call()?;
        }
        Ok(())
    }

    /// Makes the next call, whatever has to be waited for.
    fn wait_for_a_call(&mut self) -> Result<(), HarnessError> {
        if self.step()? {
            return Ok(());
        }
        match self.alarm {
            // Time does not pass while work elsewhere is about to report back.
            Some(alarm) => {
                if !self.completion_comes()? {
                    self.now = self.now.max(alarm);
                }
            }
            None => self.wait_for_completion()?,
        }
        self.step().map(|_| ())
    }

    /// Waits for a completion as long as a future of the operator's is alive, and says whether one came.
    fn completion_comes(&mut self) -> Result<bool, HarnessError> {
        let alive = self.futures.alive() > 0;
        self.next_completion = self.next_completion.take().or_else(|| self.completions.pop());
        if self.next_completion.is_some() {
            return Ok(true);
        }
        if !alive {
            return Ok(false);
        }
        match self.wait_for_completion() {
            Ok(()) => Ok(true),
            Err(HarnessError::Stuck { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How many futures of the operator are alive: spawned, and neither done nor dropped.
    #[must_use]
    pub fn futures(&self) -> usize {
        self.futures.alive()
    }

    fn wait_for_completion(&mut self) -> Result<(), HarnessError> {
        let deadline = Instant::now() + self.patience;
        let mut arrived = self.arrival.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // The flag goes down before the queue is looked at, so an arrival after the look is seen.
            *arrived = false;
            self.next_completion = self.next_completion.take().or_else(|| self.completions.pop());
            if self.next_completion.is_some() {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(HarnessError::Stuck { waited: self.patience });
            }
            if !*arrived {
                let waited = self.arrival.condition.wait_timeout(arrived, left);
                arrived = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    fn turn(
        &mut self, given: usize,
        call: impl FnOnce(&mut dyn Operator, &mut Turn<'_>) -> Result<Readiness, FunctionError>,
    ) -> Result<Readiness, HarnessError> {
        self.readiness = self.call(given, call)?;
        Ok(self.readiness)
    }

    fn call<R>(
        &mut self, given: usize, call: impl FnOnce(&mut dyn Operator, &mut Turn<'_>) -> Result<R, FunctionError>,
    ) -> Result<R, HarnessError> {
        let mut turn = Turn::new(&mut self.outputs, self.now, &mut self.alarm);
        let outcome = call(&mut *self.operator, &mut turn)?;
        let mut emitted = 0;
        for (port, elements) in self.emitted.iter_mut().enumerate() {
            while let Some(element) = self.outputs.port(port).and_then(|port| port.pop()) {
                if let StreamElement::Records(batch) = &element {
                    emitted += batch.len();
                }
                elements.push_back(element);
            }
        }
        let bound = self.bound + given;
        if emitted > bound { Err(HarnessError::Unbounded { emitted, bound }) } else { Ok(outcome) }
    }
}
