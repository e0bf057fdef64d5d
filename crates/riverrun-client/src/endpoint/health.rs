//! Asks an endpoint whether it is ready.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};

use super::{Endpoint, Endpoints};
use crate::random;

/// What is asked, and how often.
#[derive(Debug, Clone)]
pub(crate) struct HealthCheck {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

/// A busy endpoint may be slow to say that it is ready; a dead one fails its requests too, which the breaker sees.
const FAILURES: u32 = 3;
/// While an endpoint is out of service it is asked more often, so that it is used as soon as it is back.
const EAGER: Duration = Duration::from_millis(250);

/// Asks until it is aborted. An endpoint that says that it is not ready gets no new batches from then on; those it has, it
/// finishes.
pub(crate) async fn watch(endpoint: Arc<Endpoint>, all: Arc<Endpoints>, check: HealthCheck) {
    let mut failures = 0;
    loop {
        let interval = if endpoint.is_out() { check.interval.min(EAGER) } else { check.interval };
        // Clients that started together do not ask together.
        tokio::time::sleep(interval.mul_f64(0.8 + 0.4 * random::unit())).await;
        let outgoing = crate::http::Outgoing::get(check.target.clone(), check.headers.clone());
        let reply = endpoint.pool.send(&outgoing, Instant::now() + check.timeout).await;
        let unready = match reply {
            Ok(reply) if reply.status.is_success() => None,
            Ok(reply) if reply.status == StatusCode::NOT_FOUND || reply.status == StatusCode::METHOD_NOT_ALLOWED => {
                tracing::debug!(endpoint = %endpoint.address, target = check.target, "no such health check");
                if endpoint.set_readiness(None) {
                    all.changed().notify_waiters();
                }
                return;
            }
            Ok(reply) if reply.status.is_server_error() => {
                Some(format!("its health check `{}` says {}", check.target, reply.status))
            }
            // Whoever refuses this request by what it is, is there.
            Ok(_) => None,
            Err(failure) => {
                failures += 1;
                if failures < FAILURES {
                    continue;
                }
                Some(format!("its health check `{}` fails: {}", check.target, failure.reason()))
            }
        };
        failures = if unready.is_some() { failures } else { 0 };
        if endpoint.set_readiness(unready) {
            all.changed().notify_waiters();
        }
    }
}
