//! Streams with keys.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use riverrun::stream::functions::{KeyedProcessContext, KeyedProcessFunction};
use riverrun::stream::state::{ValueState, ValueStateDescriptor};
use riverrun::stream::{Collector, DataStream, FunctionError, KeyedStream, Result, RuntimeContext};

use super::{PyStream, callbacks};
use crate::datastream::conversion::Conversion;
use crate::datastream::errors::raised;
use crate::datastream::functions::{PyKeyedProcess, PyRecordFunction};
use crate::datastream::key::PyKey;
use crate::datastream::side_outputs::SideOutputs;
use crate::datastream::value::PyValue;

/// What gives a record its key.
#[derive(Clone)]
pub(crate) struct KeySelector {
    /// None: all records have the same.
    function: Option<Arc<Py<PyAny>>>,
    conversion: Option<Arc<Conversion>>,
    /// Whether records come as `(number, record)`.
    is_counted: bool,
}

impl KeySelector {
    pub(crate) fn new(function: Bound<'_, PyAny>, conversion: Option<Arc<Conversion>>) -> Self {
        Self { function: Some(Arc::new(function.unbind())), conversion, is_counted: false }
    }

    pub(crate) fn none() -> Self {
        Self { function: None, conversion: None, is_counted: false }
    }

    fn key(&self, value: &PyValue) -> Result<PyKey, FunctionError> {
        let key = |py: Python<'_>| {
            let Some(function) = &self.function else { return PyKey::of(py.None().into_bound(py)) };
            let value = value.bind(py);
            let key = if self.is_counted {
                function.bind(py).call1((value.get_item(1)?,))?
            } else {
                function.bind(py).call1((value,))?
            };
            match &self.conversion {
                None => PyKey::of(key),
                Some(conversion) => PyKey::of(conversion.apply(key)?),
            }
        };
        Python::attach(key).map_err(raised)
    }
}

/// A stream of Python records with keys.
#[pyclass(module = "riverrun._native", name = "KeyedStream", frozen)]
pub(crate) struct PyKeyedStream {
    pub(crate) stream: KeyedStream<PyValue, PyKey>,
    selector: KeySelector,
}

impl PyKeyedStream {
    pub(crate) fn of(stream: &DataStream<PyValue>, selector: KeySelector) -> Self {
        let of_stream = selector.clone();
        Self { stream: stream.try_key_by(move |value| of_stream.key(value)), selector }
    }

    /// The records of each key as `(number, record)`, under the same keys. With `alone`, all are counted by one subtask.
    pub(crate) fn counted(&self, alone: bool) -> Self {
        let mut counted = self.stream.process(CountElements::default()).name("Count");
        if alone {
            counted = counted.set_parallelism(1).set_max_parallelism(1);
        }
        Self::of(&counted, KeySelector { is_counted: true, ..self.selector.clone() })
    }
}

#[pymethods]
impl PyKeyedStream {
    /// The stream without its keys, still spread by them.
    fn values(&self) -> PyStream {
        PyStream::plain((*self.stream).clone())
    }

    #[pyo3(signature = (function, conversion = None))]
    fn process(&self, function: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>) -> PyResult<PyStream> {
        let side = SideOutputs::default();
        let function = PyKeyedProcess::new(callbacks(function, conversion)?, side.clone());
        Ok(PyStream::with_side_outputs(self.stream.process(function), side, None))
    }

    #[pyo3(signature = (function, conversion = None))]
    fn reduce(&self, function: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>) -> PyResult<PyStream> {
        let function = PyRecordFunction(callbacks(function, conversion)?);
        Ok(PyStream::of(self.stream.reduce_function(function)))
    }
}

/// Numbers the records of each key, from 0.
#[derive(Clone, Default)]
struct CountElements(ValueState<i64>);

impl KeyedProcessFunction<PyKey, PyValue> for CountElements {
    type Out = PyValue;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0 = context.get_state(&ValueStateDescriptor::new("count"))?;
        Ok(())
    }

    fn process_element(
        &mut self, value: PyValue, context: &mut KeyedProcessContext<'_, '_, PyKey>, out: &mut Collector<'_, PyValue>,
    ) -> Result {
        let count = self.0.value_mut(context, || 0)?;
        let number = *count;
        *count += 1;
        Python::attach(|py| {
            let number = number.into_pyobject(py).map_err(|error| raised(error.into()))?.into_any();
            let pair = PyTuple::new(py, [number, value.into_bound(py)]).map_err(raised)?;
            out.collect(PyValue::new(pair.into_any()));
            Ok(())
        })
    }
}
