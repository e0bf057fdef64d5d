//! What is being computed.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The most that one batch counts for, so that a sum of them is none too large.
const MOST: usize = 1 << 40;

/// How many batches are computed at the moment, and what they cost.
#[derive(Default)]
pub(crate) struct Computing {
    batches: AtomicUsize,
    cost: AtomicUsize,
}

impl Computing {
    /// A batch begins; it ends when what this gives is dropped.
    pub(crate) fn begin(&self, cost: usize) -> Begun<'_> {
        let cost = cost.min(MOST);
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.cost.fetch_add(cost, Ordering::Relaxed);
        Begun { computing: self, cost }
    }

    pub(crate) fn any(&self) -> bool {
        self.batches.load(Ordering::Relaxed) > 0
    }

    /// What one more batch costs if it takes its part of all that is computed and of `waiting`.
    pub(crate) fn share(&self, waiting: usize) -> usize {
        let (batches, cost) = (self.batches.load(Ordering::Relaxed), self.cost.load(Ordering::Relaxed));
        waiting.saturating_add(cost).div_ceil(batches + 1)
    }
}

/// A batch that is being computed.
pub(crate) struct Begun<'a> {
    computing: &'a Computing,
    cost: usize,
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
        assert!(!computing.any());

        let small = computing.begin(1);
        assert_eq!(computing.share(7), 4);
        let large = computing.begin(usize::MAX);
        assert!(computing.share(7) > 1 << 30, "a large batch has no need of help");
        drop(small);
        drop(large);

        assert!(!computing.any());
        assert_eq!(computing.share(7), 7);
    }
}
