//! Tensors by their names.

use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::array::{Array, Element};

/// The tensors that a model takes or gives for one item, by their names.
///
/// One without a name is that of a model with one input.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tensors(Vec<(Arc<str>, Array)>);

impl Tensors {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, name: impl Into<Arc<str>>, array: impl Into<Array>) -> Self {
        self.0.push((name.into(), array.into()));
        self
    }

    /// The tensor of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Array> {
        self.0.iter().find(|tensor| &*tensor.0 == name).map(|tensor| &tensor.1)
    }

    /// The elements of the tensor of this name, if it is there and they are of this type.
    #[must_use]
    pub fn elements<T: Element>(&self, name: &str) -> Option<&[T]> {
        self.get(name)?.elements()
    }

    /// The first, whatever it is called.
    #[must_use]
    pub fn first(&self) -> Option<&Array> {
        self.0.first().map(|tensor| &tensor.1)
    }

    /// Names and tensors.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Array)> {
        self.0.iter().map(|(name, array)| (&**name, array))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Array)> {
        self.0.iter_mut().map(|(name, array)| (&**name, array))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn push(&mut self, name: Arc<str>, array: Array) {
        self.0.push((name, array));
    }

    pub(crate) fn into_vec(self) -> Vec<(Arc<str>, Array)> {
        self.0
    }
}

impl From<Array> for Tensors {
    fn from(array: Array) -> Self {
        Self(vec![("".into(), array)])
    }
}

impl<T: Element> From<Vec<T>> for Tensors {
    fn from(data: Vec<T>) -> Self {
        Array::from(data).into()
    }
}

/// An object with one entry per tensor.
impl Serialize for Tensors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, array) in &self.0 {
            map.serialize_entry(&**name, array)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Tensors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Tensors;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tensors by their names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tensors, A::Error> {
                let mut tensors = Tensors::new();
                while let Some((name, array)) = map.next_entry::<String, Array>()? {
                    tensors.push(name.into(), array);
                }
                Ok(tensors)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}
