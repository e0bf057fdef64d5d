//! How soon a request is sent again.

use std::time::Duration;

use crate::random;

/// Exponential, with full jitter: evenly from nothing up to a bound that doubles (Brooker, "Exponential backoff and
/// jitter", 2015), so that clients that failed together do not come back together.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    base: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(base: Duration, max: Duration) -> Self {
        Self { base, max, failures: 0 }
    }

    /// Before the next attempt; no sooner than `asked`, which the service's `Retry-After` says.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let bound = self.bound();
        self.failures = self.failures.saturating_add(1);
        // Jitter on top of what was asked, or all clients would be back at the same moment.
        asked.unwrap_or_default() + random::up_to(bound)
    }

    fn bound(&self) -> Duration {
        let doubled = 2_u32.checked_pow(self.failures).and_then(|factor| self.base.checked_mul(factor));
        doubled.unwrap_or(self.max).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_is_never_longer_than_the_doubled_bound_nor_shorter_than_what_was_asked(
            base in 1_u64..1000, max in 1_u64..100_000, asked in prop::option::of(0_u64..5000), failures in 0_u32..70,
        ) {
            let (base, max) = (Duration::from_millis(base), Duration::from_millis(max));
            let mut backoff = Backoff::new(base, max);
            for _ in 0..failures {
                backoff.next(None);
            }
            let asked = asked.map(Duration::from_millis);

            let wait = backoff.next(asked);

            let bound = (0..failures).fold(base, |bound, _| (bound * 2).min(max)).min(max);
            prop_assert!(wait >= asked.unwrap_or_default());
            prop_assert!(wait <= asked.unwrap_or_default() + bound);
        }
    }
}
