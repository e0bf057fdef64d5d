//! How Python objects are stored, without pickle: each with a tag that says what it is.
//!
//! Built-in types are encoded here. Everything else (dates, `Decimal`, `Row`, dataclasses, NumPy, what the user has registered)
//! is taken apart into built-in types, and put together again, by `riverrun.datastream.serializers`.

mod decode;
mod encode;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::{Deserialize, Serialize};

pub(crate) use decode::decode;
pub(crate) use encode::{at_depth, cannot_change, check, check_depth, encode};

/// A Python object in its stored form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Tagged {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits, in hexadecimal digits.
    BigInt(String),
    Float(f64),
    Str(String),
    /// A string with surrogates, which UTF-8 has no form for: its bytes by Python's `surrogatepass`.
    Surrogates(#[serde(with = "bytes")] Vec<u8>),
    Bytes(#[serde(with = "bytes")] Vec<u8>),
    ByteArray(#[serde(with = "bytes")] Vec<u8>),
    List(Vec<Tagged>),
    Tuple(Vec<Tagged>),
    Set(Vec<Tagged>),
    FrozenSet(Vec<Tagged>),
    Dict(Vec<(Tagged, Tagged)>),
    /// What `serializers` took apart, under the name of what it is.
    Other(String, Box<Tagged>),
}

/// Bytes as MessagePack's byte strings, not as lists of numbers.
mod bytes {
    use riverrun::stream::operator::StateBytes;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        StateBytes::deserialize(deserializer).map(|bytes| bytes.0)
    }
}

/// The stored form of an object, as bytes.
#[pyfunction]
pub(crate) fn dumps<'py>(py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = rmp_serde::to_vec_named(&encode(value)?).map_err(super::errors::internal)?;
    Ok(PyBytes::new(py, &bytes))
}

/// The object of a stored form.
#[pyfunction]
pub(crate) fn loads<'py>(py: Python<'py>, stored: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let tagged = rmp_serde::from_slice(stored)
        .map_err(|error| PyValueError::new_err(format!("the bytes are not a stored value: {error}")))?;
    decode(py, &tagged)
}

/// Says whether an object can be stored.
#[pyfunction]
pub(crate) fn check_storable(value: &Bound<'_, PyAny>) -> PyResult<()> {
    check(value)
}
