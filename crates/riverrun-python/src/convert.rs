//! Values of `model.toml` and of Python.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};
use riverrun::model::{Table, Value};

use crate::error::python::{BadInput, BadInputType};

/// A table as a dictionary; dates and times as strings.
pub(crate) fn table_to_python<'py>(py: Python<'py>, table: &Table) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (key, value) in table {
        dict.set_item(key, value_to_python(py, value)?)?;
    }
    Ok(dict)
}

fn value_to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Integer(number) => number.into_pyobject(py)?.into_any(),
        Value::Float(number) => PyFloat::new(py, *number).into_any(),
        Value::Boolean(is) => PyBool::new(py, *is).to_owned().into_any(),
        Value::Datetime(time) => PyString::new(py, &time.to_string()).into_any(),
        Value::Array(values) => {
            let values = values.iter().map(|value| value_to_python(py, value)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, values)?.into_any()
        }
        Value::Table(table) => table_to_python(py, table)?.into_any(),
    })
}

/// How deep lists and dictionaries may be within each other: what is much deeper would be refused when `model.toml` is read. What
/// contains itself is deeper than any.
const MAX_DEPTH: usize = 64;

/// A dictionary as a table.
///
/// # Errors
/// `BadInputType`: a value has no form in TOML (`None`, an object); `what` and the keys on the way to it say which. `BadInput`: it is
/// deeper than 64 containers.
pub(crate) fn table_from_python(what: &str, dict: &Bound<'_, PyDict>) -> PyResult<Table> {
    table_at_depth(what, dict, 1)
}

fn table_at_depth(what: &str, dict: &Bound<'_, PyDict>, depth: usize) -> PyResult<Table> {
    let mut table = Table::new();
    for (key, value) in dict {
        let Ok(key) = key.extract::<String>() else {
            return Err(BadInputType::new_err(format!("{what}: the key {} is no string", key.repr()?)));
        };
        let value = value_at_depth(&format!("{what}[{key:?}]"), &value, depth)?;
        table.insert(key, value);
    }
    Ok(table)
}

fn value_at_depth(what: &str, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    if let Ok(is) = value.cast::<PyBool>() {
        return Ok(Value::Boolean(is.is_true()));
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(Value::Integer(value.extract()?));
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(Value::Float(value.extract()?));
    }
    if value.is_instance_of::<PyString>() {
        return Ok(Value::String(value.extract()?));
    }
    if depth >= MAX_DEPTH && (value.is_instance_of::<PyDict>() || value.is_instance_of::<PyList>()) {
        return Err(BadInput::new_err(format!(
            "{} has lists and dictionaries more than {MAX_DEPTH} deep, or one that contains itself; keep it flatter",
            what.split('[').next().unwrap_or(what)
        )));
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        return Ok(Value::Table(table_at_depth(what, dict, depth + 1)?));
    }
    if let Ok(list) = value.cast::<PyList>() {
        let values = list
            .iter()
            .enumerate()
            .map(|(index, value)| value_at_depth(&format!("{what}[{index}]"), &value, depth + 1));
        return Ok(Value::Array(values.collect::<PyResult<_>>()?));
    }
    Err(BadInputType::new_err(format!(
        "{what} is of type {}, which cannot be kept with a model; use str, int, float, bool, list or dict",
        value.get_type().name()?
    )))
}
