//! Which key has which slot, and the whole keyed state of a subtask.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use serde::{Deserialize, Serialize};

use crate::element::Timestamp;
use crate::error::{FunctionError, Result};
use crate::functions::Key;
use crate::operator::StateBytes;
use crate::state::keyed_snapshot::{FrozenPart, KeyedSnapshot};
use crate::state::tables::{StateRegistrar, StateTables};

/// Where the keyed state of an operator's subtask is kept. Operators are generic over it, so that no record pays for a
/// dynamic call; [`HeapBackend`] keeps all of it in memory.
pub trait KeyedStateBackend<K>: Default + Send {
    /// Takes over the states that a function has asked for, with what a snapshot holds of them.
    ///
    /// # Errors
    /// The snapshot holds a state of one of these names and of another kind or type.
    fn register(&mut self, states: &StateRegistrar, restored: &mut KeyedSnapshot) -> Result;

    /// Makes this key the current one, at this processing time.
    fn set_current_key(&mut self, key: &K, now: Timestamp);

    /// The states, seen from the current key.
    fn states(&mut self) -> &mut StateTables;

    /// Makes every key that has state the current one, in turn.
    ///
    /// # Errors
    /// `visit` fails.
    fn for_each_key(&mut self, now: Timestamp, visit: &mut dyn FnMut(&K, &mut StateTables) -> Result) -> Result;

    /// How many keys have state.
    fn len(&self) -> usize;

    /// Whether no key has state.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The state as it is now, to be written later.
    fn freeze(&self) -> FrozenPart;
}

/// Keyed state in memory: each key has a slot, and each state a value per slot, so that a record costs one look-up however
/// many states there are.
pub struct HeapBackend<K> {
    /// The slots, to be found by key.
    index: HashTable<usize>,
    keys: Vec<Option<K>>,
    free: Vec<usize>,
    tables: StateTables,
    hasher: DefaultHashBuilder,
}

impl<K> Default for HeapBackend<K> {
    fn default() -> Self {
        Self {
            index: HashTable::new(),
            keys: Vec::new(),
            free: Vec::new(),
            tables: StateTables { current: usize::MAX, ..StateTables::default() },
            hasher: DefaultHashBuilder::default(),
        }
    }
}

/// What one key has of one state.
#[derive(Clone, Serialize, Deserialize)]
struct StateEntry<K> {
    kind: String,
    key: K,
    value: StateBytes,
}

fn part(state: &str) -> String {
    format!("state {state}")
}

impl<K: Key> HeapBackend<K> {
    fn slot_of(&mut self, key: &K) -> usize {
        let hash = self.hasher.hash_one(key);
        let (keys, hasher) = (&self.keys, &self.hasher);
        let is_key = |&slot: &usize| keys[slot].as_ref() == Some(key);
        if let Some(&slot) = self.index.find(hash, is_key) {
            return slot;
        }
        let slot = self.free.pop().unwrap_or(self.keys.len());
        let rehash = |&slot: &usize| keys[slot].as_ref().map_or(0, |key| hasher.hash_one(key));
        self.index.insert_unique(hash, slot, rehash);
        if slot == self.keys.len() {
            self.keys.push(Some(key.clone()));
            // In steps, so that a new key rarely touches every table.
            if self.tables.used.len() < self.keys.len() {
                self.tables.resize((2 * self.keys.len()).max(64));
            }
        } else {
            self.keys[slot] = Some(key.clone());
        }
        slot
    }

    /// Leaves the current key. It is forgotten if it has no state, and so are those whose last state has expired.
    fn release(&mut self) {
        let current = std::mem::replace(&mut self.tables.current, usize::MAX);
        self.forget(current);
        while let Some(slot) = self.tables.emptied.pop() {
            self.forget(slot);
        }
    }

    fn forget(&mut self, slot: usize) {
        if self.tables.used.get(slot) == Some(&0)
            && let Some(key) = self.keys.get_mut(slot).and_then(Option::take)
        {
            let hash = self.hasher.hash_one(&key);
            if let Ok(entry) = self.index.find_entry(hash, |&other| other == slot) {
                entry.remove();
            }
            self.free.push(slot);
        }
    }
}

impl<K: Key> KeyedStateBackend<K> for HeapBackend<K> {
    fn register(&mut self, states: &StateRegistrar, restored: &mut KeyedSnapshot) -> Result {
        for mut state in states.take() {
            let entries: Vec<StateEntry<K>> = restored.take(&part(&state.name))?;
            state.table.resize(self.tables.used.len());
            self.tables.states.push(state);
            let index = self.tables.states.len() - 1;
            for StateEntry { kind, key, value } in entries {
                let slot = self.slot_of(&key);
                let state = &mut self.tables.states[index];
                if kind != state.table.kind() {
                    return Err(FunctionError::new(format!(
                        "the snapshot holds the state `{}` as a {kind} state, and it was asked for as a {} state; give the new one another name",
                        state.name,
                        state.table.kind()
                    )));
                }
                let name = state.name.clone();
                let decoded = state.table.decode(slot, &value.0);
                decoded.map_err(|error| FunctionError::from(error).context(format!("the state `{name}`")))?;
                self.tables.used[slot] += 1;
            }
        }
        Ok(())
    }

    #[inline]
    fn set_current_key(&mut self, key: &K, now: Timestamp) {
        self.tables.now = now;
        let current = self.tables.current;
        if self.keys.get(current).and_then(Option::as_ref) == Some(key) {
            return;
        }
        self.release();
        self.tables.current = self.slot_of(key);
    }

    fn states(&mut self) -> &mut StateTables {
        &mut self.tables
    }

    fn for_each_key(&mut self, now: Timestamp, visit: &mut dyn FnMut(&K, &mut StateTables) -> Result) -> Result {
        self.release();
        self.tables.now = now;
        for slot in 0..self.keys.len() {
            if let Some(key) = self.keys[slot].clone() {
                self.tables.current = slot;
                visit(&key, &mut self.tables)?;
                self.release();
            }
        }
        Ok(())
    }

    fn len(&self) -> usize {
        self.tables.used.iter().filter(|&&used| used > 0).count()
    }

    fn freeze(&self) -> FrozenPart {
        let keys = self.keys.clone();
        let now = self.tables.now;
        let tables: Vec<_> =
            self.tables.states.iter().map(|state| (state.name.clone(), state.table.duplicate())).collect();
        Box::new(move |snapshot| {
            for (name, table) in tables {
                let mut entries = Vec::new();
                for (slot, key) in keys.iter().enumerate() {
                    let Some(key) = key else { continue };
                    let value = table
                        .encode(slot, now)
                        .map_err(|error| FunctionError::from(error).context(format!("the state `{name}`")))?;
                    if let Some(value) = value {
                        let kind = table.kind().into();
                        entries.push(StateEntry { kind, key: key.clone(), value: StateBytes(value) });
                    }
                }
                snapshot.add(&part(&name), entries, |entry| &entry.key)?;
            }
            Ok(())
        })
    }
}
