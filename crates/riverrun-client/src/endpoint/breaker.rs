//! The circuit breaker of one endpoint.

use std::time::{Duration, Instant};

/// Whether an endpoint is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// It is.
    Closed,
    /// It failed too often in a row: it is left alone for a while.
    Open,
    /// One request at a time tries whether it is back.
    HalfOpen,
}

/// What a request that was let through carries, so that its outcome is counted where it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    era: u64,
    trial: bool,
}

#[derive(Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { trying: bool },
}

/// Opens after so many failures in a row, each time for twice as long.
///
/// The outcome of a request that was sent before the last change of state says nothing about the time since, and is
/// ignored.
#[derive(Debug)]
pub(crate) struct Breaker {
    threshold: u32,
    shortest: Duration,
    longest: Duration,
    opened: u32,
    state: State,
    era: u64,
}

impl Breaker {
    pub(crate) fn new(threshold: u32, shortest: Duration, longest: Duration) -> Self {
        let longest = longest.max(shortest);
        Self { threshold: threshold.max(1), shortest, longest, opened: 0, state: State::Closed { failures: 0 }, era: 0 }
    }

    pub(crate) fn state(&self) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Whether [`pass`](Self::pass) would let a request through.
    pub(crate) fn admits(&self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until } => now >= until,
            State::HalfOpen { trying } => !trying,
        }
    }

    /// When it will let one through, if it is only time that keeps it.
    pub(crate) fn opens_at(&self) -> Option<Instant> {
        match self.state {
            State::Open { until } => Some(until),
            State::Closed { .. } | State::HalfOpen { .. } => None,
        }
    }

    /// Lets a request through, or not.
    pub(crate) fn pass(&mut self, now: Instant) -> Option<Pass> {
        if !self.admits(now) {
            return None;
        }
        if matches!(self.state, State::Open { .. }) {
            self.change(State::HalfOpen { trying: false });
        }
        let trial = match &mut self.state {
            State::HalfOpen { trying } => {
                *trying = true;
                true
            }
            State::Closed { .. } | State::Open { .. } => false,
        };
        Some(Pass { era: self.era, trial })
    }

    /// The request was answered; says whether the breaker is closed by that.
    pub(crate) fn succeeded(&mut self, pass: Pass) -> bool {
        if pass.era != self.era {
            return false;
        }
        self.opened = 0;
        if pass.trial {
            self.change(State::Closed { failures: 0 });
            return true;
        }
        self.state = State::Closed { failures: 0 };
        false
    }

    /// The endpoint failed it; says whether the breaker is open by that.
    pub(crate) fn failed(&mut self, pass: Pass, now: Instant) -> bool {
        if pass.era != self.era {
            return false;
        }
        let opens = match &mut self.state {
            State::Closed { failures } => {
                *failures += 1;
                *failures >= self.threshold
            }
            State::HalfOpen { .. } => true,
            State::Open { .. } => false,
        };
        if opens {
            let factor = 2_u32.checked_pow(self.opened).unwrap_or(u32::MAX);
            let time = self.shortest.checked_mul(factor).unwrap_or(self.longest).min(self.longest);
            self.opened = self.opened.saturating_add(1);
            self.change(State::Open { until: now + time });
        }
        opens
    }

    /// The request ended without telling anything about the endpoint.
    pub(crate) fn withdrawn(&mut self, pass: Pass) {
        if pass.era == self.era
            && pass.trial
            && let State::HalfOpen { trying } = &mut self.state
        {
            *trying = false;
        }
    }

    /// Something else saw that the endpoint is back: the next request may try, without waiting for the time to be over.
    pub(crate) fn invite(&mut self) -> bool {
        let open = matches!(self.state, State::Open { .. });
        if open {
            self.change(State::HalfOpen { trying: false });
        }
        open
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.era += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHORTEST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_millis(1000);

    #[test]
    fn it_opens_after_failures_in_a_row_and_a_success_between_starts_the_count_again() {
        let now = Instant::now();
        let mut breaker = Breaker::new(3, SHORTEST, LONGEST);
        for outcome in [false, false, true, false, false] {
            let pass = breaker.pass(now).unwrap();
            if outcome {
                breaker.succeeded(pass)
            } else {
                breaker.failed(pass, now)
            };
            assert_eq!(breaker.state(), BreakerState::Closed);
        }

        let pass = breaker.pass(now).unwrap();
        assert!(breaker.failed(pass, now));

        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.pass(now), None);
    }

    #[test]
    fn it_stays_open_twice_as_long_each_time_and_closes_with_the_first_success() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(1, SHORTEST, LONGEST);
        let first = breaker.pass(now).unwrap();
        breaker.failed(first, now);
        for expected in [100, 200, 400, 800, 1000, 1000] {
            let until = breaker.opens_at().unwrap();
            assert_eq!(until - now, Duration::from_millis(expected));
            now = until;
            let trial = breaker.pass(now).unwrap();
            assert_eq!(breaker.pass(now), None, "a second request while the first tries");
            breaker.failed(trial, now);
        }
        now = breaker.opens_at().unwrap();
        let trial = breaker.pass(now).unwrap();

        assert!(breaker.succeeded(trial));

        assert_eq!(breaker.state(), BreakerState::Closed);
        let pass = breaker.pass(now).unwrap();
        breaker.failed(pass, now);
        assert_eq!(breaker.opens_at().unwrap() - now, SHORTEST);
    }

    #[test]
    fn a_late_outcome_of_an_earlier_time_changes_nothing() {
        let now = Instant::now();
        let mut breaker = Breaker::new(1, SHORTEST, LONGEST);
        let late = breaker.pass(now).unwrap();
        let failing = breaker.pass(now).unwrap();
        breaker.failed(failing, now);

        assert!(!breaker.succeeded(late));
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn a_trial_that_was_cancelled_lets_another_try() {
        let now = Instant::now();
        let mut breaker = Breaker::new(1, SHORTEST, LONGEST);
        let pass = breaker.pass(now).unwrap();
        breaker.failed(pass, now);
        assert!(breaker.invite());
        let trial = breaker.pass(now).unwrap();

        breaker.withdrawn(trial);

        assert!(breaker.pass(now).is_some());
    }

    #[derive(Debug, Clone)]
    enum Event {
        Pass,
        Succeed(usize),
        Fail(usize),
        Withdraw(usize),
        Wait(u64),
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = prop_oneof![
            3 => Just(Event::Pass),
            1 => any::<usize>().prop_map(Event::Succeed),
            2 => any::<usize>().prop_map(Event::Fail),
            1 => any::<usize>().prop_map(Event::Withdraw),
            1 => (0_u64..600).prop_map(Event::Wait),
        ];
        prop::collection::vec(event, 0..300)
    }

    proptest! {
        #[test]
        fn nothing_passes_while_open_and_one_at_a_time_while_half_open(events in events(), threshold in 1_u32..5) {
            let mut now = Instant::now();
            let mut breaker = Breaker::new(threshold, SHORTEST, LONGEST);
            let mut out: Vec<Pass> = Vec::new();
            for event in events {
                match event {
                    Event::Pass => {
                        let before = breaker.opens_at();
                        if let Some(pass) = breaker.pass(now) {
                            prop_assert!(before.is_none_or(|until| now >= until));
                            out.push(pass);
                        }
                    }
                    Event::Succeed(which) if !out.is_empty() => {
                        let pass = out.swap_remove(which % out.len());
                        breaker.succeeded(pass);
                    }
                    Event::Fail(which) if !out.is_empty() => {
                        let pass = out.swap_remove(which % out.len());
                        breaker.failed(pass, now);
                    }
                    Event::Withdraw(which) if !out.is_empty() => {
                        let pass = out.swap_remove(which % out.len());
                        breaker.withdrawn(pass);
                    }
                    Event::Wait(millis) => now += Duration::from_millis(millis),
                    Event::Succeed(_) | Event::Fail(_) | Event::Withdraw(_) => {}
                }
                let trials = out.iter().filter(|pass| pass.trial && pass.era == breaker.era).count();
                prop_assert!(trials <= 1);
                // It never locks itself: with nothing under way, time alone lets a request through.
                if trials == 0 {
                    prop_assert!(breaker.admits(now + LONGEST));
                }
            }
        }
    }
}
