//! The models of the store.

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use riverrun::inference::ModelExt;
use riverrun::model::{ExportOptions, ImportOptions, InferenceTask, Model, ModelStore, Tag, TagRef};

use crate::classifier::TextClassificationRunner;
use crate::error::python::BadInput;
use crate::error::{of_inference, of_model};
use crate::task::TaskRunner;
use crate::{client, convert, text_input, waiting};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<StoredModel>()?;
    module.add_function(wrap_pyfunction!(store_home, module)?)?;
    module.add_function(wrap_pyfunction!(parse_tag, module)?)?;
    module.add_function(wrap_pyfunction!(list_models, module)?)?;
    module.add_function(wrap_pyfunction!(get_model, module)?)?;
    module.add_function(wrap_pyfunction!(delete_model, module)?)?;
    module.add_function(wrap_pyfunction!(promote_model, module)?)?;
    module.add_function(wrap_pyfunction!(export_model, module)?)?;
    module.add_function(wrap_pyfunction!(import_model, module)?)
}

/// One version of a model in the store.
#[pyclass(frozen, module = "riverrun._native")]
pub(crate) struct StoredModel {
    model: Model,
}

#[pymethods]
impl StoredModel {
    #[getter]
    fn name(&self) -> &str {
        self.model.tag().name()
    }

    #[getter]
    fn version(&self) -> &str {
        self.model.tag().version()
    }

    #[getter]
    fn path(&self) -> PathBuf {
        self.model.path().to_owned()
    }

    /// Seconds since 1970.
    #[getter]
    fn created(&self) -> f64 {
        self.model.metadata().created.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }

    #[getter]
    fn format(&self) -> String {
        let format = serde_json::to_value(self.model.metadata().format).unwrap_or_default();
        format.as_str().unwrap_or_default().to_owned()
    }

    #[getter]
    fn task(&self) -> Option<&'static str> {
        self.model.metadata().task.map(riverrun::model::InferenceTask::name)
    }

    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        self.model.metadata().labels.iter().try_for_each(|(key, value)| dict.set_item(key, value))?;
        Ok(dict)
    }

    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        convert::table_to_python(py, &self.model.metadata().metadata)
    }

    /// `(method, batchable, batch_dim)` each.
    #[getter]
    fn signatures(&self) -> Vec<(String, bool, usize)> {
        let signatures = self.model.metadata().signatures.iter();
        signatures.map(|one| (one.method.clone(), one.batchable, one.batch_dim)).collect()
    }

    /// `(path, bytes, SHA-256)` each.
    #[getter]
    fn files(&self) -> Vec<(String, u64, String)> {
        let files = self.model.metadata().files.iter();
        files.map(|file| (file.path.clone(), file.size, file.sha256.clone())).collect()
    }

    fn file(&self, py: Python<'_>, name: &str) -> PyResult<PathBuf> {
        self.model.file(name).map_err(|error| of_model(py, error))
    }

    fn verify(&self, py: Python<'_>) -> PyResult<()> {
        let model = self.model.clone();
        waiting::blocking(py, move || model.verify())?.map_err(|error| of_model(py, error))
    }

    fn to_runner(&self, task: &Bound<'_, PyDict>, batching: &Bound<'_, PyDict>) -> PyResult<TextClassificationRunner> {
        let runner = self.model.to_runner_with(text_input::options(task)?).map_err(|error| of_inference(&error))?;
        Ok(TextClassificationRunner::new(
            runner.batching(client::batching(batching)?).cached(client::cached(batching)?),
        ))
    }

    /// A runner for any task, or of `"tensors"` or `"rows"` of a model without one.
    fn to_task_runner(
        &self, kind: &str, parameters: &Bound<'_, PyDict>, batching: &Bound<'_, PyDict>,
    ) -> PyResult<TaskRunner> {
        TaskRunner::of_model(&self.model, kind, parameters, batching)
    }
}

fn store(py: Python<'_>) -> PyResult<ModelStore> {
    ModelStore::open_default().map_err(|error| of_model(py, error))
}

/// The store's directory.
#[pyfunction]
fn store_home(py: Python<'_>) -> PyResult<PathBuf> {
    Ok(store(py)?.home().to_owned())
}

/// Reads a tag, and warns where upper case was lowered.
fn tag(py: Python<'_>, text: &str) -> PyResult<TagRef> {
    let parsed = TagRef::parse_with_warning(text).map_err(|error| of_model(py, error))?;
    if let Some(warning) = parsed.warning {
        let message = std::ffi::CString::new(warning.to_string())?;
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &message, 2)?;
    }
    Ok(parsed.tag)
}

/// `name` and `version` of a tag; no version where the latest is meant.
#[pyfunction]
fn parse_tag(py: Python<'_>, text: &str) -> PyResult<(String, Option<String>)> {
    let tag = tag(py, text)?;
    Ok((tag.name().to_owned(), tag.version().map(str::to_owned)))
}

/// `(tag, whether it is the latest, the model or none, why it cannot be used or none)` each.
#[pyfunction]
#[allow(clippy::type_complexity, reason = "it is unpacked by the one place in Python that calls it")]
fn list_models(py: Python<'_>) -> PyResult<Vec<(String, bool, Option<StoredModel>, Option<Py<PyAny>>)>> {
    let listing = py.detach(|| ModelStore::open_default()?.list()).map_err(|error| of_model(py, error))?;
    let entry = |entry: riverrun::model::ListEntry| {
        let tag = entry.tag.to_string();
        match entry.model {
            Ok(model) => (tag, entry.latest, Some(StoredModel { model }), None),
            Err(error) => (tag, entry.latest, None, Some(of_model(py, error).into_value(py).into_any())),
        }
    };
    Ok(listing.into_iter().map(entry).collect())
}

#[pyfunction]
fn get_model(py: Python<'_>, text: &str) -> PyResult<StoredModel> {
    let tag = tag(py, text)?;
    let model = py.detach(|| ModelStore::open_default()?.get(&tag)).map_err(|error| of_model(py, error))?;
    Ok(StoredModel { model })
}

/// The exact tag, of a version that may be unusable.
fn exact(py: Python<'_>, text: &str) -> PyResult<Tag> {
    let tag = tag(py, text)?;
    match tag.exact() {
        Some(exact) => Ok(exact),
        None => Ok(store(py)?.get(&tag).map_err(|error| of_model(py, error))?.tag().clone()),
    }
}

/// Deletes a version and gives the tag that `latest` means from now on.
#[pyfunction]
fn delete_model(py: Python<'_>, text: &str) -> PyResult<Option<String>> {
    let (store, tag) = (store(py)?, exact(py, text)?);
    // Another process may be at the store for long.
    let latest = waiting::blocking(py, move || store.delete(&tag))?.map_err(|error| of_model(py, error))?;
    Ok(latest.map(|tag| tag.to_string()))
}

/// Makes a version the latest one of its name.
#[pyfunction]
fn promote_model(py: Python<'_>, text: &str) -> PyResult<()> {
    let store = store(py)?;
    let tag = Tag::parse(text).map_err(|error| of_model(py, error))?;
    waiting::blocking(py, move || store.promote(&tag))?.map_err(|error| of_model(py, error))
}

/// Imports a directory, a model file or an archive under a tag, whose version may be left out, and gives what should be said about it. Of
/// an archive without a tag it is the archive's own.
#[pyfunction]
#[pyo3(signature = (path, under, task, promote, labels, metadata))]
fn import_model(
    py: Python<'_>, path: PathBuf, under: Option<&str>, task: Option<&str>, promote: bool,
    labels: Vec<(String, String)>, metadata: &Bound<'_, PyDict>,
) -> PyResult<(StoredModel, Vec<String>)> {
    let mut options = match under {
        Some(under) => ImportOptions::from(tag(py, under)?),
        None => ImportOptions::default(),
    };
    options.task = task.map(self::task).transpose()?;
    options.promote = promote;
    options.labels = labels.into_iter().collect();
    options.metadata = convert::table_from_python("metadata", metadata)?;
    let store = store(py)?;
    let imported = waiting::blocking(py, move || store.import(path, options))?.map_err(|error| of_model(py, error))?;
    let warnings = imported.warnings.iter().map(ToString::to_string).collect();
    Ok((StoredModel { model: imported.model }, warnings))
}

/// Writes a version to one file, or into a directory under a name of its own, and says where.
#[pyfunction]
fn export_model(py: Python<'_>, text: &str, path: PathBuf, overwrite: bool) -> PyResult<PathBuf> {
    let (store, tag) = (store(py)?, tag(py, text)?);
    let options = if overwrite { ExportOptions::new().overwrite() } else { ExportOptions::new() };
    let exported =
        waiting::blocking(py, move || store.export(&tag, path, options))?.map_err(|error| of_model(py, error))?;
    Ok(exported.path)
}

fn task(name: &str) -> PyResult<InferenceTask> {
    let known = InferenceTask::ALL.into_iter().find(|task| task.name() == name);
    known.ok_or_else(|| {
        let names: Vec<&str> = InferenceTask::ALL.into_iter().map(InferenceTask::name).collect();
        BadInput::new_err(format!("the task {name:?} is unknown; there are {}", names.join(", ")))
    })
}
