//! Functions of two streams: co-map, co-flat-map, `CoProcessFunction`, `KeyedCoProcessFunction`.

use pyo3::prelude::*;
use riverrun::stream::batch::DataType;
use riverrun::stream::functions::{
    CoFlatMapFunction, CoMapFunction, CoProcessFunction, KeyedCoProcessFunction, KeyedProcessContext,
};
use riverrun::stream::{Collector, ProcessContext, Result, RuntimeContext, Timestamp};

use super::keyed_process::time_argument;
use super::process::WithContext;
use crate::datastream::callbacks::Callbacks;
use crate::datastream::key::PyKey;
use crate::datastream::side_outputs::SideOutputs;
use crate::datastream::value::PyValue;

/// A Python `CoMapFunction` or `CoFlatMapFunction`: call 0 is for the first stream, call 1 for the second.
#[derive(Clone)]
pub(crate) struct PyCoFunction(pub(crate) Callbacks);

impl PyCoFunction {
    fn one(&self, number: usize, value: PyValue) -> Result<PyValue> {
        Python::attach(|py| self.0.record(self.0.call(py, number, (value.into_bound(py),))?))
    }

    fn any(&self, number: usize, value: PyValue, out: &mut Collector<'_, PyValue>) -> Result {
        Python::attach(|py| self.0.emit_all(&self.0.call(py, number, (value.into_bound(py),))?, out))
    }
}

impl CoMapFunction<PyValue, PyValue> for PyCoFunction {
    type Out = PyValue;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn map1(&mut self, value: PyValue) -> Result<PyValue> {
        self.one(0, value)
    }

    fn map2(&mut self, value: PyValue) -> Result<PyValue> {
        self.one(1, value)
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}

impl CoFlatMapFunction<PyValue, PyValue> for PyCoFunction {
    type Out = PyValue;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn flat_map1(&mut self, value: PyValue, out: &mut Collector<'_, PyValue>) -> Result {
        self.any(0, value, out)
    }

    fn flat_map2(&mut self, value: PyValue, out: &mut Collector<'_, PyValue>) -> Result {
        self.any(1, value, out)
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}

/// A Python `CoProcessFunction`: call 0 is for the first stream, call 1 for the second.
#[derive(Clone)]
pub(crate) struct PyCoProcess(WithContext);

impl PyCoProcess {
    pub(crate) fn new(callbacks: Callbacks, side: SideOutputs) -> Self {
        Self(WithContext::new(callbacks, side, false))
    }
}

impl CoProcessFunction<PyValue, PyValue> for PyCoProcess {
    type Out = PyValue;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        self.0.side.ports()
    }

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn process_element1(
        &mut self, value: PyValue, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, PyValue>,
    ) -> Result {
        self.0.process(0, value, context, out)
    }

    fn process_element2(
        &mut self, value: PyValue, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, PyValue>,
    ) -> Result {
        self.0.process(1, value, context, out)
    }

    fn close(&mut self) -> Result {
        self.0.callbacks.close()
    }
}

/// A Python `KeyedCoProcessFunction`: calls 0 and 1 are for the streams, call 2 is `on_timer`.
#[derive(Clone)]
pub(crate) struct PyKeyedCoProcess(WithContext);

impl PyKeyedCoProcess {
    pub(crate) fn new(callbacks: Callbacks, side: SideOutputs) -> Self {
        Self(WithContext::new(callbacks, side, true))
    }
}

impl KeyedCoProcessFunction<PyKey, PyValue, PyValue> for PyKeyedCoProcess {
    type Out = PyValue;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        self.0.side.ports()
    }

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn process_element1(
        &mut self, value: PyValue, context: &mut KeyedProcessContext<'_, '_, PyKey>, out: &mut Collector<'_, PyValue>,
    ) -> Result {
        self.0.process_keyed(0, |py| Ok(value.into_bound(py)), context, out)
    }

    fn process_element2(
        &mut self, value: PyValue, context: &mut KeyedProcessContext<'_, '_, PyKey>, out: &mut Collector<'_, PyValue>,
    ) -> Result {
        self.0.process_keyed(1, |py| Ok(value.into_bound(py)), context, out)
    }

    fn on_timer(
        &mut self, timestamp: Timestamp, context: &mut KeyedProcessContext<'_, '_, PyKey>,
        out: &mut Collector<'_, PyValue>,
    ) -> Result {
        self.0.process_keyed(2, time_argument(timestamp), context, out)
    }

    fn close(&mut self) -> Result {
        self.0.callbacks.close()
    }
}
