//! Slow functions give their results as they have them: [`Paced`].

use std::time::{Duration, Instant};

use riverrun::stream::batch::{Batch, DataType};
use riverrun::stream::operator::{
    Completion, FrozenState, Operator, Readiness, RestoredState, SnapshotRequest, SnapshotWriter, Turn,
};
use riverrun::stream::{Result, RuntimeContext, Timestamp};

use super::value::PyValue;

const PENDING: &str = "python: pending";

/// How long a turn may take before what it has made goes on: a model that is called in a `map` takes milliseconds a record, and the
/// results of a batch should not wait for its last.
const TURN: Duration = Duration::from_millis(5);

/// An operator with one input and no key that takes no more of a batch in a turn than it can in a few milliseconds. The rest is
/// kept, and is part of a snapshot.
pub(crate) struct Paced<O> {
    operator: O,
    held: Option<Batch>,
    /// How many records a turn begins with: what it could do in its time before.
    pace: usize,
}

impl<O: Operator> Paced<O> {
    pub(crate) fn new(operator: O) -> Self {
        Self { operator, held: None, pace: 1 }
    }

    fn advance(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        let start = Instant::now();
        let Some(mut rest) = self.held.take() else { return Ok(Readiness::Ready) };
        let mut done = 0;
        loop {
            let part = if rest.len() <= self.pace { None } else { Some(rest.split_front(self.pace)) };
            let is_last = part.is_none();
            let part = part.unwrap_or_else(|| std::mem::replace(&mut rest, DataType::of::<PyValue>().empty_batch()));
            done += part.len();
            let readiness = self.operator.process(0, part, turn)?;
            let spent = start.elapsed();
            self.pace = pace(done, spent);
            if is_last {
                return Ok(readiness);
            }
            if readiness == Readiness::Busy || spent >= TURN {
                self.held = Some(rest);
                turn.wake_now();
                return Ok(Readiness::Busy);
            }
        }
    }
}

/// How many records take a turn, if so many took so long.
fn pace(done: usize, spent: Duration) -> usize {
    let turns = spent.as_secs_f64() / TURN.as_secs_f64();
    // From one record that took no time at all nothing follows for a thousand: it grows by steps.
    ((done as f64 / turns.max(0.001)) as usize).clamp(1, done.max(1) * 16)
}

impl<O: Operator> Operator for Paced<O> {
    fn inputs(&self) -> Vec<DataType> {
        self.operator.inputs()
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        self.operator.outputs()
    }

    fn restore(&mut self, mut state: RestoredState) -> Result {
        let data = DataType::of::<PyValue>();
        for entry in state.take_list(PENDING) {
            let more = data.decode(&entry)?;
            data.append(self.held.get_or_insert_with(|| data.empty_batch()), more)?;
        }
        self.operator.restore(state)
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        self.operator.open(context, turn)?;
        if self.held.is_some() {
            turn.wake_now();
        }
        Ok(())
    }

    fn process(&mut self, _: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.held = Some(batch);
        self.advance(turn)
    }

    fn watermark(&mut self, input: usize, watermark: Timestamp, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.operator.watermark(input, watermark, turn)
    }

    fn idle(&mut self, input: usize, idle: bool, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.operator.idle(input, idle, turn)
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        if self.operator.wake(turn)? == Readiness::Busy {
            return Ok(Readiness::Busy);
        }
        self.advance(turn)
    }

    fn complete(&mut self, completion: Completion, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.operator.complete(completion, turn)
    }

    fn prepare_snapshot(&mut self, request: SnapshotRequest, turn: &mut Turn<'_>) -> Result {
        self.operator.prepare_snapshot(request, turn)
    }

    fn snapshot(&mut self, request: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        let of_operator = self.operator.snapshot(request)?;
        let held = self.held.as_ref().map(Batch::encode).transpose()?;
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            if let Some(held) = held {
                writer.list_entry(PENDING, held)?;
            }
            of_operator.write(writer)
        }))
    }

    fn end_input(&mut self, input: usize, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.operator.end_input(input, turn)
    }

    fn finish(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        if self.held.is_some() {
            turn.wake_now();
            return Ok(Readiness::Busy);
        }
        self.operator.finish(turn)
    }

    fn close(&mut self) -> Result {
        self.held = None;
        self.operator.close()
    }
}
