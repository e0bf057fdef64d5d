//! From Python objects to their stored form.

use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple,
};

use super::Tagged;

/// How deep containers may be within each other. What contains itself is deeper than any.
const MAX_DEPTH: usize = 200;

/// The stored form of an object.
///
/// # Errors
/// `TypeError` for an object of a type that has none.
pub(crate) fn encode(object: &Bound<'_, PyAny>) -> PyResult<Tagged> {
    at_depth(object, 0)
}

/// Says whether an object can be stored, without a copy of what is usual.
///
/// # Errors
/// `TypeError` for an object of a type that has no stored form.
pub(crate) fn check(object: &Bound<'_, PyAny>) -> PyResult<()> {
    if cannot_change(object) { Ok(()) } else { encode(object).map(drop) }
}

/// Whether an object is one that can be stored and never changes, as far as that is seen quickly: a scalar, or a tuple of
/// scalars, which is what most records are.
pub(crate) fn cannot_change(object: &Bound<'_, PyAny>) -> bool {
    let tuple = object.cast_exact::<PyTuple>();
    is_scalar(object) || tuple.is_ok_and(|items| items.iter_borrowed().all(|item| is_scalar(&item)))
}

fn is_scalar(object: &Bound<'_, PyAny>) -> bool {
    object.is_none()
        || object.is_exact_instance_of::<PyFloat>()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyInt>()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_exact_instance_of::<PyBytes>()
}

/// Refuses what is deeper than containers may be.
///
/// # Errors
/// `TypeError`, since going on could take all of the stack.
pub(crate) fn check_depth(depth: usize) -> PyResult<()> {
    if depth <= MAX_DEPTH {
        return Ok(());
    }
    Err(PyTypeError::new_err(format!(
        "a value holds containers more than {MAX_DEPTH} deep, or one that contains itself; it cannot be stored"
    )))
}

pub(crate) fn at_depth(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Tagged> {
    check_depth(depth)?;
    if object.is_none() {
        return Ok(Tagged::None);
    }
    if let Ok(value) = object.cast_exact::<PyBool>() {
        return Ok(Tagged::Bool(value.is_true()));
    }
    if object.is_exact_instance_of::<PyInt>() {
        return integer(object);
    }
    if let Ok(value) = object.cast_exact::<PyFloat>() {
        return Ok(Tagged::Float(value.value()));
    }
    if let Ok(value) = object.cast_exact::<PyString>() {
        return string(value);
    }
    if let Ok(value) = object.cast_exact::<PyBytes>() {
        return Ok(Tagged::Bytes(value.as_bytes().to_vec()));
    }
    if let Ok(value) = object.cast_exact::<PyByteArray>() {
        return Ok(Tagged::ByteArray(value.to_vec()));
    }
    let all = |items: Bound<'_, PyAny>| -> PyResult<Vec<Tagged>> {
        items.try_iter()?.map(|item| at_depth(&item?, depth + 1)).collect()
    };
    if object.is_exact_instance_of::<PyTuple>() {
        return Ok(Tagged::Tuple(all(object.clone())?));
    }
    if object.is_exact_instance_of::<PyList>() {
        return Ok(Tagged::List(all(object.clone())?));
    }
    if object.is_exact_instance_of::<PySet>() {
        return Ok(Tagged::Set(all(object.clone())?));
    }
    if object.is_exact_instance_of::<PyFrozenSet>() {
        return Ok(Tagged::FrozenSet(all(object.clone())?));
    }
    if let Ok(dict) = object.cast_exact::<PyDict>() {
        let pair = |(key, value)| Ok((at_depth(&key, depth + 1)?, at_depth(&value, depth + 1)?));
        return dict.iter().map(pair).collect::<PyResult<_>>().map(Tagged::Dict);
    }
    let (name, parts): (String, Bound<'_, PyAny>) = take_apart(object.py())?.call1((object,))?.extract()?;
    Ok(Tagged::Other(name, Box::new(at_depth(&parts, depth + 1)?)))
}

fn integer(object: &Bound<'_, PyAny>) -> PyResult<Tagged> {
    match object.extract::<i64>() {
        Ok(value) => Ok(Tagged::Int(value)),
        Err(_) => Ok(Tagged::BigInt(object.call_method1("__format__", ("x",))?.extract()?)),
    }
}

fn string(value: &Bound<'_, PyString>) -> PyResult<Tagged> {
    match value.extract::<String>() {
        Ok(text) => Ok(Tagged::Str(text)),
        Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(value.py()) => {
            let bytes = value.call_method1("encode", ("utf-8", "surrogatepass"))?;
            Ok(Tagged::Surrogates(bytes.extract()?))
        }
        Err(error) => Err(error),
    }
}

fn take_apart(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FUNCTION.import(py, "riverrun.datastream.serializers", "_take_apart")
}
