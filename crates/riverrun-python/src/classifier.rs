//! Runners of text classification.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use riverrun::client::{Client, ClientExt};
use riverrun::inference::{Classification, TextClassification, TextInput};
use riverrun::runner::{Runner, RunnerError};

use crate::error::{of_client, of_runner};
use crate::text_input::{self, Asked};
use crate::waiting::{self, Task};
use crate::{client, forked, stats};

type Results = Vec<Result<Vec<Classification>, RunnerError>>;

/// A runner of text classification, and where it runs.
#[pyclass(frozen, module = "riverrun._native")]
pub(crate) struct TextClassificationRunner {
    pub(crate) runner: Runner<TextClassification>,
    client: Mutex<Option<Client>>,
}

impl TextClassificationRunner {
    pub(crate) fn new(runner: Runner<TextClassification>) -> Self {
        Self { runner, client: Mutex::new(None) }
    }

    fn bind(&self, client: Client) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
    }

    fn client(&self) -> Option<Client> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Computes all texts; an error is that of the first that failed.
    fn compute(&self, py: Python<'_>, texts: Vec<TextInput>) -> PyResult<Vec<Vec<Classification>>> {
        forked::check()?;
        let results = if waiting::listens(py)? {
            waiting::wait(py, all(self.runner.clone(), texts))?
        } else {
            py.detach(|| self.runner.run_batch(texts))
        };
        outputs(results)
    }
}

/// Computes all texts once the queue has room for them.
async fn all(runner: Runner<TextClassification>, texts: Vec<TextInput>) -> Result<Results, RunnerError> {
    runner.with(riverrun::runner::RequestOptions::new())?.async_run_batch(texts).await
}

fn outputs(results: Result<Results, RunnerError>) -> PyResult<Vec<Vec<Classification>>> {
    let results = results.map_err(|error| of_runner(&error))?;
    let several = results.len() > 1;
    let output = |(index, result): (usize, Result<Vec<Classification>, RunnerError>)| {
        result.map_err(|error| {
            let error = of_runner(&error);
            if several { Python::attach(|py| at(py, &error, index)) } else { error }
        })
    };
    results.into_iter().enumerate().map(output).collect()
}

/// The same error, with the item that it is about.
fn at(py: Python<'_>, error: &PyErr, index: usize) -> PyErr {
    PyErr::from_type(error.get_type(py), format!("item {index}: {}", error.value(py)))
}

pub(crate) fn labels<'py>(py: Python<'py>, labels: &[Classification]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for Classification { label, score } in labels {
        let dict = PyDict::new(py);
        dict.set_item(intern!(py, "label"), label.as_str())?;
        dict.set_item(intern!(py, "score"), f64::from(*score))?;
        list.append(dict)?;
    }
    Ok(list)
}

#[pymethods]
impl TextClassificationRunner {
    /// A runner of a model that is in a directory and not in the store.
    #[staticmethod]
    fn of_directory(path: PathBuf, task: &Bound<'_, PyDict>, batching: &Bound<'_, PyDict>) -> PyResult<Self> {
        let options = text_input::options(task)?;
        let name = path.display().to_string();
        let key = format!("{name} {options:?}");
        let runner = Runner::lazy(name.clone(), key, move || {
            TextClassification::load(&path, options.clone())
                .map_err(|error| RunnerError::Load { runner: name.as_str().into(), reason: error.to_string() })
        });
        Ok(Self::new(runner.batching(client::batching(batching)?)))
    }

    /// A runner of a model that only a service has.
    #[staticmethod]
    fn remote(name: &str, batching: &Bound<'_, PyDict>) -> PyResult<Self> {
        Ok(Self::new(TextClassification::runner(name).batching(client::batching(batching)?)))
    }

    #[getter]
    fn name(&self) -> &str {
        self.runner.name()
    }

    #[getter]
    fn is_initialised(&self) -> bool {
        self.runner.is_initialised()
    }

    fn methods(&self) -> PyResult<Vec<String>> {
        let signatures = self.runner.signatures().map_err(|error| of_runner(&error))?;
        Ok(signatures.iter().map(|signature| signature.name().to_owned()).collect())
    }

    fn init_local(&self, py: Python<'_>) -> PyResult<()> {
        forked::claim()?;
        let runner = self.runner.clone();
        waiting::blocking(py, move || runner.init_local())?.map_err(|error| of_runner(&error))
    }

    fn init_client(&self, py: Python<'_>, urls: Vec<String>, arguments: &Bound<'_, PyDict>) -> PyResult<()> {
        forked::claim()?;
        let runner = self.runner.clone();
        let options = client::options(urls, arguments)?;
        let client = waiting::wait(py, async move { runner.async_init_client(options).await })?;
        self.bind(client.map_err(|error| of_client(&error))?);
        Ok(())
    }

    /// What was agreed on with the service; nothing of a runner that has none.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.client().map(|client| client::info(py, &client)).transpose()
    }

    fn warm_up(&self, py: Python<'_>) -> PyResult<()> {
        forked::check()?;
        let runner = self.runner.clone();
        waiting::blocking(py, move || runner.warm_up())?.map_err(|error| of_runner(&error))
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        stats::to_python(py, &self.runner.stats())
    }

    /// The labels of one text.
    fn run<'py>(
        &self, py: Python<'py>, item: &Bound<'py, PyAny>, top_k: Option<&Bound<'py, PyAny>>, function: Option<&str>,
    ) -> PyResult<Bound<'py, PyList>> {
        forked::check()?;
        let text = text_input::text(item, None, Asked::new(top_k, function)?)?;
        let result = if self.client().is_some() && waiting::listens(py)? {
            waiting::wait(py, self.runner.async_run(text))?
        } else {
            // A text takes milliseconds: Ctrl-C has effect when it is done.
            let result = py.detach(|| self.runner.run(text));
            py.check_signals()?;
            result
        };
        labels(py, &result.map_err(|error| of_runner(&error))?)
    }

    /// The labels of each text.
    fn run_batch<'py>(
        &self, py: Python<'py>, items: &Bound<'py, PyList>, top_k: Option<&Bound<'py, PyAny>>, function: Option<&str>,
    ) -> PyResult<Bound<'py, PyList>> {
        let texts = text_input::texts(items, Asked::new(top_k, function)?)?;
        let lists = self.compute(py, texts)?;
        let results = PyList::empty(py);
        lists.iter().try_for_each(|list| results.append(labels(py, list)?))?;
        Ok(results)
    }

    /// The best label of each text, in columns: the names of the labels that occur, and for each text the index of its label (`i32`) and
    /// its score (`f32`), in the machine's byte order.
    #[allow(clippy::type_complexity, reason = "it is unpacked by the one place in Python that calls it")]
    fn run_columns<'py>(
        &self, py: Python<'py>, items: &Bound<'py, PyList>, function: Option<&str>,
    ) -> PyResult<(Vec<String>, Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let texts = text_input::texts(items, Asked::new(None, function)?)?;
        let lists = self.compute(py, texts)?;
        let mut names: Vec<&str> = Vec::new();
        let (mut codes, mut scores) = (Vec::with_capacity(lists.len() * 4), Vec::with_capacity(lists.len() * 4));
        for best in lists.iter().filter_map(|list| list.first()) {
            let code = names.iter().position(|name| *name == best.label.as_str()).unwrap_or_else(|| {
                names.push(best.label.as_str());
                names.len() - 1
            });
            codes.extend_from_slice(&i32::try_from(code).unwrap_or(-1).to_ne_bytes());
            scores.extend_from_slice(&best.score.to_ne_bytes());
        }
        let names = names.into_iter().map(str::to_owned).collect();
        Ok((names, PyBytes::new(py, &codes), PyBytes::new(py, &scores)))
    }

    /// Begins to compute the texts; `on_done(list of labels each, None)`, or `on_done(None, exception)`, is called on another thread.
    fn submit(
        &self, items: &Bound<'_, PyList>, top_k: Option<&Bound<'_, PyAny>>, function: Option<&str>, on_done: Py<PyAny>,
    ) -> PyResult<Task> {
        forked::check()?;
        let texts = text_input::texts(items, Asked::new(top_k, function)?)?;
        let future = all(self.runner.clone(), texts);
        waiting::begin(future, on_done, |py, results| {
            let lists = PyList::empty(py);
            outputs(results)?.iter().try_for_each(|list| lists.append(labels(py, list)?))?;
            Ok(lists.into_any().unbind())
        })
    }
}
