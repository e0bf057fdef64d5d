//! Where a Python program is built and run.

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use riverrun::connectors::FileSource;
use riverrun::local::LocalHost;
use riverrun::stream::host::Host;
use riverrun::stream::{FunctionError, RuntimeExecutionMode, StreamExecutionEnvironment};

use super::errors::of_job;
use super::failed::Failed;
use super::interpreter::hold;
use super::job::PyJob;
use super::source::{SequenceSource, to_python};
use super::stream::{PyStream, converting};
use crate::gate;

/// The native side of `riverrun.datastream.StreamExecutionEnvironment`.
#[pyclass(module = "riverrun._native", name = "Environment", frozen)]
pub(crate) struct PyEnvironment {
    environment: StreamExecutionEnvironment,
    host: Arc<dyn Host>,
    pub(crate) failed: Arc<Failed>,
}

#[pymethods]
impl PyEnvironment {
    #[new]
    fn new() -> Self {
        let host: Arc<dyn Host> = Arc::new(LocalHost::new());
        Self { environment: StreamExecutionEnvironment::new(host.clone()), host, failed: Arc::default() }
    }

    fn default_parallelism(&self) -> usize {
        self.host.default_parallelism()
    }

    fn set_parallelism(&self, parallelism: usize) {
        self.environment.set_parallelism(parallelism);
    }

    fn set_max_parallelism(&self, max_parallelism: usize) {
        self.environment.set_max_parallelism(max_parallelism);
    }

    fn set_buffer_timeout(&self, millis: u64) {
        self.environment.set_buffer_timeout(Duration::from_millis(millis));
    }

    fn disable_operator_chaining(&self) {
        self.environment.disable_operator_chaining();
    }

    fn set_auto_watermark_interval(&self, millis: u64) {
        self.environment.set_auto_watermark_interval(Duration::from_millis(millis));
    }

    /// `STREAMING`, `BATCH` or `AUTOMATIC`.
    fn set_runtime_mode(&self, mode: &str) {
        self.environment.set_runtime_mode(match mode {
            "BATCH" => RuntimeExecutionMode::Batch,
            "AUTOMATIC" => RuntimeExecutionMode::Automatic,
            _ => RuntimeExecutionMode::Streaming,
        });
    }

    fn set_parameter(&self, name: &str, value: &str) {
        self.environment.set_parameter(name, value);
    }

    /// The elements of a sequence that does not change any more.
    #[pyo3(signature = (sequence, conversion = None))]
    fn read_sequence(&self, sequence: Bound<'_, PyAny>, conversion: Option<&Bound<'_, PyAny>>) -> PyResult<PyStream> {
        let source = SequenceSource::new(sequence, converting(conversion)?)?;
        Ok(PyStream::of(self.environment.from_source(source)))
    }

    /// The numbers `from..=to`, in parallel runs.
    fn read_numbers(&self, from: u64, to: u64) -> PyStream {
        let numbers = self.environment.from_sequence(from, to);
        let convert = |number: u64| gate::attach(|py| to_python(py, number));
        PyStream::of(numbers.try_map::<_, FunctionError>(convert).name("Numbers"))
    }

    /// The lines of files.
    fn read_lines(&self, paths: Vec<String>, monitor_millis: Option<u64>) -> PyStream {
        let mut source = FileSource::lines(paths);
        if let Some(millis) = monitor_millis {
            source = source.monitor_continuously(Duration::from_millis(millis));
        }
        let lines = self.environment.from_source(source);
        let convert = |line: String| gate::attach(|py| to_python(py, line));
        PyStream::of(lines.try_map::<_, FunctionError>(convert).name("Lines"))
    }

    fn get_execution_plan(&self) -> String {
        self.environment.get_execution_plan()
    }

    fn explain(&self) -> String {
        self.environment.explain()
    }

    /// Starts the program; the environment is empty afterwards.
    fn submit(&self, py: Python<'_>, job_name: Option<String>) -> PyResult<PyJob> {
        // A job has threads, and those of the runners that it uses.
        crate::forked::claim()?;
        gate::check(py)?;
        if let Some(name) = job_name {
            self.environment.set_job_name(name);
        }
        let host = self.host.clone();
        let environment = &self.environment;
        let submitted = py.detach(|| {
            let mut graph = environment.take_graph()?;
            hold(&mut graph);
            host.submit(graph)
        });
        submitted.map(|client| PyJob { client, failed: self.failed.clone() }).map_err(|error| of_job(py, &error))
    }
}
