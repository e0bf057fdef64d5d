//! Runs a [`BroadcastProcessFunction`].

use std::collections::VecDeque;

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Result;
use crate::functions::{BroadcastContext, BroadcastProcessFunction, BroadcastReadContext, Collector, ProcessContext};
use crate::operator::co_process::{add_pending, no_such_input, process_pending, read_pending, write_pending};
use crate::operator::function_state::FunctionState;
use crate::operator::{FrozenState, Operator, Readiness, RestoredState, SnapshotRequest, SnapshotWriter, Turn};
use crate::state::{BroadcastStateDescriptor, BroadcastStates};
use crate::time::InputWatermarks;

const PENDING: &str = "pending";

/// Any number of records out for each record of the first input; the second is broadcast. A turn stops when its output is full,
/// but in a broadcast batch: that is always done whole, so that no snapshot finds subtasks at different places in it.
pub struct BroadcastProcessOperator<A, B, F> {
    function: F,
    state: FunctionState,
    broadcast: BroadcastStates,
    inputs: InputWatermarks,
    pending: VecDeque<StreamRecord<A>>,
    subtask_index: usize,
    types: std::marker::PhantomData<fn(B)>,
}

impl<A, B, F> BroadcastProcessOperator<A, B, F> {
    /// An operator that calls `function`, with these broadcast states.
    #[must_use]
    pub fn new(descriptors: &[BroadcastStateDescriptor], function: F) -> Self {
        Self {
            function,
            state: FunctionState::default(),
            broadcast: BroadcastStates::new(descriptors),
            inputs: InputWatermarks::new(2),
            pending: VecDeque::new(),
            subtask_index: 0,
            types: std::marker::PhantomData,
        }
    }
}

impl<A: Data, B: Data, F: BroadcastProcessFunction<A, B, Out: Data>> BroadcastProcessOperator<A, B, F> {
    fn drive(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        // The main output is taken out of the turn, so that the context can reach the side outputs meanwhile.
        let mut main = std::mem::take(turn.output::<F::Out>(0)?);
        let (function, broadcast) = (&mut self.function, &self.broadcast);
        let watermark = self.inputs.current();
        let outcome = process_pending(&mut self.pending, &mut main, watermark, turn, |value, inner, out| {
            function.process_element(value, &mut BroadcastReadContext { inner, broadcast }, out)
        });
        *turn.output::<F::Out>(0)? = main;
        if outcome? {
            return Ok(Readiness::Ready);
        }
        turn.wake_now();
        Ok(Readiness::Busy)
    }

    fn take_broadcast(&mut self, records: Vec<StreamRecord<B>>, turn: &mut Turn<'_>) -> Result {
        let mut main = std::mem::take(turn.output::<F::Out>(0)?);
        let watermark = self.inputs.current();
        let outcome = records.into_iter().try_for_each(|StreamRecord { value, timestamp }| {
            let inner = ProcessContext { turn, timestamp, watermark };
            let mut context = BroadcastContext { inner, broadcast: &mut self.broadcast };
            self.function.process_broadcast_element(value, &mut context, &mut Collector::new(&mut main, timestamp))
        });
        *turn.output::<F::Out>(0)? = main;
        outcome
    }
}

impl<A: Data, B: Data, F: BroadcastProcessFunction<A, B, Out: Data>> Operator for BroadcastProcessOperator<A, B, F> {
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<A>(), DataType::of::<B>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        let mut ports = vec![(String::new(), DataType::of::<F::Out>())];
        ports.extend(self.function.side_outputs());
        ports
    }

    fn restore(&mut self, mut state: RestoredState) -> Result {
        self.pending = read_pending(&mut state, PENDING)?;
        self.inputs.restore(&mut state)?;
        self.broadcast.restore(&mut state)?;
        self.state.restore(state);
        Ok(())
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        if !self.pending.is_empty() {
            turn.wake_now();
        }
        self.subtask_index = context.subtask_index;
        self.function.open(&self.state.context(context))?;
        self.state.opened()
    }

    fn process(&mut self, input: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        match input {
            0 => add_pending(&mut self.pending, batch.into_records()?),
            1 => self.take_broadcast(batch.into_records()?, turn)?,
            _ => return Err(no_such_input(input)),
        }
        self.drive(turn)
    }

    fn watermark(&mut self, input: usize, watermark: Timestamp, turn: &mut Turn<'_>) -> Result<Readiness> {
        if let Some(watermark) = self.inputs.on_watermark(input, watermark, turn) {
            turn.emit_watermark(watermark);
        }
        Ok(Readiness::Ready)
    }

    fn idle(&mut self, input: usize, idle: bool, turn: &mut Turn<'_>) -> Result<Readiness> {
        if let Some(watermark) = self.inputs.on_idle(input, idle, turn) {
            turn.emit_watermark(watermark);
        }
        Ok(Readiness::Ready)
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.drive(turn)
    }

    fn snapshot(&mut self, _: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        let (pending, inputs, state) = (self.pending.clone(), self.inputs.clone(), self.state.freeze()?);
        // It is the same on all of them.
        let broadcast = (self.subtask_index == 0).then(|| self.broadcast.freeze());
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            write_pending(&pending, PENDING, writer)?;
            inputs.write(writer)?;
            broadcast.map_or(Ok(()), |broadcast| broadcast(writer))?;
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
