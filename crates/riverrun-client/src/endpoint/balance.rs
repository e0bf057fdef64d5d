//! Which endpoint gets a batch.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::breaker::Pass;
use super::concurrency::Company;
use super::{BreakerState, Endpoint};
use crate::random;
use crate::sync::lock;

/// How a request ended, as far as its endpoint is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was answered with what it asked for.
    Answered,
    /// It was answered with something else: the endpoint is there, but how fast it refuses says nothing about how fast it is.
    Refused,
    /// It was refused because there is too much: the endpoint is well.
    Overloaded(String),
    /// It was not answered in time.
    Late(String),
    /// The endpoint did not do its work.
    Failed(String),
    /// It says that it can't work now (503): it drains, is not ready, or has too much.
    Unavailable(String),
}

/// All endpoints of a runner.
pub(crate) struct Endpoints {
    list: Vec<Arc<Endpoint>>,
    /// Told whenever an endpoint may have room that had none.
    changed: Notify,
}

impl Endpoints {
    pub(crate) fn new(list: Vec<Endpoint>) -> Self {
        Self { list: list.into_iter().map(Arc::new).collect(), changed: Notify::new() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.list.iter()
    }

    pub(crate) fn changed(&self) -> &Notify {
        &self.changed
    }

    /// How many batches they take together, at least one.
    pub(crate) fn limit(&self) -> usize {
        self.list.iter().map(|endpoint| endpoint.limit()).sum::<usize>().max(1)
    }

    /// A place for a batch, as soon as an endpoint has one; nothing once `deadline` is over. Another than `avoid`, where
    /// the batch failed before, if there is another.
    pub(crate) async fn acquire(self: &Arc<Self>, avoid: Option<&Arc<Endpoint>>, deadline: Instant) -> Option<Lease> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            let now = Instant::now();
            if now >= deadline {
                return None;
            }
            if let Some(lease) = self.try_acquire(avoid, now) {
                return Some(lease);
            }
            let opens = self.list.iter().filter_map(|endpoint| endpoint.opens_at()).filter(|at| *at > now).min();
            // A breaker that opens now is for the next round; it is not to be spun on.
            let wake = opens.unwrap_or(deadline).max(now + Duration::from_millis(1)).min(deadline);
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(wake.into()) => {}
            }
        }
    }

    fn try_acquire(self: &Arc<Self>, avoid: Option<&Arc<Endpoint>>, now: Instant) -> Option<Lease> {
        let mut open: Vec<(&Arc<Endpoint>, f64)> =
            self.list.iter().filter_map(|endpoint| Some((endpoint, endpoint.load(now)?))).collect();
        if open.len() > 1
            && let Some(avoid) = avoid
        {
            open.retain(|(endpoint, _)| !Arc::ptr_eq(endpoint, avoid));
        }
        while !open.is_empty() {
            let chosen = two_choices(&open);
            let (endpoint, _) = open.swap_remove(chosen);
            if let Some((pass, company)) = endpoint.enter(now) {
                let all = self.clone();
                return Some(Lease { endpoint: endpoint.clone(), pass, company, sent: now, all, ended: false });
            }
        }
        None
    }
}

/// The less loaded of two that are picked at random (Mitzenmacher, 2001): nearly as even as the least loaded of all, and
/// clients that see the same loads do not all rush to the same endpoint.
fn two_choices(open: &[(&Arc<Endpoint>, f64)]) -> usize {
    let first = random::below(open.len());
    if open.len() < 2 {
        return first;
    }
    let second = (first + 1 + random::below(open.len() - 1)) % open.len();
    if open[second].1 < open[first].1 { second } else { first }
}

/// A batch's place at an endpoint; it is free again when this is dropped.
pub(crate) struct Lease {
    pub(crate) endpoint: Arc<Endpoint>,
    pass: Pass,
    company: Company,
    sent: Instant,
    all: Arc<Endpoints>,
    ended: bool,
}

impl Lease {
    /// Says how the request of `items` ended.
    pub(crate) fn end(mut self, items: usize, outcome: Outcome) {
        self.ended = true;
        let now = Instant::now();
        let took = now.duration_since(self.sent);
        let endpoint = &self.endpoint;
        let mut state = lock(&endpoint.state);
        let before = state.breaker.state();
        match outcome {
            Outcome::Answered => {
                state.latency.note(took);
                state.limit.answered(items, took, self.company, now);
                state.breaker.succeeded(self.pass);
            }
            Outcome::Refused => {
                state.breaker.succeeded(self.pass);
            }
            Outcome::Overloaded(reason) => {
                state.limit.overloaded(self.sent, now);
                state.breaker.succeeded(self.pass);
                state.last_failure = Some(reason);
            }
            Outcome::Late(reason) => {
                state.latency.note(took);
                state.limit.overloaded(self.sent, now);
                state.breaker.failed(self.pass, now);
                state.last_failure = Some(reason);
                endpoint.failures.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Unavailable(reason) => {
                state.limit.overloaded(self.sent, now);
                state.breaker.failed(self.pass, now);
                state.last_failure = Some(reason);
                endpoint.failures.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Failed(reason) => {
                state.breaker.failed(self.pass, now);
                state.last_failure = Some(reason);
                endpoint.failures.fetch_add(1, Ordering::Relaxed);
            }
        }
        let after = state.breaker.state();
        let reason = state.last_failure.clone().unwrap_or_default();
        drop(state);
        if before != after {
            match after {
                BreakerState::Open => {
                    // Connections to what failed are not worth keeping.
                    endpoint.pool.clear();
                    tracing::warn!(endpoint = %endpoint.address, reason, "endpoint failed too often and is left alone");
                }
                BreakerState::Closed => tracing::info!(endpoint = %endpoint.address, "endpoint is back"),
                BreakerState::HalfOpen => {}
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = lock(&self.endpoint.state);
        state.in_flight -= 1;
        if !self.ended {
            state.breaker.withdrawn(self.pass);
        }
        drop(state);
        self.all.changed.notify_waiters();
    }
}
