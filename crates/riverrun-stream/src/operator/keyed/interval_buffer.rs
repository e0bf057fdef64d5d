//! One side of an interval join for one key: records by time.

use std::collections::VecDeque;

use crate::element::Timestamp;

/// Records in the order of their times, those of one time in the order of their arrival.
#[derive(Clone)]
pub(super) struct IntervalBuffer<T>(pub(super) VecDeque<(Timestamp, T)>);

impl<T> Default for IntervalBuffer<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> IntervalBuffer<T> {
    /// Adds a record. Most come at the end.
    pub(super) fn insert(&mut self, time: Timestamp, value: T) {
        if self.0.back().is_none_or(|&(last, _)| last <= time) {
            self.0.push_back((time, value));
        } else {
            self.0.insert(self.0.partition_point(|&(other, _)| other <= time), (time, value));
        }
    }

    /// The records from `lower` to `upper`, both included; the first `skip` of them left out.
    pub(super) fn between(
        &self, lower: Timestamp, upper: Timestamp, skip: usize,
    ) -> impl Iterator<Item = &(Timestamp, T)> {
        let from = self.0.partition_point(|&(time, _)| time < lower).saturating_add(skip);
        self.0.iter().skip(from).take_while(move |&&(time, _)| time <= upper)
    }

    /// Drops the records before this time.
    pub(super) fn prune(&mut self, before: Timestamp) {
        while self.0.front().is_some_and(|&(time, _)| time < before) {
            self.0.pop_front();
        }
    }

    pub(super) fn first(&self) -> Option<Timestamp> {
        self.0.front().map(|&(time, _)| time)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
