//! Many times behind an operator's one alarm: [`Alarms`].

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::element::Timestamp;

/// Times at which something is to be looked at. What has become of it meanwhile is asked when its time comes: nothing is
/// cancelled, and what is dead leaves when it is met or when it is the greater part.
pub(super) struct Alarms<K> {
    heap: BinaryHeap<Reverse<(Timestamp, K)>>,
    /// How many may be there before the dead ones are looked for.
    limit: usize,
}

const SMALLEST_LIMIT: usize = 64;

impl<K: Ord + Copy> Alarms<K> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), limit: SMALLEST_LIMIT }
    }

    pub(super) fn set(&mut self, time: Timestamp, key: K, is_alive: impl Fn(&K) -> bool) {
        if self.heap.len() >= self.limit {
            self.heap.retain(|Reverse((_, key))| is_alive(key));
            self.limit = SMALLEST_LIMIT.max(2 * self.heap.len());
        }
        self.heap.push(Reverse((time, key)));
    }

    /// The first time at which something that is alive is to be looked at.
    pub(super) fn next(&mut self, is_alive: impl Fn(&K) -> bool) -> Option<Timestamp> {
        while let Some(Reverse((time, key))) = self.heap.peek() {
            if is_alive(key) {
                return Some(*time);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes out what is due first, dead or alive.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<K> {
        let Reverse((time, _)) = self.heap.peek()?;
        if *time > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, key))| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_in_the_order_of_their_times_and_the_dead_are_passed_over() {
        let mut alarms = Alarms::new();
        for (time, key) in [(30, 3), (10, 1), (20, 2)] {
            alarms.set(time, key, |_| true);
        }

        assert_eq!(alarms.next(|key| *key != 1), Some(20));
        assert_eq!(alarms.pop_due(19), None);
        assert_eq!((alarms.pop_due(30), alarms.pop_due(30), alarms.pop_due(30)), (Some(2), Some(3), None));
    }

    #[test]
    fn a_slow_one_at_the_front_does_not_make_them_grow() {
        let mut alarms = Alarms::new();
        alarms.set(0, 0, |_| true);
        for key in 1..100_000 {
            alarms.set(key, key, |alive| *alive == 0 || *alive == key);
        }

        assert!(alarms.heap.len() <= SMALLEST_LIMIT + 1, "{}", alarms.heap.len());
    }
}
