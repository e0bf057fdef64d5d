//! The persisted form of a subtask's keyed state: named parts of each key group.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::context::RuntimeContext;
use crate::error::{Error, Result};
use crate::functions::Key;
use crate::key_group::KeyGroups;
use crate::operator::{SnapshotWriter, StateBytes, decode_state, encode_state};

const FORMAT_VERSION: u16 = 1;

/// One key group: a format version, and each part in its own self-describing form.
#[derive(Serialize, Deserialize)]
struct KeyGroupForm {
    version: u16,
    parts: BTreeMap<String, StateBytes>,
}

/// Something that adds its part of the keyed state, as it was when it was frozen.
pub type FrozenPart = Box<dyn FnOnce(&mut KeyedSnapshot) -> Result + Send>;

/// The keyed state of one subtask on its way to or from a snapshot: the components of an operator (its timers, its windows,
/// the user's states) each add and take parts, by name.
#[derive(Clone)]
pub struct KeyedSnapshot {
    max_parallelism: usize,
    range: Range<usize>,
    groups: BTreeMap<usize, BTreeMap<String, StateBytes>>,
}

impl Default for KeyedSnapshot {
    fn default() -> Self {
        Self { max_parallelism: 1, range: 0..0, groups: BTreeMap::new() }
    }
}

impl KeyedSnapshot {
    /// An empty one for the key groups of a subtask.
    #[must_use]
    pub fn new(context: &RuntimeContext) -> Self {
        Self { max_parallelism: context.max_parallelism, range: context.key_group_range(), groups: BTreeMap::new() }
    }

    /// What was written for these key groups.
    ///
    /// # Errors
    /// The bytes are not a key group's, or of a newer format.
    pub fn read(key_groups: BTreeMap<usize, Vec<u8>>) -> Result<Self> {
        let mut snapshot = Self::default();
        for (group, bytes) in key_groups.into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
            let state = format!("key group {group}");
            let form: KeyGroupForm = rmp_serde::from_slice(&bytes)
                .map_err(|error| Error::Decode { type_name: "key group", reason: error.to_string() })?;
            if form.version > FORMAT_VERSION {
                let (found, supported) = (form.version, FORMAT_VERSION);
                return Err(Error::StateVersion { state, found, supported }.into());
            }
            snapshot.groups.insert(group, form.parts);
        }
        Ok(snapshot)
    }

    /// Whether there is no part at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.values().all(BTreeMap::is_empty)
    }

    /// Adds a part: each entry goes to the key group of its key.
    ///
    /// # Errors
    /// An entry can't be serialized, or does not survive it.
    pub fn add<K: Key, E: Serialize + DeserializeOwned>(
        &mut self, part: &str, entries: Vec<E>, key: impl Fn(&E) -> &K,
    ) -> Result {
        let mut groups = KeyGroups::new(self.max_parallelism);
        let mut by_group: BTreeMap<usize, Vec<E>> = BTreeMap::new();
        for entry in entries {
            by_group.entry(groups.of(key(&entry))?).or_default().push(entry);
        }
        for (group, entries) in by_group {
            let bytes = StateBytes(encode_state(part, &entries)?);
            self.groups.entry(group).or_default().insert(part.into(), bytes);
        }
        Ok(())
    }

    /// Takes a part out: its entries, by key group, in the order in which they were added within each.
    ///
    /// # Errors
    /// The entries are of another type.
    pub fn take<E: DeserializeOwned>(&mut self, part: &str) -> Result<Vec<E>> {
        let mut entries = Vec::new();
        for parts in self.groups.values_mut() {
            if let Some(bytes) = parts.remove(part) {
                entries.extend(decode_state::<Vec<E>>(part, &bytes.0)?);
            }
        }
        Ok(entries)
    }

    /// Adds the parts of `other` that are not there: state that nobody has asked for since it was restored is kept.
    pub fn keep(&mut self, other: Self) {
        for (group, parts) in other.groups {
            let kept = self.groups.entry(group).or_default();
            for (name, bytes) in parts {
                kept.entry(name).or_insert(bytes);
            }
        }
    }

    /// Writes every key group of the range, empty ones too.
    ///
    /// # Errors
    /// The storage says no.
    pub fn write(mut self, writer: &mut dyn SnapshotWriter) -> Result {
        let range = self.range.clone();
        for group in range {
            let parts = self.groups.remove(&group).unwrap_or_default();
            if parts.is_empty() {
                writer.key_group(group, Vec::new())?;
                continue;
            }
            let form = KeyGroupForm { version: FORMAT_VERSION, parts };
            let bytes = rmp_serde::to_vec_named(&form)
                .map_err(|error| Error::Encode { type_name: "key group", reason: error.to_string() })?;
            writer.key_group(group, bytes)?;
        }
        Ok(())
    }
}
