//! Where a stream of Python records meets a runner of anything but text classification, which has `infer`: a record is asked for by
//! itself, and the runner puts together what is in flight.

use std::sync::Arc;
use std::time::Duration;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use riverrun::stream::FunctionError;
use riverrun::stream::stream::AsyncDataStream;

use super::PyStream;
use crate::callable::{CallTarget, CallableRunner};
use crate::datastream::errors::raised;
use crate::datastream::value::PyValue;
use crate::gate;
use crate::task::{Form, TaskRunner, TaskTarget};

/// How many records of a subtask are in flight unless a program says otherwise: enough for the largest batches on all cores.
const CAPACITY: usize = 256;

#[pymethods]
impl PyStream {
    /// Puts out `(record, result)` for each record. `item` makes of a record a list of one item and what is asked for it, or the tensors of one;
    /// `output` makes the result of the list or tensors that come back.
    fn infer_task(
        &self, runner: &TaskRunner, gives_tensors: bool, item: Py<PyAny>, is_ordered: bool, capacity: Option<usize>,
        output: Py<PyAny>,
    ) -> PyResult<Self> {
        self.asked(TaskTarget::new(runner.bound()?, Form::of(gives_tensors)), item, is_ordered, capacity, output)
    }

    /// As `infer_task`, with a runner of the user's own; `item` makes of a record the call of `method` and how many rows it has.
    fn infer_call(
        &self, runner: &CallableRunner, method: &str, item: Py<PyAny>, is_ordered: bool, capacity: Option<usize>,
        output: Py<PyAny>,
    ) -> PyResult<Self> {
        self.asked(CallTarget::new(runner, method)?, item, is_ordered, capacity, output)
    }
}

/// What is asked for one record at a time.
pub(crate) trait Target: Send + Sync + 'static {
    type Input: Send;
    type Answer: Send;

    /// What it takes, from what Python packs.
    fn input(&self, packed: &Bound<'_, PyAny>) -> PyResult<Self::Input>;

    fn ask(&self, input: Self::Input) -> impl Future<Output = Self::Answer> + Send;

    /// What Python unpacks.
    fn result<'py>(&self, py: Python<'py>, answer: Self::Answer) -> PyResult<Bound<'py, PyAny>>;
}

impl PyStream {
    fn asked<T: Target>(
        &self, target: T, item: Py<PyAny>, is_ordered: bool, capacity: Option<usize>, output: Py<PyAny>,
    ) -> PyResult<Self> {
        crate::forked::check()?;
        let asked = Arc::new(Asked { target, item, output });
        let call = move |value: PyValue| {
            let asked = asked.clone();
            // The program's own code runs on the subtask's thread, as that of `map` does.
            let input = asked.input(&value);
            async move { asked.answer(value, input?).await.map(|result| vec![result]) }
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

struct Asked<T> {
    target: T,
    item: Py<PyAny>,
    output: Py<PyAny>,
}

impl<T: Target> Asked<T> {
    fn input(&self, value: &PyValue) -> Result<T::Input, FunctionError> {
        gate::attach(|py| self.target.input(&self.item.bind(py).call1((value.bind(py),))?)).map_err(raised)
    }

    async fn answer(&self, value: PyValue, input: T::Input) -> Result<PyValue, FunctionError> {
        let answer = self.target.ask(input).await;
        gate::attach(|py| {
            let result = self.output.bind(py).call1((self.target.result(py, answer)?,))?;
            (value.into_bound(py), result).into_bound_py_any(py).map(PyValue::new)
        })
        .map_err(raised)
    }
}
