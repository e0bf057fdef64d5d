//! Keys from Python: [`PyKey`].

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString, PyTuple};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeTuple};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::codec::{self, Tagged};

/// What a key is to the engine: compared, hashed and encoded as the same key of a Rust program is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum KeyValue {
    None,
    Bool(bool),
    Int(i64),
    /// From 2⁶³ up to 2⁶⁴.
    UInt(u64),
    /// A float, by its bits: zero has one sign, and a NaN is equal to itself.
    Float(u64),
    Str(Arc<str>),
    Bytes(Arc<[u8]>),
    Tuple(Vec<KeyValue>),
    /// Anything else, by its stored form, which is the same for equal objects.
    Other(Arc<[u8]>),
}

/// The name under which the stored form of other keys stands.
const OTHER: &str = "python";

/// A key, and the object that it came from.
pub(crate) struct PyKey {
    pub(crate) value: KeyValue,
    object: Py<PyAny>,
}

impl PyKey {
    /// The key that an object is.
    ///
    /// # Errors
    /// `TypeError` where the object has no stored form, or is too deep for one.
    pub(crate) fn of(object: Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { value: key_value(&object, 0)?, object: object.unbind() })
    }

    pub(crate) fn bind<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.object.bind(py)
    }
}

fn key_value(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<KeyValue> {
    codec::check_depth(depth)?;
    if let Ok(text) = object.cast::<PyString>() {
        if let Ok(text) = text.extract::<String>() {
            return Ok(KeyValue::Str(text.into()));
        }
    } else if let Ok(value) = object.cast_exact::<PyBool>() {
        return Ok(KeyValue::Bool(value.is_true()));
    } else if object.is_instance_of::<PyInt>() {
        if let Ok(value) = object.extract::<i64>() {
            return Ok(KeyValue::Int(value));
        }
        if let Ok(value) = object.extract::<u64>() {
            return Ok(KeyValue::UInt(value));
        }
    } else if object.is_none() {
        return Ok(KeyValue::None);
    } else if let Ok(items) = object.cast_exact::<PyTuple>() {
        return items.iter().map(|item| key_value(&item, depth + 1)).collect::<PyResult<_>>().map(KeyValue::Tuple);
    } else if let Ok(value) = object.cast::<PyFloat>() {
        return Ok(KeyValue::Float(canonical(value.value()).to_bits()));
    } else if let Ok(bytes) = object.cast_exact::<PyBytes>() {
        return Ok(KeyValue::Bytes(bytes.as_bytes().into()));
    }
    let mut stored = codec::at_depth(object, depth)?;
    let bytes = in_one_form(&mut stored).and_then(|()| rmp_serde::to_vec(&stored)).map_err(super::errors::internal)?;
    Ok(KeyValue::Other(bytes.into()))
}

/// The float that stands for all that are equal to it, and a NaN for all others.
fn canonical(value: f64) -> f64 {
    if value == 0.0 {
        0.0
    } else if value.is_nan() {
        f64::NAN
    } else {
        value
    }
}

/// Has what is equal in Python be the same bytes: the elements of sets and the entries of dictionaries come in the order of their
/// bytes, since that of Python is how they were put in.
fn in_one_form(stored: &mut Tagged) -> Result<(), rmp_serde::encode::Error> {
    match stored {
        Tagged::Float(value) => *value = canonical(*value),
        Tagged::List(items) | Tagged::Tuple(items) => items.iter_mut().try_for_each(in_one_form)?,
        Tagged::Set(items) | Tagged::FrozenSet(items) => {
            items.iter_mut().try_for_each(in_one_form)?;
            sort(items)?;
        }
        Tagged::Dict(pairs) => {
            for (key, value) in &mut *pairs {
                in_one_form(key)?;
                in_one_form(value)?;
            }
            sort(pairs)?;
        }
        Tagged::Other(_, parts) => in_one_form(parts)?,
        Tagged::None
        | Tagged::Bool(_)
        | Tagged::Int(_)
        | Tagged::BigInt(_)
        | Tagged::Str(_)
        | Tagged::Surrogates(_)
        | Tagged::Bytes(_)
        | Tagged::ByteArray(_) => {}
    }
    Ok(())
}

fn sort<T: Serialize>(items: &mut Vec<T>) -> Result<(), rmp_serde::encode::Error> {
    let with_bytes = std::mem::take(items).into_iter().map(|item| Ok((rmp_serde::to_vec(&item)?, item)));
    let mut with_bytes = with_bytes.collect::<Result<Vec<_>, rmp_serde::encode::Error>>()?;
    with_bytes.sort_by(|(one, _), (other, _)| one.cmp(other));
    items.extend(with_bytes.into_iter().map(|(_, item)| item));
    Ok(())
}

fn object_of<'py>(py: Python<'py>, value: &KeyValue) -> PyResult<Bound<'py, PyAny>> {
    codec::decode(py, &tagged(value).map_err(super::errors::internal)?)
}

fn tagged(value: &KeyValue) -> Result<Tagged, rmp_serde::decode::Error> {
    Ok(match value {
        KeyValue::None => Tagged::None,
        KeyValue::Bool(value) => Tagged::Bool(*value),
        KeyValue::Int(value) => Tagged::Int(*value),
        KeyValue::UInt(value) => Tagged::BigInt(format!("{value:x}")),
        KeyValue::Float(bits) => Tagged::Float(f64::from_bits(*bits)),
        KeyValue::Str(text) => Tagged::Str(text.to_string()),
        KeyValue::Bytes(bytes) => Tagged::Bytes(bytes.to_vec()),
        KeyValue::Tuple(items) => Tagged::Tuple(items.iter().map(tagged).collect::<Result<_, _>>()?),
        KeyValue::Other(bytes) => rmp_serde::from_slice(bytes)?,
    })
}

impl Clone for PyKey {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), object: Python::attach(|py| self.object.clone_ref(py)) }
    }
}

impl PartialEq for PyKey {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for PyKey {}

impl Hash for PyKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl Serialize for PyKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PyKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = KeyValue::deserialize(deserializer)?;
        let object = Python::attach(|py| object_of(py, &value).map(Bound::unbind)).map_err(D::Error::custom)?;
        Ok(Self { value, object })
    }
}

impl Serialize for KeyValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::UInt(value) => serializer.serialize_u64(*value),
            Self::Float(bits) => serializer.serialize_f64(f64::from_bits(*bits)),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::Tuple(items) => {
                let mut tuple = serializer.serialize_tuple(items.len())?;
                items.iter().try_for_each(|item| tuple.serialize_element(item))?;
                tuple.end()
            }
            Self::Other(bytes) => {
                let bytes = riverrun::stream::operator::StateBytes(bytes.to_vec());
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(OTHER, &bytes)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for KeyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = KeyValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_unit<E>(self) -> Result<KeyValue, E> {
                Ok(KeyValue::None)
            }

            fn visit_bool<E>(self, value: bool) -> Result<KeyValue, E> {
                Ok(KeyValue::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<KeyValue, E> {
                Ok(KeyValue::Int(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<KeyValue, E> {
                Ok(i64::try_from(value).map_or(KeyValue::UInt(value), KeyValue::Int))
            }

            fn visit_f64<E>(self, value: f64) -> Result<KeyValue, E> {
                Ok(KeyValue::Float(value.to_bits()))
            }

            fn visit_str<E>(self, text: &str) -> Result<KeyValue, E> {
                Ok(KeyValue::Str(text.into()))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<KeyValue, E> {
                Ok(KeyValue::Bytes(bytes.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<KeyValue, A::Error> {
                let mut tuple = Vec::new();
                while let Some(item) = items.next_element()? {
                    tuple.push(item);
                }
                Ok(KeyValue::Tuple(tuple))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<KeyValue, A::Error> {
                match entries.next_entry::<String, riverrun::stream::operator::StateBytes>()? {
                    Some((name, bytes)) if name == OTHER => Ok(KeyValue::Other(bytes.0.into())),
                    _ => Err(A::Error::custom("a key of a form that this version does not know")),
                }
            }
        }
        deserializer.deserialize_any(Keys)
    }
}

/// The form of a key in state: equal where the engine takes two keys for one.
///
/// # Errors
/// `TypeError` where the object has no stored form.
#[pyfunction]
pub(crate) fn key_form<'py>(key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = rmp_serde::to_vec(&key_value(key, 0)?).map_err(super::errors::internal)?;
    Ok(PyBytes::new(key.py(), &bytes))
}

/// The key group of a key: where `key_by` sends it, on every host and in every language.
#[pyfunction]
#[pyo3(signature = (key, max_parallelism = 128))]
pub(crate) fn key_group(key: Bound<'_, PyAny>, max_parallelism: usize) -> PyResult<usize> {
    let max = riverrun::stream::key_group::UPPER_BOUND_MAX_PARALLELISM;
    if !(1..=max).contains(&max_parallelism) {
        let message = format!("max_parallelism is {max_parallelism}, and has to be from 1 to {max}");
        return Err(pyo3::exceptions::PyValueError::new_err(message));
    }
    let key = key_value(&key, 0)?;
    riverrun::stream::key_group::key_group(&key, max_parallelism).map_err(super::errors::internal)
}
