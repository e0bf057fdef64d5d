//! Timers of keyed operators: [`TimerService`].

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use serde::{Deserialize, Serialize};

use crate::element::Timestamp;
use crate::error::Result;
use crate::functions::Key;
use crate::state::{FrozenPart, KeyedSnapshot};

/// What a timer's time is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeDomain {
    /// The watermark.
    EventTime,
    /// The clock.
    ProcessingTime,
}

/// A timer that has fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiredTimer<K, N> {
    /// The time it was set for.
    pub time: Timestamp,
    /// The key that it was set for.
    pub key: K,
    /// What it was set for within the key, such as a window.
    pub namespace: N,
    /// What its time is measured against.
    pub domain: TimeDomain,
}

/// The timers of one domain, in the order in which they fire: by time, then by registration.
struct TimerQueue<K, N> {
    order: BTreeMap<(Timestamp, u64), (K, N)>,
    /// The places in `order`, to be found by time, key and namespace: a timer is there once.
    places: HashTable<(Timestamp, u64)>,
    hasher: DefaultHashBuilder,
}

impl<K: Key, N: Key> TimerQueue<K, N> {
    fn new() -> Self {
        Self { order: BTreeMap::new(), places: HashTable::new(), hasher: DefaultHashBuilder::default() }
    }

    fn register(&mut self, time: Timestamp, number: u64, key: &K, namespace: &N) -> bool {
        let hash = self.hasher.hash_one((time, key, namespace));
        let (order, hasher) = (&self.order, &self.hasher);
        let same = |place: &(Timestamp, u64)| {
            place.0 == time && order.get(place).is_some_and(|(k, n)| k == key && n == namespace)
        };
        if self.places.find(hash, same).is_some() {
            return false;
        }
        let rehash = |place: &(Timestamp, u64)| {
            order.get(place).map_or(0, |(key, namespace)| hasher.hash_one((place.0, key, namespace)))
        };
        self.places.insert_unique(hash, (time, number), rehash);
        self.order.insert((time, number), (key.clone(), namespace.clone()));
        true
    }

    fn delete(&mut self, time: Timestamp, key: &K, namespace: &N) {
        let hash = self.hasher.hash_one((time, key, namespace));
        let order = &self.order;
        let found = self.places.find_entry(hash, |place| {
            place.0 == time && order.get(place).is_some_and(|(k, n)| k == key && n == namespace)
        });
        if let Ok(entry) = found {
            let (place, _) = entry.remove();
            self.order.remove(&place);
        }
    }

    /// Takes the first timer out, if `due` says so of its time and number.
    fn pop(&mut self, due: impl Fn(Timestamp, u64) -> bool) -> Option<(Timestamp, K, N)> {
        let (&place, _) = self.order.first_key_value().filter(|((time, number), _)| due(*time, *number))?;
        let (key, namespace) = self.order.remove(&place)?;
        let hash = self.hasher.hash_one((place.0, &key, &namespace));
        if let Ok(entry) = self.places.find_entry(hash, |other| *other == place) {
            entry.remove();
        }
        Some((place.0, key, namespace))
    }
}

/// The persisted form of a timer. Its number keeps the order among timers of one time.
#[derive(Clone, Serialize, Deserialize)]
struct TimerForm<K, N> {
    domain: TimeDomain,
    time: Timestamp,
    number: u64,
    key: K,
    namespace: N,
}

/// The event- and processing-time timers of one keyed subtask. A timer is there once for a time, key and namespace.
///
/// Timers fire in the order of their times, and those of one time in the order in which they were set.
pub struct TimerService<K, N> {
    event_time: TimerQueue<K, N>,
    processing_time: TimerQueue<K, N>,
    next_number: u64,
}

impl<K: Key, N: Key> Default for TimerService<K, N> {
    fn default() -> Self {
        Self { event_time: TimerQueue::new(), processing_time: TimerQueue::new(), next_number: 0 }
    }
}

impl<K: Key, N: Key> TimerService<K, N> {
    fn queue(&mut self, domain: TimeDomain) -> &mut TimerQueue<K, N> {
        match domain {
            TimeDomain::EventTime => &mut self.event_time,
            TimeDomain::ProcessingTime => &mut self.processing_time,
        }
    }

    /// Sets a timer; the same one a second time changes nothing.
    pub fn register(&mut self, domain: TimeDomain, time: Timestamp, key: &K, namespace: &N) {
        let number = self.next_number;
        if self.queue(domain).register(time, number, key, namespace) {
            self.next_number += 1;
        }
    }

    /// Takes a timer back; one that is not there is ignored.
    pub fn delete(&mut self, domain: TimeDomain, time: Timestamp, key: &K, namespace: &N) {
        self.queue(domain).delete(time, key, namespace);
    }

    /// Takes out the next event-time timer at or before this watermark.
    pub fn pop_event_time(&mut self, watermark: Timestamp) -> Option<FiredTimer<K, N>> {
        let (time, key, namespace) = self.event_time.pop(|time, _| time <= watermark)?;
        Some(FiredTimer { time, key, namespace, domain: TimeDomain::EventTime })
    }

    /// Takes out the next processing-time timer at or before this time.
    pub fn pop_processing_time(&mut self, now: Timestamp) -> Option<FiredTimer<K, N>> {
        let (time, key, namespace) = self.processing_time.pop(|time, _| time <= now)?;
        Some(FiredTimer { time, key, namespace, domain: TimeDomain::ProcessingTime })
    }

    /// Takes out the next processing-time timer of those set before the one with this [number](Self::next_number), whatever
    /// its time: what the end of the input does.
    pub fn pop_processing_time_before(&mut self, number: u64) -> Option<FiredTimer<K, N>> {
        let first = *self.processing_time.order.keys().find(|(_, set)| *set < number)?;
        let (key, namespace) = self.processing_time.order.get(&first)?.clone();
        self.processing_time.delete(first.0, &key, &namespace);
        Some(FiredTimer { time: first.0, key, namespace, domain: TimeDomain::ProcessingTime })
    }

    /// The number that the next timer gets.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    /// The time of the first processing-time timer: when to be woken.
    #[must_use]
    pub fn first_processing_time(&self) -> Option<Timestamp> {
        self.processing_time.order.keys().next().map(|(time, _)| *time)
    }

    /// How many timers are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.event_time.order.len() + self.processing_time.order.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes back what [`freeze`](Self::freeze) wrote.
    ///
    /// # Errors
    /// The state holds no timers of this kind.
    pub fn restore(&mut self, snapshot: &mut KeyedSnapshot, part: &str) -> Result {
        let mut timers: Vec<TimerForm<K, N>> = snapshot.take(part)?;
        // Numbered anew: those of several subtasks may have the same numbers.
        timers.sort_by_key(|timer| timer.number);
        for timer in timers {
            self.register(timer.domain, timer.time, &timer.key, &timer.namespace);
        }
        Ok(())
    }

    /// The timers as they are now, to be written later.
    #[must_use]
    pub fn freeze(&self, part: &'static str) -> FrozenPart {
        let timers: Vec<TimerForm<K, N>> =
            [(TimeDomain::EventTime, &self.event_time), (TimeDomain::ProcessingTime, &self.processing_time)]
                .into_iter()
                .flat_map(|(domain, queue)| queue.order.iter().map(move |entry| (domain, entry)))
                .map(|(domain, (&(time, number), (key, namespace)))| TimerForm {
                    domain,
                    time,
                    number,
                    key: key.clone(),
                    namespace: namespace.clone(),
                })
                .collect();
        Box::new(move |snapshot| snapshot.add(part, timers, |timer| &timer.key))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_timer_fires_once_however_often_it_was_set() {
        let mut timers = TimerService::<u8, ()>::default();

        for _ in 0..3 {
            timers.register(TimeDomain::EventTime, 5, &1, &());
        }

        assert_eq!(timers.pop_event_time(5).map(|timer| timer.time), Some(5));
        assert_eq!(timers.pop_event_time(Timestamp::MAX), None);
    }

    proptest! {
        /// The reference: a list of timers, searched from the front.
        #[test]
        fn timers_fire_as_a_plain_list_of_them_would(
            calls in prop::collection::vec((0_u8..3, -4_i64..4, 0_u8..3), 0..60),
        ) {
            let mut timers = TimerService::<u8, ()>::default();
            let mut list: Vec<(i64, u8)> = Vec::new();
            for (call, time, key) in calls {
                match call {
                    0 => {
                        timers.register(TimeDomain::EventTime, time, &key, &());
                        if !list.contains(&(time, key)) {
                            list.push((time, key));
                        }
                    }
                    1 => {
                        timers.delete(TimeDomain::EventTime, time, &key, &());
                        list.retain(|timer| *timer != (time, key));
                    }
                    _ => {
                        let fired = timers.pop_event_time(time).map(|timer| (timer.time, timer.key));
                        let first = list.iter().copied().filter(|timer| timer.0 <= time).min_by_key(|timer| timer.0);
                        list.retain(|timer| Some(*timer) != first);
                        prop_assert_eq!(fired, first);
                    }
                }
                prop_assert_eq!(timers.len(), list.len());
            }
        }
    }
}
