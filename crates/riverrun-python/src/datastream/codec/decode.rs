//! From their stored form to Python objects.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyFrozenSet, PyInt, PyList, PySet, PyTuple};

use super::Tagged;

/// The object that has this stored form.
///
/// # Errors
/// It is of a type that is not registered here, or whose parts are not those that it has now.
pub(crate) fn decode<'py>(py: Python<'py>, tagged: &Tagged) -> PyResult<Bound<'py, PyAny>> {
    let all = |items: &[Tagged]| items.iter().map(|item| decode(py, item)).collect::<PyResult<Vec<_>>>();
    match tagged {
        Tagged::None => Ok(py.None().into_bound(py)),
        Tagged::Bool(value) => value.into_bound_py_any(py),
        Tagged::Int(value) => value.into_bound_py_any(py),
        Tagged::BigInt(digits) => py.get_type::<PyInt>().call1((digits, 16)),
        Tagged::Float(value) => value.into_bound_py_any(py),
        Tagged::Str(text) => text.into_bound_py_any(py),
        Tagged::Surrogates(bytes) => PyBytes::new(py, bytes).call_method1("decode", ("utf-8", "surrogatepass")),
        Tagged::Bytes(bytes) => Ok(PyBytes::new(py, bytes).into_any()),
        Tagged::ByteArray(bytes) => Ok(PyByteArray::new(py, bytes).into_any()),
        Tagged::List(items) => Ok(PyList::new(py, all(items)?)?.into_any()),
        Tagged::Tuple(items) => Ok(PyTuple::new(py, all(items)?)?.into_any()),
        Tagged::Set(items) => Ok(PySet::new(py, all(items)?)?.into_any()),
        Tagged::FrozenSet(items) => Ok(PyFrozenSet::new(py, all(items)?)?.into_any()),
        Tagged::Dict(pairs) => {
            let dict = PyDict::new(py);
            for (key, value) in pairs {
                dict.set_item(decode(py, key)?, decode(py, value)?)?;
            }
            Ok(dict.into_any())
        }
        Tagged::Other(name, parts) => put_together(py)?.call1((name, decode(py, parts)?)),
    }
}

fn put_together(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FUNCTION.import(py, "riverrun.datastream.serializers", "_put_together")
}
