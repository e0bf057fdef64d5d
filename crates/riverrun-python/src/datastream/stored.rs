//! A value in keyed state: [`Stored`].

use std::sync::Arc;

use pyo3::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::codec::{self, Tagged};
use super::conversion::Conversion;
use super::value::PyValue;

/// A value that was put into state, and is what it was then until another is put there.
///
/// What cannot change is the object itself. Anything else is in its stored form, so that the program may go on with the object that
/// it put in, or with the one that it was given, and change it: each is a copy.
#[derive(Clone)]
pub(crate) enum Stored {
    Object(PyValue),
    Form(Arc<Tagged>),
}

impl Stored {
    /// An object as it goes into state: of a type that can be stored, and of the declared one.
    ///
    /// # Errors
    /// `TypeError` for an object of another type.
    pub(crate) fn of(object: Bound<'_, PyAny>, declared: Option<&Conversion>) -> PyResult<Self> {
        let form = if codec::cannot_change(&object) { None } else { Some(codec::encode(&object)?) };
        if let Some(declared) = declared {
            // Checked, not converted: a state gives back what was put into it.
            declared.apply(object.clone())?;
        }
        Ok(form.map_or_else(|| Self::Object(PyValue::new(object)), |form| Self::Form(Arc::new(form))))
    }

    /// All of several.
    ///
    /// # Errors
    /// As of [`of`](Self::of).
    pub(crate) fn all(objects: &Bound<'_, PyAny>, declared: Option<&Conversion>) -> PyResult<Vec<Self>> {
        objects.try_iter()?.map(|object| Self::of(object?, declared)).collect()
    }

    /// The value as an object that is the program's own.
    ///
    /// # Errors
    /// What puts objects of its type together fails.
    pub(crate) fn to_object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Object(object) => Ok(object.bind(py).clone()),
            Self::Form(form) => codec::decode(py, form),
        }
    }
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Object(one), Self::Object(other)) => one.is(other),
            (Self::Form(one), Self::Form(other)) => one == other,
            _ => false,
        }
    }
}

impl Serialize for Stored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Object(object) => object.serialize(serializer),
            Self::Form(form) => form.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tagged::deserialize(deserializer).map(|form| Self::Form(Arc::new(form)))
    }
}
