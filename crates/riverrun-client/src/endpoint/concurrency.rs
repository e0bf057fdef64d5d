//! How many batches one endpoint gets at a time.

use std::time::{Duration, Instant};

/// A limit that finds itself.
///
/// How long a round trip takes that waits for no other is known, so how much longer one takes says how many batches wait at the
/// endpoint: the limit grows by about one per round trip while fewer than [`FEW`] do, and shrinks while more than [`MANY`] do
/// (TCP Vegas: Brakmo and Peterson, 1995). Batches that wait at the endpoint could as well fill here.
///
/// What a lone round trip takes is measured now and then, by letting one be alone (as BBR does: Cardwell and others, 2016).
///
/// It is cut when the endpoint says that it has too much (429, 503) or does not answer in time. Requests that were under way at a
/// cut do not cut again: they were sent under the old limit.
#[derive(Debug)]
pub(crate) struct AdaptiveLimit {
    min: f64,
    max: f64,
    limit: f64,
    cut_at: Option<Instant>,
    baselines: [Option<f64>; SIZES],
    /// Answers since one was alone.
    crowded: u32,
    /// Until when nothing is sent so that what is under way can end; a request that hangs does not hold all others for longer.
    draining: Option<Instant>,
}

/// How a request was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    /// Nothing else was under way at the endpoint.
    Alone,
    Some,
    /// As many as the limit allows.
    Full,
}

/// A batch of 64 takes longer than one of 1, so round trips are compared among batches of like size: powers of two.
const SIZES: usize = 12;
/// Enough that the endpoint never waits for a batch.
const FEW: f64 = 3.0;
const MANY: f64 = 6.0;
const CUT: f64 = 0.7;
/// How far a lone answer that is slower than before moves the baseline: one slow answer may be chance.
const MOVE: f64 = 0.5;
/// After so many answers one request is let alone.
const PROBE: u32 = 500;

impl AdaptiveLimit {
    pub(crate) fn new(min: usize, initial: usize, max: usize) -> Self {
        let min = min.max(1);
        let max = max.max(min);
        let limit = initial.clamp(min, max) as f64;
        Self {
            min: min as f64,
            max: max as f64,
            limit,
            cut_at: None,
            baselines: [None; SIZES],
            crowded: 0,
            draining: None,
        }
    }

    pub(crate) fn get(&self, now: Instant) -> usize {
        if self.drains_until().is_some_and(|until| now < until) { 1 } else { self.limit as usize }
    }

    /// When [`get`](Self::get) changes with time alone.
    pub(crate) fn drains_until(&self) -> Option<Instant> {
        self.draining
    }

    /// A request is sent, the last of `in_flight`.
    pub(crate) fn sent(&mut self, in_flight: usize) -> Company {
        match in_flight {
            0 | 1 => {
                // Those that come after it do not stand before it.
                (self.crowded, self.draining) = (0, None);
                Company::Alone
            }
            _ if in_flight >= self.limit as usize => Company::Full,
            _ => Company::Some,
        }
    }

    /// A batch of `items` was answered after `took`.
    pub(crate) fn answered(&mut self, items: usize, took: Duration, company: Company, now: Instant) {
        self.crowded += 1;
        if self.crowded >= PROBE && self.min < self.max {
            (self.crowded, self.draining) = (0, Some(now + 2 * took));
        }
        let took = took.as_secs_f64().max(1e-9);
        let size = (items.max(1).ilog2() as usize).min(SIZES - 1);
        let baseline = match self.baselines[size] {
            Some(baseline) if took > baseline && company == Company::Alone => baseline + (took - baseline) * MOVE,
            Some(baseline) => baseline.min(took),
            None => took,
        };
        self.baselines[size] = Some(baseline);
        let held_back = company == Company::Full || self.limit < 2.0;
        if !held_back {
            return;
        }
        let waiting = self.limit * (1.0 - baseline / took);
        if waiting < FEW {
            self.limit = (self.limit + 1.0 / self.limit).min(self.max);
        } else if waiting > MANY {
            self.limit = (self.limit - 1.0 / self.limit).max(self.min);
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
            limit.answered(1, FAST, Company::Full, Instant::now());
        }

        assert!((8..=14).contains(&limit.get(Instant::now())), "{}", limit.get(Instant::now()));
    }

    #[test]
    fn it_does_not_grow_for_a_client_that_sends_little_nor_when_answers_get_slow() {
        let mut limit = AdaptiveLimit::new(1, 4, 100);
        limit.answered(1, FAST, Company::Some, Instant::now());

        for _ in 0..100 {
            limit.answered(1, FAST, Company::Some, Instant::now());
            limit.answered(1, FAST * 30, Company::Full, Instant::now());
        }

        assert_eq!(limit.get(Instant::now()), 4);
    }

    /// A closed loop: batches of `computing` each go round, `trip` on the way, as many as the limit says.
    fn settle(limit: &mut AdaptiveLimit, workers: u32, computing: Duration, trip: Duration) -> usize {
        let mut now = Instant::now();
        for _ in 0..20_000 {
            let in_flight = limit.get(now);
            let queueing = computing * u32::try_from(in_flight).unwrap() / workers;
            let company = limit.sent(in_flight);
            let took = (computing + trip).max(queueing);
            limit.answered(64, took, company, now);
            now += took / u32::try_from(in_flight).unwrap();
        }
        limit.get(now + FAST * 1000)
    }

    #[test]
    fn it_keeps_all_workers_of_an_endpoint_busy_and_little_more() {
        for (workers, trip) in [(1, FAST / 10), (4, FAST), (32, FAST), (32, FAST * 3)] {
            let needed = workers as usize * (FAST + trip).as_millis() as usize / FAST.as_millis() as usize;

            let limit = settle(&mut AdaptiveLimit::new(1, 8, 200), workers, FAST, trip);

            assert!((needed..=needed + 8).contains(&limit), "{limit} for {workers} workers that need {needed}");
        }
    }

    #[test]
    fn an_endpoint_that_became_slower_for_good_is_kept_busy_too() {
        let mut limit = AdaptiveLimit::new(1, 8, 200);
        settle(&mut limit, 32, FAST, FAST);

        let settled = settle(&mut limit, 32, FAST * 10, FAST);

        assert!((35..=45).contains(&settled), "{settled}");
    }

    #[test]
    fn a_request_that_hangs_does_not_hold_the_others_for_ever_while_one_is_to_be_alone() {
        let now = Instant::now();
        let mut limit = AdaptiveLimit::new(2, 8, 8);
        for _ in 0..PROBE {
            limit.answered(1, FAST, Company::Some, now);
        }

        assert_eq!(limit.get(now + FAST), 1);
        assert_eq!(limit.get(now + 2 * FAST), 8);
    }

    #[test]
    fn large_batches_are_not_taken_for_a_slow_endpoint() {
        let mut limit = AdaptiveLimit::new(1, 4, 100);

        for _ in 0..200 {
            limit.answered(1, FAST, Company::Some, Instant::now());
            limit.answered(64, FAST * 20, Company::Full, Instant::now());
        }

        assert!(limit.get(Instant::now()) > 10);
    }

    #[test]
    fn requests_that_were_sent_together_cut_once() {
        let start = Instant::now();
        let mut limit = AdaptiveLimit::new(1, 20, 100);

        for millis in 1..=20 {
            limit.overloaded(start, start + Duration::from_millis(millis));
        }

        assert_eq!(limit.get(Instant::now()), 14);
        limit.overloaded(start + Duration::from_millis(30), start + Duration::from_millis(40));
        assert_eq!(limit.get(Instant::now()), 9);
    }

    proptest! {
        #[test]
        fn it_stays_between_its_bounds_whatever_happens(
            min in 1_usize..10, more in 0_usize..50, initial in 0_usize..100,
            events in prop::collection::vec((any::<bool>(), 1_usize..5000, 0_u64..5000, 0_usize..60), 0..300),
        ) {
            let mut now = Instant::now();
            let max = min + more;
            let mut limit = AdaptiveLimit::new(min, initial, max);
            for (overload, items, micros, in_flight) in events {
                let sent = now;
                now += Duration::from_micros(micros);
                let before = limit.get(now);
                if overload {
                    limit.overloaded(sent, now);
                    prop_assert!(limit.get(now) <= before);
                } else {
                    let company = limit.sent(in_flight);
                    limit.answered(items, Duration::from_micros(micros), company, now);
                    prop_assert!(limit.get(now) + 1 >= before && limit.get(now) <= before + 1);
                }
                prop_assert!((min..=max).contains(&limit.get(now)));
            }
        }
    }
}
