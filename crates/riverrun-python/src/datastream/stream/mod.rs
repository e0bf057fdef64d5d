//! Streams as Python calls them. What is said here is only what the engine needs; the API that people use, its checks and its
//! adapters are in `riverrun.datastream`.

mod connected;
mod infer;
mod infer_task;
mod keyed;
mod operators;
mod windowed;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use riverrun::stream::{DataStream, DataStreamSink, SingleOutputStreamOperator};

use super::callbacks::Callbacks;
use super::conversion::Conversion;
use super::side_outputs::SideOutputs;
use super::value::PyValue;

pub(crate) use connected::{PyBroadcastStream, PyConnectedStreams};
pub(crate) use infer_task::Target;
pub(crate) use keyed::PyKeyedStream;
pub(crate) use operators::PyCollected;

/// A stream of Python records.
#[pyclass(module = "riverrun._native", name = "Stream", frozen)]
pub(crate) struct PyStream {
    kind: Mutex<Kind>,
    side: SideOutputs,
    /// The tag of the late records, which the window operator declares itself.
    late: Option<String>,
}

enum Kind {
    /// What one operator makes. It is taken out while an option is set.
    Operator(Option<SingleOutputStreamOperator<PyValue>>),
    /// A union, a partitioning or a side output, which has no options.
    Plain(DataStream<PyValue>),
}

impl PyStream {
    pub(crate) fn of(stream: SingleOutputStreamOperator<PyValue>) -> Self {
        Self::with_side_outputs(stream, SideOutputs::default(), None)
    }

    pub(crate) fn with_side_outputs(
        stream: SingleOutputStreamOperator<PyValue>, side: SideOutputs, late: Option<String>,
    ) -> Self {
        Self { kind: Mutex::new(Kind::Operator(Some(stream))), side, late }
    }

    pub(crate) fn plain(stream: DataStream<PyValue>) -> Self {
        Self { kind: Mutex::new(Kind::Plain(stream)), side: SideOutputs::default(), late: None }
    }

    /// The stream, to be read.
    pub(crate) fn stream(&self) -> PyResult<DataStream<PyValue>> {
        match &*self.kind.lock().unwrap_or_else(PoisonError::into_inner) {
            Kind::Operator(Some(operator)) => Ok((**operator).clone()),
            Kind::Operator(None) => Err(super::errors::internal("the stream was used while it was being changed")),
            Kind::Plain(stream) => Ok(stream.clone()),
        }
    }

    /// Sets an option of the operator.
    fn set(
        &self, option: &str,
        set: impl FnOnce(SingleOutputStreamOperator<PyValue>) -> SingleOutputStreamOperator<PyValue>,
    ) -> PyResult<()> {
        match &mut *self.kind.lock().unwrap_or_else(PoisonError::into_inner) {
            Kind::Operator(operator) => {
                *operator = operator.take().map(set);
                Ok(())
            }
            Kind::Plain(_) => Err(pyo3::exceptions::PyTypeError::new_err(format!(
                "`{option}` is for a stream that an operator makes; call it on what comes of `map`, `process` and the like, before `union`, `rebalance` or `get_side_output`"
            ))),
        }
    }
}

/// A function of the user's and the type that its records are declared with.
pub(crate) fn callbacks(function: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>) -> PyResult<Callbacks> {
    Ok(Callbacks::new(function, converting(conversion)?))
}

/// The declared type of records.
pub(crate) fn converting(description: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Arc<Conversion>>> {
    let conversion = description.map(Conversion::from_python).transpose()?;
    Ok(conversion.filter(|conversion| !matches!(conversion, Conversion::Anything)).map(Arc::new))
}

#[pymethods]
impl PyStream {
    fn name(&self, name: String) -> PyResult<()> {
        self.set("name", |operator| operator.name(name))
    }

    fn uid(&self, uid: String) -> PyResult<()> {
        self.set("uid", |operator| operator.uid(uid))
    }

    fn set_parallelism(&self, parallelism: usize) -> PyResult<()> {
        self.set("set_parallelism", |operator| operator.set_parallelism(parallelism))
    }

    fn set_max_parallelism(&self, max_parallelism: usize) -> PyResult<()> {
        self.set("set_max_parallelism", |operator| operator.set_max_parallelism(max_parallelism))
    }

    fn set_buffer_timeout(&self, millis: u64) -> PyResult<()> {
        self.set("set_buffer_timeout", |operator| operator.set_buffer_timeout(Duration::from_millis(millis)))
    }

    fn disable_chaining(&self) -> PyResult<()> {
        self.set("disable_chaining", SingleOutputStreamOperator::disable_chaining)
    }

    fn start_new_chain(&self) -> PyResult<()> {
        self.set("start_new_chain", SingleOutputStreamOperator::start_new_chain)
    }

    /// The side output of this tag. It belongs to the operator from now on.
    fn get_side_output(&self, tag: &str) -> PyResult<Self> {
        let tag = if self.late.as_deref() == Some(tag) {
            riverrun::stream::OutputTag::new(tag)
        } else {
            self.side.declare(tag)
        };
        match &*self.kind.lock().unwrap_or_else(PoisonError::into_inner) {
            Kind::Operator(Some(operator)) => Ok(Self::plain(operator.get_side_output(&tag))),
            _ => Err(pyo3::exceptions::PyTypeError::new_err(
                "`get_side_output` is for what comes of a process function or of a window; call it on that stream itself",
            )),
        }
    }

    fn union(&self, others: Vec<Bound<'_, PyStream>>) -> PyResult<Self> {
        let others = others.iter().map(|other| other.get().stream()).collect::<PyResult<Vec<_>>>()?;
        Ok(Self::plain(self.stream()?.union(others)))
    }

    fn rebalance(&self) -> PyResult<Self> {
        Ok(Self::plain(self.stream()?.rebalance()))
    }

    fn rescale(&self) -> PyResult<Self> {
        Ok(Self::plain(self.stream()?.rescale()))
    }

    fn shuffle(&self) -> PyResult<Self> {
        Ok(Self::plain(self.stream()?.shuffle()))
    }

    fn forward(&self) -> PyResult<Self> {
        Ok(Self::plain(self.stream()?.forward()))
    }

    fn broadcast(&self) -> PyResult<Self> {
        Ok(Self::plain(self.stream()?.broadcast()))
    }
}

/// The end of a stream.
#[pyclass(module = "riverrun._native", name = "StreamSink", frozen)]
pub(crate) struct PySink(Mutex<Option<DataStreamSink>>);

impl PySink {
    pub(crate) fn of(sink: DataStreamSink) -> Self {
        Self(Mutex::new(Some(sink)))
    }

    fn set(&self, set: impl FnOnce(DataStreamSink) -> DataStreamSink) {
        let mut sink = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *sink = sink.take().map(set);
    }
}

#[pymethods]
impl PySink {
    fn name(&self, name: String) {
        self.set(|sink| sink.name(name));
    }

    fn uid(&self, uid: String) {
        self.set(|sink| sink.uid(uid));
    }

    fn set_parallelism(&self, parallelism: usize) {
        self.set(|sink| sink.set_parallelism(parallelism));
    }

    fn disable_chaining(&self) {
        self.set(DataStreamSink::disable_chaining);
    }
}
