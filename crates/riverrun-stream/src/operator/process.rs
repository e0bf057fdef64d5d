//! Runs a [`ProcessFunction`].

use std::collections::VecDeque;

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Result;
use crate::functions::{Collector, ProcessContext, ProcessFunction};
use crate::operator::function_state::FunctionState;
use crate::operator::{
    BATCH_SIZE, FrozenState, Operator, OperatorSnapshot, Readiness, SnapshotRequest, SnapshotWriter, Turn,
    decode_state, encode_state,
};

const PENDING: &str = "pending";

/// Any number of records out for each record in. A turn stops when its output is full; the rest of the batch waits.
pub struct ProcessOperator<In, F> {
    function: F,
    state: FunctionState,
    watermark: Timestamp,
    /// Records taken and not processed.
    pending: VecDeque<StreamRecord<In>>,
}

impl<In, F> ProcessOperator<In, F> {
    /// An operator that calls `function`.
    pub fn new(function: F) -> Self {
        Self { function, state: FunctionState::default(), watermark: Timestamp::MIN, pending: VecDeque::new() }
    }
}

impl<In: Data, F: ProcessFunction<In>> ProcessOperator<In, F>
where
    F::Out: Data,
{
    fn drive(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        // The main output is taken out of the turn, so that the context can reach the side outputs meanwhile.
        let mut main = std::mem::take(turn.output::<F::Out>(0)?);
        let mut outcome = Ok(Readiness::Ready);
        while !self.pending.is_empty() {
            if main.len() >= BATCH_SIZE || turn.is_full() {
                turn.wake_now();
                outcome = Ok(Readiness::Busy);
                break;
            }
            if let Some(StreamRecord { value, timestamp }) = self.pending.pop_front() {
                let mut out = Collector::new(&mut main, timestamp);
                let mut context = ProcessContext { turn, timestamp, watermark: self.watermark };
                if let Err(error) = self.function.process_element(value, &mut context, &mut out) {
                    outcome = Err(error);
                    break;
                }
            }
        }
        *turn.output::<F::Out>(0)? = main;
        outcome
    }
}

impl<In: Data, F: ProcessFunction<In>> Operator for ProcessOperator<In, F>
where
    F::Out: Data,
{
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<In>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        let mut ports = vec![(String::new(), DataType::of::<F::Out>())];
        ports.extend(self.function.side_outputs());
        ports
    }

    fn restore(&mut self, mut state: OperatorSnapshot) -> Result {
        for entry in state.take_list(PENDING) {
            self.pending.push_back(decode_state(PENDING, &entry)?);
        }
        self.state.restore(state);
        Ok(())
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        if !self.pending.is_empty() {
            turn.wake_now();
        }
        self.function.open(&self.state.context(context))?;
        self.state.opened()
    }

    fn process(&mut self, _: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.pending.extend(batch.into_records::<In>()?);
        self.drive(turn)
    }

    fn watermark(&mut self, _: usize, watermark: Timestamp, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.watermark = self.watermark.max(watermark);
        turn.emit_watermark(watermark);
        Ok(Readiness::Ready)
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.drive(turn)
    }

    fn snapshot(&mut self, _: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        let pending = self.pending.clone();
        let state = self.state.freeze()?;
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            pending.iter().try_for_each(|record| writer.list_entry(PENDING, encode_state(PENDING, record)?))?;
            state(writer)
        }))
    }

    fn finish(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.drive(turn)
    }

    fn close(&mut self) -> Result {
        self.function.close()
    }
}
