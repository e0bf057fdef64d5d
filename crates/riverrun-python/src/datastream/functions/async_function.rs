//! `AsyncFunction`: coroutines on an event loop of Python's, awaited by the engine.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use riverrun::stream::functions::AsyncFunction;
use riverrun::stream::{FunctionError, Result, RuntimeContext};
use tokio::sync::oneshot;

use crate::datastream::callbacks::Callbacks;
use crate::datastream::conversion::Conversion;
use crate::datastream::errors::raised;
use crate::datastream::value::PyValue;
use crate::gate;

/// A Python `AsyncFunction`: call 0 is `start(value, done)`, which gives what can be cancelled; call 1 is `timeout(value)`.
#[derive(Clone)]
pub(crate) struct PyAsync {
    pub(crate) callbacks: Callbacks,
    pub(crate) conversion: Option<Arc<Conversion>>,
}

type Outcome = Result<Vec<PyValue>>;

/// What a coroutine reports its end to, once.
#[pyclass(module = "riverrun._native", name = "AsyncResult", frozen)]
pub(crate) struct PyAsyncResult {
    sender: Mutex<Option<oneshot::Sender<Outcome>>>,
    conversion: Option<Arc<Conversion>>,
}

#[pymethods]
impl PyAsyncResult {
    /// The results, or the exception. What comes after the first call is ignored.
    #[pyo3(signature = (results, error = None))]
    fn __call__(&self, results: &Bound<'_, PyAny>, error: Option<Bound<'_, PyAny>>) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(sender) = sender else { return };
        let outcome = match error {
            Some(error) => Err(raised(PyErr::from_value(error))),
            None => records(results, self.conversion.as_deref()),
        };
        // Nobody waits any more for a call that was timed out.
        drop(sender.send(outcome));
    }
}

fn records(results: &Bound<'_, PyAny>, conversion: Option<&Conversion>) -> Outcome {
    let items = results.try_iter().map_err(|_| {
        let class = results.get_type();
        raised(PyTypeError::new_err(format!(
            "`async_invoke` and `timeout` return a list of results, and one returned {class}"
        )))
    })?;
    let record = |item: PyResult<Bound<'_, PyAny>>| match conversion {
        None => item.map(PyValue::new),
        Some(conversion) => conversion.apply(item?).map(PyValue::new),
    };
    items.map(record).collect::<PyResult<_>>().map_err(raised)
}

/// Cancels the coroutine when nobody waits for it any more.
struct Running(Option<Py<PyAny>>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            // The event loop may be closed already, and then nothing runs that could be cancelled.
            gate::attach(|py| drop(call.call_method0(py, "cancel")));
        }
    }
}

impl AsyncFunction<PyValue> for PyAsync {
    type Out = PyValue;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.callbacks.open(context)
    }

    fn async_invoke(&mut self, value: PyValue) -> impl Future<Output = Outcome> + Send + 'static {
        let (sender, receiver) = oneshot::channel();
        let started = gate::attach(|py| {
            let done = PyAsyncResult { sender: Mutex::new(Some(sender)), conversion: self.conversion.clone() };
            let done = Py::new(py, done).map_err(raised)?;
            self.callbacks.call(py, 0, (value.into_bound(py), done)).map(Bound::unbind)
        });
        async move {
            let mut running = Running(Some(started?));
            let lost = |_| Err(FunctionError::internal("a coroutine ended without a word"));
            let outcome = receiver.await.unwrap_or_else(lost);
            let ended = running.0.take();
            drop(ended);
            outcome
        }
    }

    fn timeout(&mut self, value: PyValue) -> Outcome {
        gate::attach(|py| {
            let results = self.callbacks.call(py, 1, (value.into_bound(py),))?;
            records(&results, self.conversion.as_deref())
        })
    }

    fn close(&mut self) -> Result {
        self.callbacks.close()
    }
}
