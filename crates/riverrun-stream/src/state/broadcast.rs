//! State that is the same on all subtasks, since each gets the same records to make it of: [`BroadcastState`].

use std::any::{Any, type_name};
use std::hash::Hash;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::data::Data;
use crate::error::{Error, FunctionError, Result};
use crate::operator::{RestoredState, SnapshotWriter, decode_state, encode_state};
use crate::state::descriptor::MapStateDescriptor;

/// A map that every subtask holds, iterated in the order in which its entries were made (a removal moves the last one into the
/// gap). The function that gets the broadcast records changes it, the other one reads it. Same as Flink's `BroadcastState`.
#[derive(Debug, Clone)]
pub struct BroadcastState<K, V>(IndexMap<K, V>);

impl<K: Data + Hash + Eq, V: Data> BroadcastState<K, V> {
    /// The value of an entry.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    /// Whether there is an entry of this key.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// The entries.
    pub fn entries(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter()
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets an entry.
    pub fn put(&mut self, key: K, value: V) {
        self.0.insert(key, value);
    }

    /// The value of an entry to be changed in place.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    /// Removes an entry.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.0.swap_remove(key)
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// A broadcast state whose types are known to those who use it alone.
trait AnyBroadcastState: Any + Send {
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
    fn types(&self) -> &'static str;
    fn duplicate(&self) -> Box<dyn AnyBroadcastState>;
    fn encode(&self, name: &str) -> Result<Vec<u8>, Error>;
    fn decode(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error>;
}

impl<K: Data + Hash + Eq, V: Data> AnyBroadcastState for BroadcastState<K, V> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn types(&self) -> &'static str {
        type_name::<(K, V)>()
    }

    fn duplicate(&self) -> Box<dyn AnyBroadcastState> {
        Box::new(self.clone())
    }

    fn encode(&self, name: &str) -> Result<Vec<u8>, Error> {
        // A list of pairs: the keys may be anything, those of a MessagePack map should be strings.
        let entries: Vec<(K, V)> = self.0.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        encode_state(name, &entries)
    }

    fn decode(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.0 = decode_state::<Vec<(K, V)>>(name, bytes)?.into_iter().collect();
        Ok(())
    }
}

/// A [`MapStateDescriptor`] as an operator with broadcast state takes it, whatever its types.
#[derive(Clone)]
pub struct BroadcastStateDescriptor {
    pub(crate) name: String,
    pub(crate) has_ttl: bool,
    make: Arc<dyn Fn() -> Box<dyn AnyBroadcastState> + Send + Sync>,
}

impl BroadcastStateDescriptor {
    /// The state that this descriptor describes.
    #[must_use]
    pub fn of<K: Data + Hash + Eq, V: Data>(descriptor: &MapStateDescriptor<K, V>) -> Self {
        Self {
            name: descriptor.name.clone(),
            has_ttl: descriptor.ttl.is_some(),
            make: Arc::new(|| Box::new(BroadcastState::<K, V>(IndexMap::new()))),
        }
    }
}

/// The broadcast states of one subtask, by name. There are few, so they are searched one by one.
pub(crate) struct BroadcastStates(Vec<(String, Box<dyn AnyBroadcastState>)>);

/// Apart from what operators store for themselves.
fn entry_name(state: &str) -> String {
    format!("broadcast state {state}")
}

impl BroadcastStates {
    pub(crate) fn new(descriptors: &[BroadcastStateDescriptor]) -> Self {
        Self(descriptors.iter().map(|descriptor| (descriptor.name.clone(), (descriptor.make)())).collect())
    }

    fn position(&self, name: &str) -> Result<usize> {
        self.0.iter().position(|(other, _)| other == name).ok_or_else(|| {
            FunctionError::new(format!(
                "the broadcast stream has no state `{name}`; give its descriptor to `broadcast_state` or `with_state`"
            ))
        })
    }

    pub(crate) fn get<K: Data + Hash + Eq, V: Data>(
        &self, descriptor: &MapStateDescriptor<K, V>,
    ) -> Result<&BroadcastState<K, V>> {
        let (name, state) = &self.0[self.position(&descriptor.name)?];
        state.as_any().downcast_ref().ok_or_else(|| other_types::<K, V>(name, state.types()))
    }

    pub(crate) fn get_mut<K: Data + Hash + Eq, V: Data>(
        &mut self, descriptor: &MapStateDescriptor<K, V>,
    ) -> Result<&mut BroadcastState<K, V>> {
        let position = self.position(&descriptor.name)?;
        let (name, state) = &mut self.0[position];
        let types = state.types();
        state.as_any_mut().downcast_mut().ok_or_else(|| other_types::<K, V>(name, types))
    }

    /// Takes back what [`freeze`](Self::freeze) wrote.
    pub(crate) fn restore(&mut self, state: &mut RestoredState) -> Result {
        for (name, broadcast) in &mut self.0 {
            for entry in state.union.remove(&entry_name(name)).unwrap_or_default() {
                broadcast.decode(name, &entry)?;
            }
        }
        Ok(())
    }

    /// The states as they are now, to be written later: by one subtask, for all.
    pub(crate) fn freeze(&self) -> impl FnOnce(&mut dyn SnapshotWriter) -> Result + Send + use<> {
        let states: Vec<_> = self.0.iter().map(|(name, state)| (name.clone(), state.duplicate())).collect();
        move |writer: &mut dyn SnapshotWriter| {
            states.iter().try_for_each(|(name, state)| writer.union_entry(&entry_name(name), state.encode(name)?))
        }
    }
}

fn other_types<K, V>(name: &str, types: &str) -> FunctionError {
    FunctionError::new(format!(
        "the broadcast state `{name}` holds {types} and was asked for with {}; use the descriptor that was given to `broadcast_state`",
        type_name::<(K, V)>()
    ))
}
