//! How often requests may be sent again.

use std::time::{Duration, Instant};

/// A token bucket that retries pay from.
///
/// Every request puts a share of a token in, and a trickle comes with time, so that a client that has sent nothing else
/// still gets its one request through. However the service fails, retries are at most
/// `burst + ratio × requests + trickle × time`. A retry that finds the bucket empty waits; it does not fail.
#[derive(Debug)]
pub(crate) struct Budget {
    ratio: f64,
    burst: f64,
    per_second: f64,
    tokens: f64,
    filled: Instant,
}

impl Budget {
    pub(crate) fn new(ratio: f64, burst: u32, per_second: f64, now: Instant) -> Self {
        let burst = f64::from(burst.max(1));
        Self { ratio: ratio.max(0.0), burst, per_second: per_second.max(0.0), tokens: burst, filled: now }
    }

    /// A request was sent for the first time.
    pub(crate) fn deposit(&mut self) {
        self.tokens = (self.tokens + self.ratio).min(self.burst);
    }

    /// Pays for a retry, or says how long to wait before asking again.
    pub(crate) fn withdraw(&mut self, now: Instant) -> Result<(), Duration> {
        let elapsed = now.saturating_duration_since(self.filled);
        self.filled = self.filled.max(now);
        self.tokens = (self.tokens + elapsed.as_secs_f64() * self.per_second).min(self.burst);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        if self.per_second <= 0.0 {
            // Only other requests fill it.
            return Err(LONGEST_WAIT);
        }
        let wait = Duration::try_from_secs_f64((1.0 - self.tokens) / self.per_second).unwrap_or(LONGEST_WAIT);
        Err(wait.clamp(Duration::from_millis(1), LONGEST_WAIT))
    }
}

/// Requests of others may fill the bucket meanwhile.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Event {
        Request,
        Retry,
        Pass(u64),
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = prop_oneof![
            1 => Just(Event::Request),
            3 => Just(Event::Retry),
            1 => (0_u64..400).prop_map(Event::Pass),
        ];
        prop::collection::vec(event, 0..400)
    }

    proptest! {
        #[test]
        fn retries_never_exceed_the_burst_and_a_share_of_the_requests(
            events in events(), ratio in 0.0_f64..0.5, burst in 1_u32..20, per_second in 0.0_f64..20.0,
        ) {
            let start = Instant::now();
            let mut now = start;
            let mut budget = Budget::new(ratio, burst, per_second, start);
            let (mut requests, mut retries) = (0.0, 0.0);

            for event in events {
                match event {
                    Event::Request => {
                        budget.deposit();
                        requests += 1.0;
                    }
                    Event::Retry => retries += if budget.withdraw(now).is_ok() { 1.0 } else { 0.0 },
                    Event::Pass(millis) => now += Duration::from_millis(millis),
                }
                let seconds = now.duration_since(start).as_secs_f64();
                prop_assert!(retries <= f64::from(burst) + ratio * requests + per_second * seconds + 1e-6);
            }
        }

        #[test]
        fn a_retry_that_waits_as_long_as_it_is_told_gets_its_turn(burst in 1_u32..20, per_second in 0.1_f64..50.0) {
            let mut now = Instant::now();
            let mut budget = Budget::new(0.0, burst, per_second, now);
            while budget.withdraw(now).is_ok() {}

            let mut waited = 0;
            while let Err(wait) = budget.withdraw(now) {
                now += wait;
                waited += 1;
                prop_assert!(waited < 100);
            }
        }
    }
}
