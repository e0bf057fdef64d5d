//! Items and results as values of Python.

use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyList, PyString};
use pythonize::{depythonize, pythonize};
use riverrun::runner::wire::{Map, Payload};
use riverrun::runner::{Answers, AnyRunner, Inputs};
use serde_json::Value;

use super::failed;
use crate::error::caused;
use crate::error::python::{BadInput, BadInputType, InternalError};

/// Options by name; those that are `None` are left out.
pub(super) fn map(dict: &Bound<'_, PyDict>) -> PyResult<Map> {
    let mut map = Map::new();
    for (name, value) in dict {
        if !value.is_none() {
            let name = name.extract::<String>()?;
            let converted = self::value(&value, &format!("`{name}`"))?;
            map.insert(name, converted);
        }
    }
    Ok(map)
}

/// Items with what is asked for all of them.
pub(crate) fn inputs(
    runner: &dyn AnyRunner, items: &Bound<'_, PyList>, parameters: &Bound<'_, PyDict>,
) -> PyResult<Inputs> {
    let (parameters, several) = (map(parameters)?, items.len() > 1);
    let item = |(index, item): (usize, Bound<'_, PyAny>)| {
        let what = if several { format!("item {index}") } else { "the input".to_owned() };
        Ok(runner.beside(payload(&item, &what)?, &parameters))
    };
    Ok(Inputs::Payloads(items.iter().enumerate().map(item).collect::<PyResult<_>>()?))
}

fn payload(item: &Bound<'_, PyAny>, what: &str) -> PyResult<Payload> {
    if item.is_none() {
        return Err(BadInputType::new_err(format!("{what} is None")));
    }
    if let Ok(bytes) = item.cast::<PyBytes>() {
        return Ok(Payload::Bytes(bytes.as_bytes().to_vec()));
    }
    if let Ok(bytes) = item.cast::<PyByteArray>() {
        return Ok(Payload::Bytes(bytes.to_vec()));
    }
    Ok(match value(item, what)? {
        Value::String(text) => Payload::Text(text),
        value => Payload::Value(value),
    })
}

fn value(item: &Bound<'_, PyAny>, what: &str) -> PyResult<Value> {
    if let Ok(text) = item.cast::<PyString>() {
        return match text.to_cow() {
            Ok(text) => Ok(Value::String(text.into_owned())),
            Err(cause) => Err(caused(item.py(), BadInput::new_err(format!("{what} {SURROGATE}")), cause)),
        };
    }
    depythonize::<Value>(item).map_err(|error| {
        let cause = PyErr::from(error);
        // Strings inside of lists and dictionaries.
        let error = if cause.is_instance_of::<pyo3::exceptions::PyUnicodeEncodeError>(item.py()) {
            BadInput::new_err(format!("{what} has a text that {SURROGATE}"))
        } else {
            BadInputType::new_err(format!(
                "{what} is neither text, number, list nor dict, or has a part that is none: {cause}"
            ))
        };
        caused(item.py(), error, cause)
    })
}

const SURROGATE: &str = "has a lone surrogate, which is no character; decode it with errors=\"replace\"";

/// The results, one for each item.
pub(crate) fn results<'py>(py: Python<'py>, answers: &Answers) -> PyResult<Bound<'py, PyAny>> {
    failed(answers)?;
    let list = PyList::empty(py);
    for index in 0..answers.len() {
        if let Some(Ok(result)) = answers.get(index) {
            let result = pythonize(py, result).map_err(|error| InternalError::new_err(error.to_string()))?;
            list.append(result)?;
        }
    }
    Ok(list.into_any())
}
