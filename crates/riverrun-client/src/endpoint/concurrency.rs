//! How many batches one endpoint gets at a time.

use std::time::{Duration, Instant};

/// A limit that finds itself: additive increase, multiplicative decrease.
///
/// It grows by about one per round trip while it is what holds requests back and answers come about as fast as they
/// ever did; it is cut when the endpoint says that it has too much (429, 503) or does not answer in time. Requests that
/// were under way at a cut do not cut again: they were sent under the old limit.
#[derive(Debug)]
pub(crate) struct AdaptiveLimit {
    min: f64,
    max: f64,
    limit: f64,
    cut_at: Option<Instant>,
    baselines: [Option<f64>; SIZES],
}

/// A batch of 64 takes longer than one of 1, so round trips are compared among batches of like size: powers of two.
const SIZES: usize = 12;
/// Above so many times the baseline, requests wait in the endpoint, and more of them would only wait longer.
const QUEUEING: f64 = 2.0;
const CUT: f64 = 0.7;
/// The baseline follows the fastest answer at once and slower ones by this share, so that it forgets a cold cache's luck.
const DRIFT: f64 = 0.02;

impl AdaptiveLimit {
    pub(crate) fn new(min: usize, initial: usize, max: usize) -> Self {
        let min = min.max(1);
        let max = max.max(min);
        let limit = initial.clamp(min, max) as f64;
        Self { min: min as f64, max: max as f64, limit, cut_at: None, baselines: [None; SIZES] }
    }

    pub(crate) fn get(&self) -> usize {
        self.limit as usize
    }

    /// A batch of `items` was answered after `took`; `saturated` if the limit was reached when it was sent.
    pub(crate) fn answered(&mut self, items: usize, took: Duration, saturated: bool) {
        let took = took.as_secs_f64();
        let size = (items.max(1).ilog2() as usize).min(SIZES - 1);
        let baseline = match self.baselines[size] {
            Some(baseline) if took > baseline => baseline + (took - baseline) * DRIFT,
            Some(_) | None => took,
        };
        self.baselines[size] = Some(baseline);
        if saturated && took <= baseline * QUEUEING {
            self.limit = (self.limit + 1.0 / self.limit).min(self.max);
        }
    }

    /// The endpoint has too much: it said so, or gave no answer in time, to a request sent at `sent`.
    pub(crate) fn overloaded(&mut self, sent: Instant, now: Instant) {
        if self.cut_at.is_some_and(|cut| sent <= cut) {
            return;
        }
        self.cut_at = Some(now);
        self.limit = (self.limit * CUT).max(self.min);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAST: Duration = Duration::from_millis(10);

    #[test]
    fn it_grows_by_about_one_per_round_while_it_holds_requests_back() {
        let mut limit = AdaptiveLimit::new(1, 4, 100);

        for _ in 0..4 * 10 {
            limit.answered(1, FAST, true);
        }

        assert!((8..=14).contains(&limit.get()), "{}", limit.get());
    }

    #[test]
    fn it_does_not_grow_for_a_client_that_sends_little_nor_when_answers_get_slow() {
        let mut limit = AdaptiveLimit::new(1, 4, 100);
        limit.answered(1, FAST, false);

        for _ in 0..100 {
            limit.answered(1, FAST, false);
            limit.answered(1, FAST * 30, true);
        }

        assert_eq!(limit.get(), 4);
    }

    #[test]
    fn large_batches_are_not_taken_for_a_slow_endpoint() {
        let mut limit = AdaptiveLimit::new(1, 4, 100);

        for _ in 0..200 {
            limit.answered(1, FAST, false);
            limit.answered(64, FAST * 20, true);
        }

        assert!(limit.get() > 10);
    }

    #[test]
    fn requests_that_were_sent_together_cut_once() {
        let start = Instant::now();
        let mut limit = AdaptiveLimit::new(1, 20, 100);

        for millis in 1..=20 {
            limit.overloaded(start, start + Duration::from_millis(millis));
        }

        assert_eq!(limit.get(), 14);
        limit.overloaded(start + Duration::from_millis(30), start + Duration::from_millis(40));
        assert_eq!(limit.get(), 9);
    }

    proptest! {
        #[test]
        fn it_stays_between_its_bounds_whatever_happens(
            min in 1_usize..10, more in 0_usize..50, initial in 0_usize..100,
            events in prop::collection::vec((any::<bool>(), 1_usize..5000, 0_u64..5000, any::<bool>()), 0..300),
        ) {
            let mut now = Instant::now();
            let max = min + more;
            let mut limit = AdaptiveLimit::new(min, initial, max);
            for (overload, items, micros, saturated) in events {
                let sent = now;
                now += Duration::from_micros(micros);
                let before = limit.get();
                if overload {
                    limit.overloaded(sent, now);
                    prop_assert!(limit.get() <= before);
                } else {
                    limit.answered(items, Duration::from_micros(micros), saturated);
                    prop_assert!(limit.get() >= before && limit.get() <= before + 1);
                }
                prop_assert!((min..=max).contains(&limit.get()));
            }
        }
    }
}
