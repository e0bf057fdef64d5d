//! Key groups: the fixed hash by which keyed records and keyed state are spread over subtasks.

use std::ops::Range;

use serde::Serialize;

use crate::error::Error;

/// How many key groups a job has unless it says otherwise, as in Flink.
pub const DEFAULT_MAX_PARALLELISM: usize = 128;

/// The most key groups that a job can have, as in Flink.
pub const UPPER_BOUND_MAX_PARALLELISM: usize = 1 << 15;

/// The key group of a key: `murmur3_32(canonical bytes) % max_parallelism`, unsigned.
///
/// The canonical bytes are the key's MessagePack form, structs as arrays: the shortest form of every integer, so equal
/// numbers are equal bytes whatever their width. It is part of the savepoint format and never changes.
///
/// # Errors
/// The key refuses to be serialized.
pub fn key_group<K: Serialize>(key: &K, max_parallelism: usize) -> Result<usize, Error> {
    KeyGroups::new(max_parallelism).of(key)
}

/// The canonical bytes of many keys, one after the other, in one buffer.
#[derive(Default)]
pub(crate) struct CanonicalKey {
    bytes: Vec<u8>,
}

impl CanonicalKey {
    pub(crate) fn bytes<K: Serialize>(&mut self, key: &K) -> Result<&[u8], Error> {
        self.bytes.clear();
        key.serialize(&mut rmp_serde::Serializer::new(&mut self.bytes))
            .map_err(|error| Error::Encode { type_name: std::any::type_name::<K>(), reason: error.to_string() })?;
        Ok(&self.bytes)
    }
}

/// The key groups of many keys, one after the other: as [`key_group`], with one buffer for all.
pub struct KeyGroups {
    max_parallelism: usize,
    key: CanonicalKey,
}

impl KeyGroups {
    /// For a job with this many key groups.
    #[must_use]
    pub fn new(max_parallelism: usize) -> Self {
        Self { max_parallelism, key: CanonicalKey::default() }
    }

    /// The key group of a key.
    ///
    /// # Errors
    /// The key refuses to be serialized.
    pub fn of<K: Serialize>(&mut self, key: &K) -> Result<usize, Error> {
        Ok(murmur3_32(self.key.bytes(key)?) as usize % self.max_parallelism)
    }
}

/// The key groups of one subtask: the groups are cut into `parallelism` runs that differ by one at most, as in Flink.
#[must_use]
pub fn key_group_range(max_parallelism: usize, parallelism: usize, subtask: usize) -> Range<usize> {
    let start = (subtask * max_parallelism).div_ceil(parallelism);
    let end = ((subtask + 1) * max_parallelism).div_ceil(parallelism);
    start..end
}

/// The subtask that a key group belongs to.
#[must_use]
pub fn subtask_of(key_group: usize, max_parallelism: usize, parallelism: usize) -> usize {
    key_group * parallelism / max_parallelism
}

/// MurmurHash3 x86 32-bit with seed 0, by Austin Appleby (public domain algorithm).
#[must_use]
pub fn murmur3_32(bytes: &[u8]) -> u32 {
    let mix = |word: u32| word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut hash = 0_u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        hash ^= mix(u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        hash ^= mix(tail.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)));
    }
    hash ^= bytes.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_hash_is_murmur3_as_others_compute_it() {
        // The usual verification values for seed 0.
        for (text, hash) in [
            ("", 0),
            ("a", 0x3c25_69b2),
            ("hello", 0x248b_fa47),
            ("hello, world", 0x149b_bb7f),
            ("The quick brown fox jumps over the lazy dog", 0x2e4f_f723),
        ] {
            assert_eq!(murmur3_32(text.as_bytes()), hash, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_key_group_lies_in_the_range_of_its_subtask(max in 1_usize..2000, parallelism in 1_usize..300, group in 0_usize..2000) {
            let (parallelism, group) = (parallelism.min(max), group % max);

            let subtask = subtask_of(group, max, parallelism);

            prop_assert!(key_group_range(max, parallelism, subtask).contains(&group));
        }

        #[test]
        fn equal_integers_share_a_group_whatever_their_width(value in any::<u8>()) {
            let narrow = key_group(&value, 128).unwrap();

            prop_assert_eq!(narrow, key_group(&u64::from(value), 128).unwrap());
            prop_assert_eq!(narrow, key_group(&i64::from(value), 128).unwrap());
        }
    }
}
