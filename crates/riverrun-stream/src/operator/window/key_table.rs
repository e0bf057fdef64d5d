//! What a windowing operator keeps of each key.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::functions::Key;

/// An entry per key, found by one look-up or by its slot, which stays the same while the key is there.
pub(super) struct KeyTable<K, E> {
    index: HashTable<usize>,
    slots: Vec<Option<(K, E)>>,
    free: Vec<usize>,
    hasher: DefaultHashBuilder,
}

impl<K, E> Default for KeyTable<K, E> {
    fn default() -> Self {
        Self { index: HashTable::new(), slots: Vec::new(), free: Vec::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl<K: Key, E: Default> KeyTable<K, E> {
    /// The slot of a key, which has an entry from now on.
    #[inline]
    pub(super) fn slot_of(&mut self, key: K) -> usize {
        let hash = self.hasher.hash_one(&key);
        let slots = &self.slots;
        let is_key = |&slot: &usize| slots.get(slot).and_then(Option::as_ref).is_some_and(|entry| entry.0 == key);
        match self.index.find(hash, is_key) {
            Some(&slot) => slot,
            None => self.insert(hash, key),
        }
    }

    fn insert(&mut self, hash: u64, key: K) -> usize {
        let slot = self.free.pop().unwrap_or(self.slots.len());
        let (slots, hasher) = (&self.slots, &self.hasher);
        let rehash =
            |&slot: &usize| slots.get(slot).and_then(Option::as_ref).map_or(0, |(key, _)| hasher.hash_one(key));
        self.index.insert_unique(hash, slot, rehash);
        let entry = Some((key, E::default()));
        match self.slots.get_mut(slot) {
            Some(place) => *place = entry,
            None => self.slots.push(entry),
        }
        slot
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: usize) -> Option<(&K, &mut E)> {
        self.slots.get_mut(slot)?.as_mut().map(|(key, entry)| (&*key, entry))
    }

    pub(super) fn remove(&mut self, slot: usize) {
        if let Some((key, _)) = self.slots.get_mut(slot).and_then(Option::take) {
            let hash = self.hasher.hash_one(&key);
            if let Ok(entry) = self.index.find_entry(hash, |&other| other == slot) {
                entry.remove();
            }
            self.free.push(slot);
        }
    }

    /// All entries, with their slots.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &K, &E)> {
        self.slots.iter().enumerate().filter_map(|(slot, entry)| entry.as_ref().map(|(key, entry)| (slot, key, entry)))
    }
}
