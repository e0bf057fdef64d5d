//! Two streams that one function reads.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use riverrun::stream::state::MapStateDescriptor;
use riverrun::stream::stream::{BroadcastStream, ConnectedStreams, KeyedConnectedStreams};

use super::{PyKeyedStream, PyStream, callbacks};
use crate::datastream::functions::{PyBroadcast, PyCoFunction, PyCoProcess, PyKeyedBroadcast, PyKeyedCoProcess};
use crate::datastream::key::PyKey;
use crate::datastream::side_outputs::SideOutputs;
use crate::datastream::value::PyValue;

/// Two connected streams: both keyed, or taken as they are.
#[pyclass(module = "riverrun._native", name = "ConnectedStreams", frozen)]
pub(crate) struct PyConnectedStreams {
    streams: ConnectedStreams<PyValue, PyValue>,
    keyed: Option<KeyedConnectedStreams<PyValue, PyValue, PyKey>>,
}

#[pymethods]
impl PyConnectedStreams {
    /// Each stream may be keyed.
    #[new]
    fn new(first: &Bound<'_, PyAny>, second: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let (Ok(first), Ok(second)) = (first.cast::<PyKeyedStream>(), second.cast::<PyKeyedStream>()) {
            let keyed = first.get().stream.connect(&second.get().stream);
            return Ok(Self { streams: (*keyed).clone(), keyed: Some(keyed) });
        }
        Ok(Self { streams: plain(first)?.connect(&plain(second)?), keyed: None })
    }

    #[pyo3(signature = (function, conversion = None))]
    fn map(&self, function: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>) -> PyResult<PyStream> {
        let function = PyCoFunction(callbacks(function, conversion)?);
        Ok(PyStream::of(self.streams.map_function(function)))
    }

    #[pyo3(signature = (function, conversion = None))]
    fn flat_map(&self, function: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>) -> PyResult<PyStream> {
        let function = PyCoFunction(callbacks(function, conversion)?);
        Ok(PyStream::of(self.streams.flat_map_function(function)))
    }

    #[pyo3(signature = (function, conversion = None))]
    fn process(&self, function: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>) -> PyResult<PyStream> {
        let side = SideOutputs::default();
        let function = PyCoProcess::new(callbacks(function, conversion)?, side.clone());
        Ok(PyStream::with_side_outputs(self.streams.process(function), side, None))
    }

    #[pyo3(signature = (function, conversion = None))]
    fn process_keyed(&self, function: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>) -> PyResult<PyStream> {
        let keyed = self.keyed.as_ref().ok_or_else(|| {
            PyTypeError::new_err("a `KeyedCoProcessFunction` needs keys on both streams; call `key_by` on both before")
        })?;
        let side = SideOutputs::default();
        let function = PyKeyedCoProcess::new(callbacks(function, conversion)?, side.clone());
        Ok(PyStream::with_side_outputs(keyed.process(function), side, None))
    }
}

fn plain(stream: &Bound<'_, PyAny>) -> PyResult<riverrun::stream::DataStream<PyValue>> {
    match stream.cast::<PyKeyedStream>() {
        Ok(keyed) => Ok((*keyed.get().stream).clone()),
        Err(_) => stream.cast::<PyStream>()?.get().stream(),
    }
}

/// A stream whose records make state on every subtask.
#[pyclass(module = "riverrun._native", name = "BroadcastStream", frozen)]
pub(crate) struct PyBroadcastStream {
    stream: BroadcastStream<PyValue>,
    states: Vec<String>,
}

#[pymethods]
impl PyBroadcastStream {
    #[new]
    fn new(stream: &Bound<'_, PyStream>, states: Vec<String>) -> PyResult<Self> {
        let mut descriptors = states.iter().map(MapStateDescriptor::<PyKey, PyValue>::new);
        let first = descriptors.next().ok_or_else(|| {
            PyTypeError::new_err("a broadcast stream needs a state at least; give `broadcast` a `MapStateDescriptor`")
        })?;
        let stream = stream.get().stream()?.broadcast_state(&first);
        Ok(Self { stream: descriptors.fold(stream, |stream, state| stream.with_state(&state)), states })
    }

    #[pyo3(signature = (other, function, conversion = None))]
    fn process(
        &self, other: &Bound<'_, PyStream>, function: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyStream> {
        let side = SideOutputs::default();
        let function = PyBroadcast::new(callbacks(function, conversion)?, side.clone(), &self.states);
        let stream = other.get().stream()?.connect(&self.stream).process(function);
        Ok(PyStream::with_side_outputs(stream, side, None))
    }

    #[pyo3(signature = (other, function, conversion = None))]
    fn process_keyed(
        &self, other: &Bound<'_, PyKeyedStream>, function: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyStream> {
        let side = SideOutputs::default();
        let function = PyKeyedBroadcast::new(callbacks(function, conversion)?, side.clone(), &self.states);
        let stream = other.get().stream.connect(&self.stream).process(function);
        Ok(PyStream::with_side_outputs(stream, side, None))
    }
}
