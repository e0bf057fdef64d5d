//! The records of a Python program: [`PyValue`].

use pyo3::prelude::*;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::codec;

/// A Python object as a record.
///
/// It moves between tasks as it is, and is encoded by the tagged codec where it is stored. Copies are the same object.
pub(crate) struct PyValue(Py<PyAny>);

impl PyValue {
    pub(crate) fn new(object: Bound<'_, PyAny>) -> Self {
        Self(object.unbind())
    }

    pub(crate) fn bind<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.0.bind(py)
    }

    pub(crate) fn into_bound(self, py: Python<'_>) -> Bound<'_, PyAny> {
        self.0.into_bound(py)
    }

    /// Another reference, where the interpreter is at hand.
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        Self(self.0.clone_ref(py))
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.is(&other.0)
    }
}

impl Clone for PyValue {
    /// Takes the interpreter, unless the thread has it already: operators hold it for a whole batch.
    fn clone(&self) -> Self {
        Python::attach(|py| self.clone_ref(py))
    }
}

impl Serialize for PyValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tagged = Python::attach(|py| codec::encode(self.bind(py)).map_err(S::Error::custom))?;
        tagged.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tagged = codec::Tagged::deserialize(deserializer)?;
        Python::attach(|py| codec::decode(py, &tagged).map(Self::new).map_err(D::Error::custom))
    }
}
