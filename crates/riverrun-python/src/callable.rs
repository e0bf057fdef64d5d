//! Runners of the user's own models, which are written in Python.

use std::sync::Arc;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use riverrun::runner::{Compute, ItemError, Method, Prepared, Runnable, Runner, RunnerError, Signature};

use crate::datastream::Target;
use crate::error::of_runner;
use crate::gate;
use crate::waiting::{self, Task};
use crate::{client, forked, stats};

/// A call of a method: what it was called with, as the Python side packs it, and how many rows that is.
pub(crate) struct PyCall {
    payload: Py<PyAny>,
    rows: usize,
}

/// What a call gave.
pub(crate) enum Outcome {
    Returned(Py<PyAny>),
    /// The exception itself, so that its traceback arrives with it.
    Raised(Py<PyAny>),
}

/// Python code that computes batches of calls.
pub(crate) struct PyRunnable {
    methods: Vec<String>,
    /// `compute(method, payloads)` returns `(value, exception)` for each; one of both is `None`.
    compute: Py<PyAny>,
}

impl PyRunnable {
    fn compute(&self, py: Python<'_>, method: &str, batch: &[Arc<PyCall>]) -> PyResult<Vec<Outcome>> {
        let payloads = PyList::new(py, batch.iter().map(|call| call.payload.bind(py)))?;
        let outcomes = self.compute.bind(py).call1((method, payloads))?;
        let mut each = Vec::with_capacity(batch.len());
        for outcome in outcomes.try_iter()? {
            let (value, exception): (Bound<'_, PyAny>, Bound<'_, PyAny>) = outcome?.extract()?;
            each.push(if exception.is_none() {
                Outcome::Returned(value.unbind())
            } else {
                Outcome::Raised(exception.unbind())
            });
        }
        Ok(each)
    }
}

impl Runnable for PyRunnable {
    type Input = PyCall;
    type Prepared = Arc<PyCall>;
    type Output = Outcome;

    fn prepare(&self, input: PyCall) -> Result<Prepared<Arc<PyCall>>, ItemError> {
        let cost = input.rows;
        Ok(Prepared { value: Arc::new(input), cost })
    }

    fn run(&self, batch: Vec<Arc<PyCall>>, compute: &Compute) -> Result<Vec<Result<Outcome, ItemError>>, ItemError> {
        self.run_method(Signature::predict().name(), batch, compute)
    }

    fn signatures(&self) -> Vec<Signature> {
        self.methods.iter().map(Signature::new).collect()
    }

    fn run_method(
        &self, method: &str, batch: Vec<Arc<PyCall>>, _: &Compute,
    ) -> Result<Vec<Result<Outcome, ItemError>>, ItemError> {
        let computed = gate::attach(|py| {
            waiting::computing(|| self.compute(py, method, &batch)).or_else(|error| {
                // Of several calls the batcher finds out which is at fault, unless it is nobody's: an exit.
                if batch.len() > 1 && error.is_instance_of::<PyException>(py) {
                    return Err(ItemError::new(error.to_string()));
                }
                let exception = error.into_value(py).into_any();
                Ok(batch.iter().map(|_| Outcome::Raised(exception.clone_ref(py))).collect())
            })
        });
        Ok(computed?.into_iter().map(Ok).collect())
    }
}

/// A runner of Python code.
#[pyclass(frozen, module = "riverrun._native")]
pub(crate) struct CallableRunner {
    runner: Runner<PyRunnable>,
}

impl CallableRunner {
    fn method(&self, name: Option<&str>) -> PyResult<Method<PyRunnable>> {
        let method = match name {
            Some(name) => self.runner.method(name),
            None => self.runner.with(riverrun::runner::RequestOptions::new()),
        };
        method.map_err(|error| of_runner(&error))
    }
}

fn value(py: Python<'_>, result: Result<Outcome, RunnerError>) -> PyResult<Py<PyAny>> {
    match result.map_err(|error| of_runner(&error))? {
        Outcome::Returned(value) => Ok(value),
        Outcome::Raised(exception) => Err(PyErr::from_value(exception.into_bound(py))),
    }
}

/// A runner as a stream asks it, record by record.
pub(crate) struct CallTarget {
    method: Method<PyRunnable>,
}

impl CallTarget {
    pub(crate) fn new(runner: &CallableRunner, method: &str) -> PyResult<Self> {
        Ok(Self { method: runner.method(Some(method))? })
    }
}

impl Target for CallTarget {
    type Input = PyCall;
    type Answer = Result<Outcome, RunnerError>;

    fn input(&self, packed: &Bound<'_, PyAny>) -> PyResult<PyCall> {
        let (payload, rows) = packed.extract()?;
        Ok(PyCall { payload, rows })
    }

    fn ask(&self, input: PyCall) -> impl Future<Output = Self::Answer> + Send {
        self.method.async_run(input)
    }

    fn result<'py>(&self, py: Python<'py>, answer: Self::Answer) -> PyResult<Bound<'py, PyAny>> {
        Ok(value(py, answer)?.into_bound(py))
    }
}

#[pymethods]
impl CallableRunner {
    #[new]
    fn new(name: String, methods: Vec<String>, compute: Py<PyAny>, batching: &Bound<'_, PyDict>) -> PyResult<Self> {
        let runner = Runner::new(name, PyRunnable { methods, compute }).batching(client::batching(batching)?);
        Ok(Self { runner })
    }

    fn init_local(&self) -> PyResult<()> {
        forked::claim()?;
        self.runner.init_local().map_err(|error| of_runner(&error))
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        stats::to_python(py, &self.runner.stats())
    }

    fn run(&self, py: Python<'_>, method: Option<&str>, payload: Py<PyAny>, rows: usize) -> PyResult<Py<PyAny>> {
        forked::check()?;
        gate::check(py)?;
        let method = self.method(method)?;
        let call = PyCall { payload, rows };
        // On the main thread always on another one: code that never returns can be left by Ctrl-C then.
        let result = if waiting::listens(py)? {
            waiting::wait(py, method.async_run(call))?
        } else {
            py.detach(|| method.run(call))
        };
        value(py, result)
    }

    /// Begins a call; `on_done(value, None)` or `on_done(None, exception)` is called on another thread.
    fn submit(
        &self, py: Python<'_>, method: Option<&str>, payload: Py<PyAny>, rows: usize, on_done: Py<PyAny>,
    ) -> PyResult<Task> {
        forked::check()?;
        gate::check(py)?;
        let future = self.method(method)?.async_run(PyCall { payload, rows });
        waiting::begin(future, on_done, value)
    }
}
