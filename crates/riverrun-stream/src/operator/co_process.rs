//! Runs functions of two streams: [`CoProcessFunction`], and [`CoMapFunction`] and [`CoFlatMapFunction`] as such.

use std::collections::VecDeque;

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::{FunctionError, Result};
use crate::functions::{CoFlatMapFunction, CoMapFunction, CoProcessFunction, Collector, ProcessContext};
use crate::operator::function_state::FunctionState;
use crate::operator::{
    BATCH_SIZE, FrozenState, Operator, Readiness, RestoredState, SnapshotRequest, SnapshotWriter, Turn, decode_state,
    encode_state,
};
use crate::time::InputWatermarks;

const PENDING: [&str; 2] = ["pending 1", "pending 2"];

/// Any number of records out for each record of either input. A turn stops when its output is full; the rest of the batch waits.
pub struct CoProcessOperator<A, B, F> {
    function: F,
    state: FunctionState,
    inputs: InputWatermarks,
    /// Records taken and not processed: of one input, but after a restore.
    first: VecDeque<StreamRecord<A>>,
    second: VecDeque<StreamRecord<B>>,
}

impl<A, B, F> CoProcessOperator<A, B, F> {
    /// An operator that calls `function`.
    pub fn new(function: F) -> Self {
        Self {
            function,
            state: FunctionState::default(),
            inputs: InputWatermarks::new(2),
            first: VecDeque::new(),
            second: VecDeque::new(),
        }
    }
}

/// Calls the function with each pending record, until the output is full; true when none is left.
pub(super) fn process_pending<T, Out>(
    pending: &mut VecDeque<StreamRecord<T>>, main: &mut Vec<StreamRecord<Out>>, watermark: Timestamp,
    turn: &mut Turn<'_>, mut call: impl FnMut(T, ProcessContext<'_, '_>, &mut Collector<'_, Out>) -> Result,
) -> Result<bool> {
    while !pending.is_empty() {
        if main.len() >= BATCH_SIZE || turn.is_full() {
            return Ok(false);
        }
        if let Some(StreamRecord { value, timestamp }) = pending.pop_front() {
            let context = ProcessContext { turn, timestamp, watermark };
            call(value, context, &mut Collector::new(main, timestamp))?;
        }
    }
    Ok(true)
}

/// Puts a batch behind what is pending, without a copy where nothing is.
pub(super) fn add_pending<T>(pending: &mut VecDeque<StreamRecord<T>>, records: Vec<StreamRecord<T>>) {
    if pending.is_empty() {
        *pending = records.into();
    } else {
        pending.extend(records);
    }
}

pub(super) fn write_pending<T: Data>(
    pending: &VecDeque<StreamRecord<T>>, name: &str, writer: &mut dyn SnapshotWriter,
) -> Result {
    pending.iter().try_for_each(|record| writer.list_entry(name, encode_state(name, record)?))
}

pub(super) fn read_pending<T: Data>(state: &mut RestoredState, name: &str) -> Result<VecDeque<StreamRecord<T>>> {
    Ok(state.take_list(name).iter().map(|entry| decode_state(name, entry)).collect::<Result<_, _>>()?)
}

impl<A: Data, B: Data, F: CoProcessFunction<A, B>> CoProcessOperator<A, B, F>
where
    F::Out: Data,
{
    fn drive(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        // The main output is taken out of the turn, so that the context can reach the side outputs meanwhile.
        let mut main = std::mem::take(turn.output::<F::Out>(0)?);
        let outcome = self.process_all(&mut main, turn);
        *turn.output::<F::Out>(0)? = main;
        if outcome? {
            return Ok(Readiness::Ready);
        }
        turn.wake_now();
        Ok(Readiness::Busy)
    }

    fn process_all(&mut self, main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>) -> Result<bool> {
        let (function, watermark) = (&mut self.function, self.inputs.current());
        Ok(process_pending(&mut self.first, main, watermark, turn, |value, mut context, out| {
            function.process_element1(value, &mut context, out)
        })? && process_pending(&mut self.second, main, watermark, turn, |value, mut context, out| {
            function.process_element2(value, &mut context, out)
        })?)
    }
}

impl<A: Data, B: Data, F: CoProcessFunction<A, B>> Operator for CoProcessOperator<A, B, F>
where
    F::Out: Data,
{
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<A>(), DataType::of::<B>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        let mut ports = vec![(String::new(), DataType::of::<F::Out>())];
        ports.extend(self.function.side_outputs());
        ports
    }

    fn restore(&mut self, mut state: RestoredState) -> Result {
        self.first = read_pending(&mut state, PENDING[0])?;
        self.second = read_pending(&mut state, PENDING[1])?;
        self.inputs.restore(&mut state)?;
        self.state.restore(state);
        Ok(())
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        if !(self.first.is_empty() && self.second.is_empty()) {
            turn.wake_now();
        }
        self.function.open(&self.state.context(context))?;
        self.state.opened()
    }

    fn process(&mut self, input: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        match input {
            0 => add_pending(&mut self.first, batch.into_records()?),
            1 => add_pending(&mut self.second, batch.into_records()?),
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
        let (first, second, inputs) = (self.first.clone(), self.second.clone(), self.inputs.clone());
        let state = self.state.freeze()?;
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            write_pending(&first, PENDING[0], writer)?;
            write_pending(&second, PENDING[1], writer)?;
            inputs.write(writer)?;
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

pub(super) fn no_such_input(input: usize) -> FunctionError {
    FunctionError::internal(format!("an operator of two inputs has no input {input}"))
}

/// Runs a co-map function.
pub type CoMapOperator<A, B, F> = CoProcessOperator<A, B, CoMap<F>>;

/// A [`CoMapFunction`] as a process function.
#[derive(Clone)]
pub struct CoMap<F>(pub F);

impl<A, B, F: CoMapFunction<A, B>> CoProcessFunction<A, B> for CoMap<F> {
    type Out = F::Out;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    #[inline]
    fn process_element1(
        &mut self, value: A, _: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, F::Out>,
    ) -> Result {
        out.collect(self.0.map1(value)?);
        Ok(())
    }

    #[inline]
    fn process_element2(
        &mut self, value: B, _: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, F::Out>,
    ) -> Result {
        out.collect(self.0.map2(value)?);
        Ok(())
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}

/// Runs a co-flat-map function.
pub type CoFlatMapOperator<A, B, F> = CoProcessOperator<A, B, CoFlatMap<F>>;

/// A [`CoFlatMapFunction`] as a process function.
#[derive(Clone)]
pub struct CoFlatMap<F>(pub F);

impl<A, B, F: CoFlatMapFunction<A, B>> CoProcessFunction<A, B> for CoFlatMap<F> {
    type Out = F::Out;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    #[inline]
    fn process_element1(
        &mut self, value: A, _: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, F::Out>,
    ) -> Result {
        self.0.flat_map1(value, out)
    }

    #[inline]
    fn process_element2(
        &mut self, value: B, _: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, F::Out>,
    ) -> Result {
        self.0.flat_map2(value, out)
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}
