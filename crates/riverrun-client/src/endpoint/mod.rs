//! One place where the service runs: its address, its connections, and what is known of how it fares.

mod address;
mod balance;
mod breaker;
mod concurrency;
mod health;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;

pub(crate) use address::{Address, Place};
pub(crate) use balance::{Endpoints, Lease, Outcome};
pub use breaker::BreakerState;
use breaker::{Breaker, Pass};
use concurrency::{AdaptiveLimit, Company};
use health::Silence;
pub(crate) use health::{Health, HealthCheck, watch as watch_health};

use crate::http::Pool;
use crate::options::ClientOptions;
use crate::stats::EndpointStats;
use crate::sync::lock;

pub(crate) struct Endpoint {
    pub(crate) address: Address,
    pub(crate) pool: Pool,
    state: Mutex<State>,
    /// How it answers its health check.
    silence: watch::Sender<Silence>,
    requests: AtomicU64,
    failures: AtomicU64,
}

struct State {
    breaker: Breaker,
    limit: AdaptiveLimit,
    latency: Latency,
    in_flight: usize,
    /// What the health check says, if it says no.
    unready: Option<String>,
    last_failure: Option<String>,
    model: Option<Arc<str>>,
}

/// Round trips, newer ones weighing more.
#[derive(Default)]
struct Latency(Option<f64>);

impl Latency {
    const SHARE: f64 = 0.1;

    fn note(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        self.0 = Some(self.0.map_or(took, |mean| mean + (took - mean) * Self::SHARE));
    }
}

impl Endpoint {
    pub(crate) fn new(address: Address, pool: Pool, options: &ClientOptions) -> Self {
        let breaker = &options.breaker;
        let concurrency = &options.concurrency;
        let state = State {
            breaker: Breaker::new(breaker.failures, breaker.shortest, breaker.longest),
            limit: AdaptiveLimit::new(concurrency.min, concurrency.initial, concurrency.max),
            latency: Latency::default(),
            in_flight: 0,
            unready: None,
            last_failure: None,
            model: None,
        };
        Self {
            address,
            pool,
            state: Mutex::new(state),
            silence: watch::Sender::default(),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    pub(crate) fn limit(&self) -> usize {
        lock(&self.state).limit.get(Instant::now())
    }

    /// What a new batch would cost here, or nothing if the endpoint takes none now.
    fn load(&self, now: Instant) -> Option<f64> {
        let state = lock(&self.state);
        let open = state.unready.is_none() && state.in_flight < state.limit.get(now) && state.breaker.admits(now);
        // An endpoint that has not answered yet counts as fast, so that it is tried.
        open.then(|| (state.in_flight + 1) as f64 * state.latency.0.unwrap_or(1e-6))
    }

    /// Takes a place for a batch, if there still is one.
    fn enter(&self, now: Instant) -> Option<(Pass, Company)> {
        let mut state = lock(&self.state);
        if state.unready.is_some() || state.in_flight >= state.limit.get(now) {
            return None;
        }
        let pass = state.breaker.pass(now)?;
        state.in_flight += 1;
        let in_flight = state.in_flight;
        let company = state.limit.sent(in_flight);
        self.requests.fetch_add(1, Ordering::Relaxed);
        Some((pass, company))
    }

    /// When time alone will let a batch in.
    fn opens_at(&self) -> Option<Instant> {
        let state = lock(&self.state);
        let times = [state.breaker.opens_at(), state.limit.drains_until()];
        times.into_iter().flatten().min().filter(|_| state.unready.is_none())
    }

    /// Why it takes no batch, for a message about it.
    pub(crate) fn trouble(&self) -> Option<String> {
        let state = lock(&self.state);
        state.unready.clone().or_else(|| state.last_failure.clone())
    }

    /// Notes what the health check saw; says whether that is news.
    pub(crate) fn set_readiness(&self, unready: Option<String>) -> bool {
        let mut state = lock(&self.state);
        let was_ready = state.unready.is_none();
        state.unready = unready;
        let is_ready = state.unready.is_none();
        let invited = is_ready && state.breaker.invite();
        drop(state);
        if was_ready != is_ready {
            match self.trouble().filter(|_| !is_ready) {
                Some(reason) => tracing::warn!(endpoint = %self.address, reason, "endpoint gets no new batches"),
                None => tracing::info!(endpoint = %self.address, "endpoint is ready"),
            }
        }
        was_ready != is_ready || invited
    }

    pub(crate) fn note_health(&self, health: &Health) -> Silence {
        self.silence.send_modify(|silence| silence.note(health));
        *self.silence.borrow()
    }

    /// Completes when the endpoint has stopped to answer even its health check: nothing will come of what is under way there.
    pub(crate) async fn falls_silent(&self) {
        self.silence_is(Silence::is_long).await;
    }

    /// Completes when it is there but hangs.
    pub(crate) async fn hangs(&self) {
        self.silence_is(Silence::is_a_hang).await;
    }

    async fn silence_is(&self, what: impl Fn(&Silence) -> bool) {
        // The sender lives as long as `self`.
        let _ = self.silence.subscribe().wait_for(what).await;
    }

    /// Whether a health check has something to find out: the endpoint is out of service for some reason.
    pub(crate) fn is_out(&self) -> bool {
        let state = lock(&self.state);
        state.unready.is_some() || state.breaker.state() != BreakerState::Closed
    }

    /// The model that answered last, as the service calls it.
    pub(crate) fn set_model(&self, model: &str) {
        let mut state = lock(&self.state);
        if state.model.as_deref() != Some(model) {
            state.model = Some(model.into());
        }
    }

    pub(crate) fn model(&self) -> Option<Arc<str>> {
        lock(&self.state).model.clone()
    }

    pub(crate) fn stats(&self) -> EndpointStats {
        let state = lock(&self.state);
        EndpointStats {
            endpoint: self.address.text().clone(),
            in_flight: state.in_flight,
            limit: state.limit.get(Instant::now()),
            breaker: state.breaker.state(),
            is_ready: state.unready.is_none(),
            latency: state.latency.0.map(Duration::from_secs_f64),
            requests: self.requests.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            last_failure: state.last_failure.clone(),
            model: state.model.clone(),
        }
    }
}
