//! The operators of a stream without keys, and its sinks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use riverrun::connectors::{DateTimeBucketAssigner, FileSink, RollingPolicy};
use riverrun::stream::operator::{FilterOperator, FlatMap, FlatMapOperator, MapOperator, Operator, ProcessOperator};
use riverrun::stream::stream::AsyncDataStream;
use riverrun::stream::{DataStream, FunctionError, WatermarkStrategy};

use super::keyed::KeySelector;
use super::{PyKeyedStream, PySink, PyStream, callbacks, converting};
use crate::datastream::environment::PyEnvironment;
use crate::datastream::errors::raised;
use crate::datastream::functions::{PyAsync, PyProcess, PyRecordFunction, PyTimestamps};
use crate::datastream::paced::Paced;
use crate::datastream::side_outputs::SideOutputs;
use crate::datastream::sink::{CollectSink, Collected, DiscardSink, PrintSink, text_of};
use crate::datastream::value::PyValue;

#[pymethods]
impl PyStream {
    #[pyo3(signature = (function, conversion = None))]
    fn map(&self, function: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let function = PyRecordFunction(callbacks(function, conversion)?);
        let operator = cloning(function, MapOperator::<PyValue, _>::new);
        Ok(Self::of(self.stream()?.transform("Map", operator)))
    }

    #[pyo3(signature = (function, conversion = None))]
    fn flat_map(&self, function: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let function = PyRecordFunction(callbacks(function, conversion)?);
        let operator = cloning(function, |function| FlatMapOperator::<PyValue, _>::new(FlatMap(function)));
        Ok(Self::of(self.stream()?.transform("Flat Map", operator)))
    }

    fn filter(&self, function: Bound<'_, PyAny>) -> PyResult<Self> {
        let operator = cloning(PyRecordFunction(callbacks(function, None)?), FilterOperator::<PyValue, _>::new);
        Ok(Self::of(self.stream()?.transform("Filter", operator)))
    }

    #[pyo3(signature = (function, conversion = None))]
    fn process(&self, function: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let side = SideOutputs::default();
        let function = PyProcess::new(callbacks(function, conversion)?, side.clone());
        let operator = cloning(function, ProcessOperator::<PyValue, _>::new);
        Ok(Self::with_side_outputs(self.stream()?.transform("Process", operator), side, None))
    }

    #[pyo3(signature = (selector, conversion = None))]
    fn key_by(&self, selector: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>) -> PyResult<PyKeyedStream> {
        Ok(PyKeyedStream::of(&self.stream()?, KeySelector::new(selector, converting(conversion)?)))
    }

    /// All records under one key, for windows over all of them.
    fn key_by_nothing(&self) -> PyResult<PyKeyedStream> {
        Ok(PyKeyedStream::of(&self.stream()?, KeySelector::none()))
    }

    /// Spreads records by what a Python function makes of their keys and the number of subtasks. What it raises is kept in
    /// `environment`, which is that of the stream.
    fn partition_custom(
        &self, partitioner: Py<PyAny>, selector: Py<PyAny>, environment: &PyEnvironment,
    ) -> PyResult<Self> {
        let (failed, failed_in_key) = (environment.failed.clone(), environment.failed.clone());
        let partition = move |key: &Option<PyValue>, subtasks: usize| {
            // The selector of the key has failed, and what it raised is kept already.
            let Some(key) = key else { return usize::MAX };
            let call = |py: Python<'_>| partitioner.bind(py).call1((key.bind(py), subtasks))?.extract::<usize>();
            // A subtask that does not exist ends the job.
            Python::attach(call).map_err(|error| failed.keep(error)).unwrap_or(usize::MAX)
        };
        let key = move |value: &PyValue| {
            let call = |py: Python<'_>| selector.bind(py).call1((value.bind(py),)).map(PyValue::new);
            Python::attach(call).map_err(|error| failed_in_key.keep(error)).ok()
        };
        Ok(Self::plain(self.stream()?.partition_custom(partition, key)))
    }

    /// Gives records the timestamps of `assigner`, if there is one, and watermarks: `kind` is `none`, `monotonous` or `bounded`.
    #[pyo3(signature = (kind, millis, idleness_millis, assigner))]
    fn assign_timestamps_and_watermarks(
        &self, kind: &str, millis: u64, idleness_millis: Option<u64>, assigner: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let mut strategy = match kind {
            "none" => WatermarkStrategy::no_watermarks(),
            "monotonous" => WatermarkStrategy::for_monotonous_timestamps(),
            _ => WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_millis(millis)),
        };
        if let Some(millis) = idleness_millis {
            strategy = strategy.with_idleness(Duration::from_millis(millis));
        }
        let mut stream = self.stream()?;
        if let Some(assigner) = assigner {
            let operator = cloning(callbacks(assigner, None)?, PyTimestamps);
            let assigned: DataStream<PyValue> = (*stream.transform::<PyValue>("Timestamps", operator)).clone();
            stream = assigned;
        }
        Ok(Self::of(stream.assign_timestamps_and_watermarks(strategy)))
    }

    /// Calls an `AsyncFunction` for each record.
    #[pyo3(signature = (function, conversion, is_ordered, timeout_millis, capacity))]
    fn async_wait(
        &self, function: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>, is_ordered: bool,
        timeout_millis: u64, capacity: usize,
    ) -> PyResult<Self> {
        let function = PyAsync { callbacks: callbacks(function, None)?, conversion: converting(conversion)? };
        let (stream, timeout) = (self.stream()?, Duration::from_millis(timeout_millis));
        let stream = if is_ordered {
            AsyncDataStream::ordered_wait_function(&stream, function, timeout)
        } else {
            AsyncDataStream::unordered_wait_function(&stream, function, timeout)
        };
        Ok(Self::of(stream.capacity(capacity).into_stream()))
    }

    /// Prints the records; `text` makes a line of one, `str` otherwise.
    fn print(&self, identifier: Option<String>, text: Option<Py<PyAny>>) -> PyResult<PySink> {
        let sink = PrintSink { identifier, text: text.map(Arc::new) };
        Ok(PySink::of(self.stream()?.sink_to(sink)))
    }

    /// Writes the records as lines into the part files of a directory.
    #[pyo3(signature = (directory, text, prefix, suffix, rolling, buckets))]
    fn write_lines(
        &self, directory: String, text: Option<Py<PyAny>>, prefix: Option<String>, suffix: Option<String>,
        rolling: Option<(u64, u64, u64)>, buckets: &str,
    ) -> PyResult<PySink> {
        let text = text.map(Arc::new);
        let line = move |value: PyValue| {
            let text = |py: Python<'_>| text_of(value.bind(py), text.as_deref())?.to_str().map(String::from);
            Python::attach(text).map_err(raised)
        };
        let lines = self.stream()?.try_map::<String, FunctionError>(line).name("Lines");
        let mut sink = FileSink::lines::<String>(directory);
        if let Some(prefix) = prefix {
            sink = sink.part_prefix(prefix);
        }
        if let Some(suffix) = suffix {
            sink = sink.part_suffix(suffix);
        }
        sink = sink.rolling_policy(match rolling {
            None => RollingPolicy::on_checkpoint(),
            Some((bytes, rollover, inactivity)) => RollingPolicy::new()
                .max_part_size(bytes)
                .rollover_interval(Duration::from_millis(rollover))
                .inactivity_interval(Duration::from_millis(inactivity)),
        });
        Ok(PySink::of(match buckets {
            "hour" => lines.sink_to(sink.bucket_assigner(DateTimeBucketAssigner::hourly())),
            "day" => lines.sink_to(sink.bucket_assigner(DateTimeBucketAssigner::daily())),
            _ => lines.sink_to(sink),
        }))
    }

    /// Lets the records go: what made them is run for what it does.
    fn discard(&self) -> PyResult<()> {
        self.stream()?.sink_to(DiscardSink);
        Ok(())
    }

    /// Hands the records to the program that runs the job.
    fn collect(&self) -> PyResult<PyCollected> {
        let collected = Arc::new(Collected::default());
        self.stream()?.sink_to(CollectSink(collected.clone())).set_parallelism(1);
        Ok(PyCollected(collected))
    }
}

/// Makes an operator for each subtask, with a copy of the function.
fn cloning<F: Clone + Send + 'static, O: Operator + 'static>(
    function: F, operator: impl Fn(F) -> O + Send + Sync + 'static,
) -> impl Fn() -> Box<dyn Operator> + Send + Sync + 'static {
    let function = Mutex::new(function);
    move || Box::new(Paced::new(operator(function.lock().unwrap_or_else(PoisonError::into_inner).clone())))
}

/// The records of a job that is iterated over.
#[pyclass(module = "riverrun._native", name = "Collected", frozen)]
pub(crate) struct PyCollected(pub(crate) Arc<Collected>);

#[pymethods]
impl PyCollected {
    /// A list of the next record, or an empty one when none came in the time.
    fn next<'py>(&self, py: Python<'py>, at_most_millis: u64) -> Vec<Bound<'py, PyAny>> {
        let next = self.0.take().or_else(|| py.detach(|| self.0.next(Duration::from_millis(at_most_millis))));
        next.map(|value| value.into_bound(py)).into_iter().collect()
    }
}
