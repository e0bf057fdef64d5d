//! What a window with an evictor holds: [`WindowElements`].

use serde::{Deserialize, Serialize};

use crate::element::Timestamp;

/// The elements of a window in arrival order, with their timestamps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WindowElements<T> {
    values: Vec<T>,
    timestamps: Vec<Option<Timestamp>>,
}

impl<T> Default for WindowElements<T> {
    fn default() -> Self {
        Self { values: Vec::new(), timestamps: Vec::new() }
    }
}

impl<T> WindowElements<T> {
    pub(crate) fn push(&mut self, value: T, timestamp: Option<Timestamp>) {
        self.values.push(value);
        self.timestamps.push(timestamp);
    }

    pub(crate) fn append(&mut self, mut more: Self) {
        self.values.append(&mut more.values);
        self.timestamps.append(&mut more.timestamps);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The elements.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Their timestamps, in the same order.
    #[must_use]
    pub fn timestamps(&self) -> &[Option<Timestamp>] {
        &self.timestamps
    }

    /// Takes the first `count` elements out; all, where there are fewer.
    pub fn evict_first(&mut self, count: usize) {
        let count = count.min(self.values.len());
        self.values.drain(..count);
        self.timestamps.drain(..count);
    }

    /// Keeps the elements for which `keep` says `true` of value and timestamp.
    pub fn retain(&mut self, mut keep: impl FnMut(&T, Option<Timestamp>) -> bool) {
        let kept: Vec<bool> =
            self.values.iter().zip(&self.timestamps).map(|(value, &time)| keep(value, time)).collect();
        let (mut of_values, mut of_timestamps) = (kept.iter(), kept.iter());
        self.values.retain(|_| of_values.next().copied().unwrap_or(true));
        self.timestamps.retain(|_| of_timestamps.next().copied().unwrap_or(true));
    }
}
