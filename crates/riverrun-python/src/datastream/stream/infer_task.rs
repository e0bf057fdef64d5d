//! Where a stream of Python records meets a runner of any task: as `infer`, whose records are asked and answered as on the wire.

use std::sync::Arc;
use std::time::Duration;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use riverrun::runner::{AnyRunner, Inputs};
use riverrun::stream::FunctionError;
use riverrun::stream::stream::AsyncDataStream;

use super::PyStream;
use crate::datastream::errors::raised;
use crate::datastream::value::PyValue;
use crate::error::of_runner;
use crate::gate;
use crate::task::{TaskRunner, answered, inputs};

/// How many records of a subtask are in flight unless a program says otherwise: enough for the largest batches on all cores.
const CAPACITY: usize = 256;

#[pymethods]
impl PyStream {
    /// Puts out `(record, result)` for each record. `item` makes of a record what the runner's `run` takes, in a list of one, and what is asked
    /// for it; `output` makes the result of the list of one that comes back.
    fn infer_task(
        &self, runner: &TaskRunner, item: Py<PyAny>, is_ordered: bool, capacity: Option<usize>, output: Py<PyAny>,
    ) -> PyResult<Self> {
        crate::forked::check()?;
        let runner = runner.bound()?;
        let asked = Arc::new(Asked { runner, item, output });
        let call = move |value: PyValue| {
            let asked = asked.clone();
            async move { asked.answer(value).await.map(|result| vec![result]) }
        };
        let stream = self.stream()?;
        let inferred = if is_ordered {
            AsyncDataStream::ordered_wait(&stream, call, Duration::MAX)
        } else {
            AsyncDataStream::unordered_wait(&stream, call, Duration::MAX)
        };
        Ok(Self::of(inferred.capacity(capacity.unwrap_or(CAPACITY)).into_stream().name("Infer")))
    }
}

struct Asked {
    runner: Arc<dyn AnyRunner>,
    item: Py<PyAny>,
    output: Py<PyAny>,
}

impl Asked {
    async fn answer(&self, value: PyValue) -> Result<PyValue, FunctionError> {
        let inputs = gate::attach(|py| self.inputs(value.bind(py))).map_err(raised)?;
        let answers = crate::task::all(|call| self.runner.call(call), inputs).await;
        gate::attach(|py| {
            let answers = answers.map_err(|error| of_runner(&error))?;
            let result = self.output.bind(py).call1((answered(py, &answers)?,))?;
            (value.into_bound(py), result).into_bound_py_any(py).map(PyValue::new)
        })
        .map_err(raised)
    }

    fn inputs(&self, value: &Bound<'_, PyAny>) -> PyResult<Inputs> {
        let (items, parameters): (Bound<'_, PyList>, Bound<'_, PyDict>) =
            self.item.bind(value.py()).call1((value,))?.extract()?;
        inputs(&items, &parameters)
    }
}
