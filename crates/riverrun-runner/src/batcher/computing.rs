//! What is being computed.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The most that one batch counts for, so that a sum of them is none too large.
const MOST: usize = 1 << 40;

/// How many permits are at work for a runner at the moment, and what they compute.
#[derive(Default)]
pub(crate) struct Computing {
    batches: AtomicUsize,
    cost: AtomicUsize,
}

impl Computing {
    /// Somebody with a permit begins with a batch, at first without items; it ends when what this gives is dropped.
    pub(crate) fn begin(&self) -> Begun<'_> {
        self.batches.fetch_add(1, Ordering::Relaxed);
        Begun { computing: self, cost: 0 }
    }

    /// What a batch that has begun should cost if all have an equal part of what is computed and of `waiting`; no limit if
    /// there is no other.
    pub(crate) fn share(&self, waiting: usize) -> Option<usize> {
        let (batches, cost) = (self.batches.load(Ordering::Relaxed), self.cost.load(Ordering::Relaxed));
        (batches > 1).then(|| waiting.saturating_add(cost).div_ceil(batches))
    }
}

/// A batch that has begun.
pub(crate) struct Begun<'a> {
    computing: &'a Computing,
    cost: usize,
}

impl Begun<'_> {
    /// It has its items now.
    pub(crate) fn costs(&mut self, cost: usize) {
        let cost = cost.min(MOST);
        self.computing.cost.fetch_add(cost, Ordering::Relaxed);
        self.cost += cost;
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.computing.batches.fetch_sub(1, Ordering::Relaxed);
        self.computing.cost.fetch_sub(self.cost, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_beside_others_has_an_equal_part_of_the_work() {
        let computing = Computing::default();
        let mut small = computing.begin();
        assert_eq!(computing.share(7), None);
        small.costs(1);

        let mut large = computing.begin();
        assert_eq!(computing.share(7), Some(4));
        large.costs(usize::MAX);

        let next = computing.begin();
        assert!(computing.share(7) > Some(1 << 30), "a large batch has no need of help");
        drop(small);
        drop(large);
        assert_eq!(computing.share(7), None);
        drop(next);
    }

    #[test]
    fn two_that_begin_at_once_have_half_each() {
        let computing = Computing::default();
        let mut first = computing.begin();
        let _second = computing.begin();

        assert_eq!(computing.share(8), Some(4));
        first.costs(4);
        assert_eq!(computing.share(4), Some(4));
    }
}
