//! Asks an endpoint whether it is ready.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};

use super::{Endpoint, Endpoints};
use crate::http::{Failure, Outgoing};
use crate::random;

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct HealthCheck {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
}

/// What an endpoint says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    Ready,
    /// It is there and wants no work.
    Unready(String),
    /// It has no such page.
    Unknown,
    Silent {
        reason: String,
        /// It took the connection, and then its time.
        late: bool,
    },
}

/// How long an endpoint has not answered its health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Silence {
    /// Checks in a row without an answer.
    checks: u32,
    /// Of these, since its last answer, those that it let wait; none when nobody has been there in between.
    waits: Option<u32>,
}

impl Silence {
    pub(crate) fn note(&mut self, health: &Health) {
        match health {
            Health::Silent { late, .. } => {
                self.checks = self.checks.saturating_add(1);
                self.waits = self.waits.filter(|_| *late).map(|waits| waits.saturating_add(1));
            }
            Health::Ready | Health::Unready(_) | Health::Unknown => *self = Self { checks: 0, waits: Some(0) },
        }
    }

    /// Nothing can be expected of what is under way there.
    pub(crate) fn is_long(&self) -> bool {
        self.checks >= FAILURES
    }

    /// It is there, answered before, and does not any more: it hangs.
    pub(crate) fn is_a_hang(&self) -> bool {
        self.waits.is_some_and(|waits| waits >= HANG)
    }
}

/// A busy endpoint may be slow to say that it is ready; a dead one fails its requests too, which the breaker sees.
const FAILURES: u32 = 3;
/// With the default interval and timeout, some 20 s.
const HANG: u32 = 9;
/// While an endpoint is out of service it is asked more often, so that it is used as soon as it is back.
const EAGER: Duration = Duration::from_millis(250);

impl HealthCheck {
    pub(crate) async fn ask(&self, endpoint: &Endpoint) -> Health {
        let outgoing = Outgoing::get(self.target.clone(), self.headers.clone());
        match endpoint.pool.send(&outgoing, Instant::now() + self.timeout).await {
            Ok(reply) if matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => {
                Health::Unknown
            }
            Ok(reply) if reply.status.is_server_error() => {
                Health::Unready(format!("its health check `{}` says {}", self.target, reply.status))
            }
            // Whoever refuses this request by what it is, is there.
            Ok(_) => Health::Ready,
            Err(failure) => Health::Silent {
                reason: format!("its health check `{}` fails: {}", self.target, failure.reason()),
                late: failure == Failure::Late,
            },
        }
    }
}

/// Asks until it is aborted. An endpoint that says that it is not ready gets no new batches from then on; those it has, it
/// finishes. One that says nothing at all is not waited for.
pub(crate) async fn watch(endpoint: Arc<Endpoint>, all: Arc<Endpoints>, check: HealthCheck, interval: Duration) {
    loop {
        let interval = if endpoint.is_out() { interval.min(EAGER) } else { interval };
        // Clients that started together do not ask together.
        tokio::time::sleep(interval.mul_f64(0.8 + 0.4 * random::unit())).await;
        let health = check.ask(&endpoint).await;
        let silence = endpoint.note_health(&health);
        let unknown = health == Health::Unknown;
        let unready = match health {
            Health::Ready | Health::Unknown => None,
            Health::Unready(reason) => Some(reason),
            Health::Silent { .. } if !silence.is_long() => continue,
            Health::Silent { reason, .. } => Some(reason),
        };
        if endpoint.set_readiness(unready) {
            all.changed().notify_waiters();
        }
        if unknown {
            tracing::debug!(endpoint = %endpoint.address, target = check.target, "no such health check");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(late: bool) -> Health {
        Health::Silent { reason: String::new(), late }
    }

    #[test]
    fn one_that_starts_does_not_hang_however_long_it_takes() {
        let mut silence = Silence::default();
        for health in [Health::Ready, silent(false)] {
            silence.note(&health);
        }

        for _ in 0..100 {
            silence.note(&silent(true));
        }

        assert!(silence.is_long() && !silence.is_a_hang());
    }

    #[test]
    fn one_that_answered_and_lets_everybody_wait_hangs_until_it_answers() {
        let mut silence = Silence::default();
        silence.note(&Health::Unready(String::new()));

        for check in 0..HANG {
            assert!(!silence.is_a_hang(), "after {check}");
            silence.note(&silent(true));
        }
        assert!(silence.is_a_hang());

        silence.note(&Health::Ready);
        assert!(!silence.is_long() && !silence.is_a_hang());
    }
}
