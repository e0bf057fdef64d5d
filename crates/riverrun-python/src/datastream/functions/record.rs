//! Functions of one record: map, flat map, filter, reduce, and the assigner of timestamps.

use pyo3::prelude::*;
use riverrun::stream::batch::{Batch, DataType};
use riverrun::stream::functions::ReduceFunction;
use riverrun::stream::operator::{Operator, Readiness, Turn};
use riverrun::stream::{Collector, FilterFunction, FlatMapFunction, MapFunction, Result, RuntimeContext};

use crate::datastream::callbacks::Callbacks;
use crate::datastream::errors::raised;
use crate::datastream::value::PyValue;

/// A Python function that is given records and keeps no context.
#[derive(Clone)]
pub(crate) struct PyRecordFunction(pub(crate) Callbacks);

impl MapFunction<PyValue> for PyRecordFunction {
    type Out = PyValue;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn map(&mut self, value: PyValue) -> Result<PyValue> {
        Python::attach(|py| self.0.record(self.0.call(py, 0, (value.into_bound(py),))?))
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}

impl FlatMapFunction<PyValue> for PyRecordFunction {
    type Out = PyValue;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn flat_map(&mut self, value: PyValue, out: &mut Collector<'_, PyValue>) -> Result {
        Python::attach(|py| self.0.emit_all(&self.0.call(py, 0, (value.into_bound(py),))?, out))
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}

impl FilterFunction<PyValue> for PyRecordFunction {
    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn filter(&mut self, value: &PyValue) -> Result<bool> {
        Python::attach(|py| self.0.call(py, 0, (value.bind(py),))?.is_truthy().map_err(raised))
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}

impl ReduceFunction<PyValue> for PyRecordFunction {
    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn reduce(&mut self, reduced: PyValue, value: PyValue) -> Result<PyValue> {
        Python::attach(|py| self.0.record(self.0.call(py, 0, (reduced.into_bound(py), value.into_bound(py)))?))
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}

/// Gives records the timestamps that a Python function extracts.
pub(crate) struct PyTimestamps(pub(crate) Callbacks);

impl Operator for PyTimestamps {
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<PyValue>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        vec![(String::new(), DataType::of::<PyValue>())]
    }

    fn open(&mut self, context: &RuntimeContext, _: &mut Turn<'_>) -> Result {
        self.0.open(context)
    }

    fn process(&mut self, _: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        let mut records = batch.into_records::<PyValue>()?;
        Python::attach(|py| -> Result {
            for record in &mut records {
                // What PyFlink passes for a record that has none yet.
                let before = record.timestamp.unwrap_or(i64::MIN);
                let timestamp = self.0.call(py, 0, (record.value.bind(py), before))?;
                record.timestamp = Some(timestamp.extract().map_err(raised)?);
            }
            Ok(())
        })?;
        turn.emit(0, records)?;
        Ok(Readiness::Ready)
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}
