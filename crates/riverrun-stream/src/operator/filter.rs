//! Runs a [`FilterFunction`].

use std::marker::PhantomData;

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::error::Result;
use crate::functions::FilterFunction;
use crate::operator::function_state::FunctionState;
use crate::operator::{FrozenState, Operator, Readiness, RestoredState, SnapshotRequest, Turn};

/// Passes on the records that the function keeps; never busy.
pub struct FilterOperator<T, F> {
    function: F,
    state: FunctionState,
    input: PhantomData<fn(T)>,
}

impl<T, F> FilterOperator<T, F> {
    /// An operator that asks `function`.
    pub fn new(function: F) -> Self {
        Self { function, state: FunctionState::default(), input: PhantomData }
    }
}

impl<T: Data, F: FilterFunction<T>> Operator for FilterOperator<T, F> {
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<T>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        vec![(String::new(), DataType::of::<T>())]
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
        let mut records = batch.into_records::<T>()?;
        let mut failed = None;
        records.retain(|record| {
            failed.is_none()
                && self.function.filter(&record.value).unwrap_or_else(|error| {
                    failed = Some(error);
                    false
                })
        });
        if let Some(error) = failed {
            return Err(error);
        }
        turn.emit(0, records)?;
        Ok(Readiness::Ready)
    }

    fn snapshot(&mut self, _: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        self.state.snapshot()
    }

    fn close(&mut self) -> Result {
        self.function.close()
    }
}
