//! Runners of every task, of ONNX models and of tree ensembles: asked and answered as on the wire.
//!
//! Text classification has a runner of its own, in `classifier`, whose texts and labels are converted without a detour.

mod binding;
mod kind;
mod tensors;
mod values;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use riverrun::client::Client;
use riverrun::model::Model;
use riverrun::runner::{Answers, AnyRunner, Call, Inputs, RequestOptions, RunnerError};

use self::binding::Binding;
pub(crate) use self::values::{inputs, results as answered};
use crate::error::python::BadInput;
use crate::error::{of_client, of_runner};
use crate::waiting::{self, Task};
use crate::{client, forked, stats};

/// How long a call waits before it looks again whether the queue has room for all its items.
const ROOM: Duration = Duration::from_millis(2);

/// A runner of a model, and where it runs.
#[pyclass(frozen, module = "riverrun._native")]
pub(crate) struct TaskRunner {
    binding: Box<dyn Binding>,
    client: Mutex<Option<Client>>,
}

/// In which form results are wanted.
#[derive(Clone, Copy)]
enum Form {
    Values,
    Tensors,
}

impl Form {
    fn of(as_tensors: bool) -> Self {
        if as_tensors { Self::Tensors } else { Self::Values }
    }

    fn convert<'py>(self, py: Python<'py>, answers: &Answers) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Values => values::results(py, answers),
            Self::Tensors => {
                failed(answers)?;
                let tensors = answers.to_tensors().map_err(|error| of_runner(&error))?;
                Ok(tensors::to_python(py, &tensors)?.into_any())
            }
        }
    }
}

/// The error of the first item that has one; among several it says which.
fn failed(answers: &Answers) -> PyResult<()> {
    let Some((index, error)) = answers.first_error() else { return Ok(()) };
    let error = of_runner(error);
    if answers.len() == 1 {
        return Err(error);
    }
    Err(Python::attach(|py| PyErr::from_type(error.get_type(py), format!("item {index}: {}", error.value(py)))))
}

impl TaskRunner {
    pub(crate) fn of_model(
        model: &Model, kind: &str, parameters: &Bound<'_, PyDict>, batching: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let limits = (client::batching(batching)?, client::cached(batching)?);
        let binding = kind::of_model(model, kind, values::map(parameters)?, limits)?;
        Ok(Self { binding, client: Mutex::new(None) })
    }

    /// The runner, once it is bound.
    pub(crate) fn bound(&self) -> PyResult<Arc<dyn AnyRunner>> {
        self.binding.runner().map_err(|error| of_runner(&error))
    }

    fn client(&self) -> Option<Client> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn compute(&self, py: Python<'_>, inputs: Inputs) -> PyResult<Answers> {
        forked::check()?;
        let runner = self.bound()?;
        let answers = if waiting::listens(py)? {
            waiting::wait(py, all(move |call| runner.call(call), inputs))?
        } else {
            py.detach(|| runner.call_and_wait(call(inputs)))
        };
        answers.map_err(|error| of_runner(&error))
    }
}

fn call(inputs: Inputs) -> Call {
    Call { method: None, inputs, options: RequestOptions::new() }
}

/// Computes all items once the queue has room for them.
pub(crate) async fn all<F: Future<Output = Result<Answers, RunnerError>>>(
    run: impl Fn(Call) -> F, inputs: Inputs,
) -> Result<Answers, RunnerError> {
    loop {
        match run(call(inputs.clone())).await {
            Err(RunnerError::QueueFull { .. }) => tokio::time::sleep(ROOM).await,
            answers => return answers,
        }
    }
}

#[pymethods]
impl TaskRunner {
    /// A runner of a model that is in a directory and not in the store.
    #[staticmethod]
    fn of_directory(
        path: PathBuf, kind: &str, parameters: &Bound<'_, PyDict>, batching: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let binding = kind::of_directory(path, kind, values::map(parameters)?, client::batching(batching)?)?;
        Ok(Self { binding, client: Mutex::new(None) })
    }

    #[getter]
    fn name(&self) -> &str {
        self.binding.name()
    }

    #[getter]
    fn is_initialised(&self) -> bool {
        self.binding.runner().is_ok()
    }

    fn methods(&self) -> PyResult<Vec<String>> {
        let runner = self.bound()?;
        runner.methods().map_err(|error| of_runner(&error))
    }

    fn init_local(&self, py: Python<'_>) -> PyResult<()> {
        forked::claim()?;
        let load = self.binding.loading();
        waiting::blocking(py, load)?.map_err(|error| of_runner(&error))
    }

    fn init_client(&self, py: Python<'_>, urls: Vec<String>, arguments: &Bound<'_, PyDict>) -> PyResult<()> {
        forked::claim()?;
        let connecting = self.binding.connecting(client::options(urls, arguments)?);
        let client = waiting::wait(py, connecting)?.map_err(|error| of_client(&error))?;
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
        Ok(())
    }

    /// What was agreed on with the service; nothing of a runner that has none.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.client().map(|client| client::info(py, &client)).transpose()
    }

    fn warm_up(&self, py: Python<'_>) -> PyResult<()> {
        forked::check()?;
        let runner = self.bound()?;
        waiting::blocking(py, move || runner.warm_up())?.map_err(|error| of_runner(&error))
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        stats::to_python(py, &self.binding.runner().map(|runner| runner.stats()).unwrap_or_default())
    }

    /// `(name, datatype, shape)` of each tensor that it takes, and of each that it gives.
    #[allow(clippy::type_complexity, reason = "it is unpacked by the one place in Python that calls it")]
    fn tensors(&self) -> PyResult<(Vec<(String, &'static str, Vec<i64>)>, Vec<(String, &'static str, Vec<i64>)>)> {
        let runner = self.bound()?;
        Ok((tensors::specs(runner.tensor_inputs()), tensors::specs(runner.tensor_outputs())))
    }

    /// What the numbers of a row are called, in their order.
    fn feature_names(&self) -> PyResult<Option<Vec<String>>> {
        Ok(self.bound()?.feature_names())
    }

    /// The result of each item.
    fn run<'py>(
        &self, py: Python<'py>, items: &Bound<'py, PyList>, parameters: &Bound<'py, PyDict>, as_tensors: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let inputs = values::inputs(items, parameters)?;
        Form::of(as_tensors).convert(py, &self.compute(py, inputs)?)
    }

    /// The tensors that the model makes of tensors: `(name, datatype, shape, bytes)` each, or a list of strings instead of bytes.
    fn run_tensors<'py>(&self, py: Python<'py>, tensors: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyAny>> {
        Form::Tensors.convert(py, &self.compute(py, Inputs::Tensors(tensors::from_python(tensors)?))?)
    }

    /// Begins to compute the items; `on_done(results, None)`, or `on_done(None, exception)`, is called on another thread.
    fn submit(
        &self, items: &Bound<'_, PyList>, parameters: &Bound<'_, PyDict>, as_tensors: bool, on_done: Py<PyAny>,
    ) -> PyResult<Task> {
        self.begin(values::inputs(items, parameters)?, Form::of(as_tensors), on_done)
    }

    /// As `submit`, with tensors as of `run_tensors`.
    fn submit_tensors(&self, tensors: &Bound<'_, PyList>, on_done: Py<PyAny>) -> PyResult<Task> {
        self.begin(Inputs::Tensors(tensors::from_python(tensors)?), Form::Tensors, on_done)
    }
}

impl TaskRunner {
    fn begin(&self, inputs: Inputs, form: Form, on_done: Py<PyAny>) -> PyResult<Task> {
        forked::check()?;
        let runner = self.bound()?;
        waiting::begin(all(move |call| runner.call(call), inputs), on_done, move |py, answers| {
            let answers = answers.map_err(|error| of_runner(&error))?;
            Ok(form.convert(py, &answers)?.unbind())
        })
    }
}

fn unknown(kind: &str) -> PyErr {
    BadInput::new_err(format!("the task {kind:?} is not implemented; there are {}", kind::NAMES.join(", ")))
}
