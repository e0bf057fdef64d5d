//! Asks an endpoint whether it is ready.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};

use super::{Endpoint, Endpoints};
use crate::http::Outgoing;
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
    Silent(String),
}

/// A busy endpoint may be slow to say that it is ready; a dead one fails its requests too, which the breaker sees.
const FAILURES: u32 = 3;
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
            Err(failure) => Health::Silent(format!("its health check `{}` fails: {}", self.target, failure.reason())),
        }
    }
}

/// Asks until it is aborted. An endpoint that says that it is not ready gets no new batches from then on; those it has, it
/// finishes. One that says nothing at all is not waited for.
pub(crate) async fn watch(endpoint: Arc<Endpoint>, all: Arc<Endpoints>, check: HealthCheck, interval: Duration) {
    let mut failures = 0;
    loop {
        let interval = if endpoint.is_out() { interval.min(EAGER) } else { interval };
        // Clients that started together do not ask together.
        tokio::time::sleep(interval.mul_f64(0.8 + 0.4 * random::unit())).await;
        let health = check.ask(&endpoint).await;
        failures = if matches!(health, Health::Silent(_)) { failures + 1 } else { 0 };
        let unknown = health == Health::Unknown;
        let unready = match health {
            Health::Ready | Health::Unknown => None,
            Health::Unready(reason) => Some(reason),
            Health::Silent(_) if failures < FAILURES => continue,
            Health::Silent(reason) => Some(reason),
        };
        if failures == FAILURES {
            endpoint.set_silent();
        }
        if endpoint.set_readiness(unready) {
            all.changed().notify_waiters();
        }
        if unknown {
            tracing::debug!(endpoint = %endpoint.address, target = check.target, "no such health check");
            return;
        }
    }
}
