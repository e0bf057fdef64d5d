//! Runs a [`MapFunction`].

use std::alloc::Layout;
use std::marker::PhantomData;

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::StreamRecord;
use crate::error::Result;
use crate::functions::MapFunction;
use crate::operator::function_state::FunctionState;
use crate::operator::{FrozenState, Operator, Readiness, RestoredState, SnapshotRequest, Turn};

/// One record out for each record in; never busy.
pub struct MapOperator<In, F> {
    function: F,
    state: FunctionState,
    input: PhantomData<fn(In)>,
}

impl<In, F> MapOperator<In, F> {
    /// An operator that calls `function`.
    pub fn new(function: F) -> Self {
        Self { function, state: FunctionState::default(), input: PhantomData }
    }
}

impl<In: Data, F: MapFunction<In>> Operator for MapOperator<In, F>
where
    F::Out: Data,
{
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<In>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        vec![(String::new(), DataType::of::<F::Out>())]
    }

    fn restore(&mut self, state: RestoredState) -> Result {
        self.state.restore(state);
        Ok(())
    }

    fn open(&mut self, context: &RuntimeContext, _: &mut Turn<'_>) -> Result {
        self.function.open(&self.state.context(context))?;
        self.state.opened()
    }

    fn process(&mut self, _: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        let records = batch.into_records::<In>()?;
        if Layout::new::<StreamRecord<In>>() == Layout::new::<StreamRecord<F::Out>>() {
            // Collecting reuses the allocation then: a chain works in one buffer, which stays in the cache.
            let map =
                |StreamRecord { value, timestamp }| Ok(StreamRecord { value: self.function.map(value)?, timestamp });
            let mapped = records.into_iter().map(map).collect::<Result<Vec<_>>>()?;
            turn.emit(0, mapped)?;
            return Ok(Readiness::Ready);
        }
        let out = turn.output::<F::Out>(0)?;
        out.reserve(records.len());
        for StreamRecord { value, timestamp } in records {
            out.push(StreamRecord { value: self.function.map(value)?, timestamp });
        }
        Ok(Readiness::Ready)
    }

    fn snapshot(&mut self, _: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        self.state.snapshot()
    }

    fn close(&mut self) -> Result {
        self.function.close()
    }
}
