//! What records are sorted by.

use riverrun_stream::Timestamp;

/// The key and the time of many records, in one piece of memory for all keys.
#[derive(Default)]
pub(crate) struct SortKeys {
    bytes: Vec<u8>,
    /// Where each key ends, and the record's time; a record without one comes before all that have one.
    records: Vec<(usize, Option<Timestamp>)>,
}

/// By key, and within a key by time.
pub(crate) type SortKey<'a> = (&'a [u8], Option<Timestamp>);

impl SortKeys {
    pub(crate) fn push(&mut self, key: &[u8], timestamp: Option<Timestamp>) {
        self.bytes.extend_from_slice(key);
        self.records.push((self.bytes.len(), timestamp));
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<SortKey<'_>> {
        let &(end, timestamp) = self.records.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.records.get(before)).map_or(0, |&(end, _)| end);
        Some((self.bytes.get(start..end)?, timestamp))
    }

    /// The indexes in sorted order; equal ones as they came.
    pub(crate) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|&index| self.get(index));
        order
    }

    /// The keys in this order, in chunks.
    pub(crate) fn arranged(&self, order: &[usize], chunk: usize) -> Vec<Self> {
        let part = |indexes: &[usize]| {
            let mut keys = Self::default();
            for (key, timestamp) in indexes.iter().filter_map(|&index| self.get(index)) {
                keys.push(key, timestamp);
            }
            keys
        };
        order.chunks(chunk).map(part).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = SortKey<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}
