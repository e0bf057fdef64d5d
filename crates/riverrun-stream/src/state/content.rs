//! What a state holds for one key: a value, a list or a map, each entry with the time of its last use.

use std::hash::Hash;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::data::Data;
use crate::element::Timestamp;

/// A value and when it was last used; the time is kept where the state has a time to live, and 0 otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stamped<V> {
    pub(super) value: V,
    #[serde(default)]
    pub(super) at: Timestamp,
}

/// What one key has of one state.
pub(super) trait StateContent: Data {
    /// The kind of state, as a snapshot names it.
    const KIND: &'static str;

    /// Drops what is expired; true where nothing is left.
    fn prune(&mut self, expired: &dyn Fn(Timestamp) -> bool) -> bool;
}

impl<V: Data> StateContent for Stamped<V> {
    const KIND: &'static str = "value";

    fn prune(&mut self, expired: &dyn Fn(Timestamp) -> bool) -> bool {
        expired(self.at)
    }
}

/// The elements of a list state.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ListContent<V>(pub(super) Vec<Stamped<V>>);

impl<V: Data> StateContent for ListContent<V> {
    const KIND: &'static str = "list";

    fn prune(&mut self, expired: &dyn Fn(Timestamp) -> bool) -> bool {
        self.0.retain(|element| !expired(element.at));
        self.0.is_empty()
    }
}

/// The entries of a map state, in the order in which they were made.
#[derive(Clone)]
pub(super) struct MapContent<K, V>(pub(super) IndexMap<K, Stamped<V>>);

/// A list of pairs: the keys of a map state may be anything, those of a MessagePack map should be strings.
impl<K: Serialize, V: Serialize> Serialize for MapContent<K, V> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl<'de, K: Deserialize<'de> + Hash + Eq, V: Deserialize<'de>> Deserialize<'de> for MapContent<K, V> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Vec::<(K, Stamped<V>)>::deserialize(deserializer)?.into_iter().collect()))
    }
}

impl<K: Data + Hash + Eq, V: Data> StateContent for MapContent<K, V> {
    const KIND: &'static str = "map";

    fn prune(&mut self, expired: &dyn Fn(Timestamp) -> bool) -> bool {
        self.0.retain(|_, entry| !expired(entry.at));
        self.0.is_empty()
    }
}
