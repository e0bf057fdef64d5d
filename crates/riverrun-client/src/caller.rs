//! What all batches of one runner share: [`Caller`].

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, HeaderName, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use riverrun_runner::wire::{Map, Portable};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use crate::client::Shared;
use crate::endpoint::{Address, Endpoint, Endpoints, Health, HealthCheck, Place as At, watch_health};
use crate::error::ClientError;
use crate::http::{Pool, PoolSettings, Tls};
use crate::negotiate::{Call, Negotiated, Negotiation};
use crate::options::ClientOptions;
use crate::process::{Place, Supervision};
use crate::protocol::{Bentoml, Kserve, Plain, Protocol, Riverrun};
use crate::retry::Budget;
use crate::stats::Counters;
use crate::sync::lock;

const LOOK: Duration = Duration::from_millis(50);

pub(crate) struct Caller<R: Portable> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) options: ClientOptions,
    /// What every request has.
    pub(crate) headers: HeaderMap,
    pub(crate) budget: Mutex<Budget>,
    pub(crate) parameters: OnceLock<Map>,
    protocol: OnceCell<Arc<dyn Protocol<R>>>,
    /// The health checks; they end with the caller.
    background: Mutex<JoinSet<()>>,
    /// The process that the service is, if it is this program's own.
    process: Option<(Place, Supervision)>,
}

impl<R: Portable> Caller<R> {
    pub(crate) fn new(name: &str, options: ClientOptions) -> Result<Self, ClientError> {
        let name: Arc<str> = name.into();
        if options.urls.is_empty() {
            return Err(ClientError::NoEndpoints { runner: name });
        }
        let headers = headers(&name, &options)?;
        let addresses = options.urls.iter().map(|url| Address::parse(url)).collect::<Result<Vec<_>, _>>()?;
        let needs_tls = addresses.iter().any(|address| matches!(address.place(), At::Tcp { tls: true, .. }));
        let tls = needs_tls.then(|| Tls::new(options.root_certificates.as_deref())).transpose()?;
        let settings = PoolSettings {
            connect_timeout: options.connect_timeout,
            max_age: options.connection_max_age,
            idle_timeout: options.connection_idle_timeout,
            max_reply_bytes: options.max_reply_bytes,
        };
        let endpoints = addresses.into_iter().map(|address| {
            let pool = Pool::new(address.clone(), tls.clone(), settings.clone());
            Endpoint::new(address, pool, &options)
        });
        let shared = Shared {
            name,
            endpoints: Arc::new(Endpoints::new(endpoints.collect())),
            counters: Counters::default(),
            negotiated: OnceLock::new(),
        };
        let retries = &options.retries;
        let budget = Budget::new(retries.ratio, retries.burst, retries.per_second, Instant::now());
        Ok(Self {
            shared: Arc::new(shared),
            headers,
            budget: Mutex::new(budget),
            parameters: OnceLock::new(),
            protocol: OnceCell::new(),
            background: Mutex::default(),
            process: None,
            options,
        })
    }

    /// A caller of a process that lives for as long as the caller does.
    pub(crate) fn of_process(self, place: Place, supervision: Supervision) -> Self {
        Self { process: Some((place, supervision)), ..self }
    }

    /// Why nothing can be expected of the service, if something else knows: the supervisor of its process.
    pub(crate) fn hopeless(&self) -> Option<String> {
        self.process.as_ref().and_then(|(place, _)| place.failure())
    }

    /// The protocol, negotiated by the first who asks.
    pub(crate) async fn protocol(&self) -> Result<&Arc<dyn Protocol<R>>, ClientError> {
        self.protocol.get_or_try_init(|| self.negotiate()).await
    }

    async fn negotiate(&self) -> Result<Arc<dyn Protocol<R>>, ClientError> {
        let shared = &self.shared;
        let negotiation = Negotiation { runner: &shared.name, options: &self.options, headers: &self.headers };
        let negotiated = negotiation.run(&shared.endpoints).await?;
        let protocol: Arc<dyn Protocol<R>> = match &negotiated.call {
            Call::Riverrun => Arc::new(Riverrun),
            Call::Plain => Arc::new(Plain),
            Call::Bentoml(api) => Arc::new(Bentoml { api: api.clone() }),
            Call::Kserve(metadata) => {
                let kserve = Kserve::new::<R>(metadata.clone()).map_err(|reason| ClientError::Negotiation {
                    runner: shared.name.clone(),
                    endpoint: self.options.urls.join("`, `"),
                    reason,
                })?;
                Arc::new(kserve)
            }
        };
        self.watch(&negotiated);
        // Set once: the cell around lets one in.
        let _ = shared.negotiated.set(negotiated);
        Ok(protocol)
    }

    fn watch(&self, negotiated: &Negotiated) {
        let Some(interval) = self.options.health_interval else { return };
        let mut background = lock(&self.background);
        for endpoint in self.shared.endpoints.iter() {
            let Some(check) = self.health_check(negotiated, endpoint) else { return };
            if let Some((_, supervision)) = &self.process {
                background.spawn(supervision.end_if_it_hangs(endpoint.clone()));
            }
            background.spawn(watch_health(endpoint.clone(), self.shared.endpoints.clone(), check, interval));
        }
    }

    fn health_check(&self, negotiated: &Negotiated, endpoint: &Endpoint) -> Option<HealthCheck> {
        let page = negotiated.health.as_ref()?;
        Some(HealthCheck {
            target: negotiated.target.page(&endpoint.address, page),
            headers: self.headers.clone(),
            timeout: self.options.health_timeout,
        })
    }

    /// Why no endpoint is ready, if the service has a page that tells.
    pub(crate) async fn unready(&self) -> Option<String> {
        let negotiated = self.shared.negotiated.get()?;
        let mut reason = None;
        for endpoint in self.shared.endpoints.iter() {
            let health = self.health_check(negotiated, endpoint)?.ask(endpoint).await;
            endpoint.note_health(&health);
            match health {
                Health::Ready | Health::Unknown => return None,
                Health::Unready(said) | Health::Silent { reason: said, .. } => reason = Some(said),
            }
        }
        reason
    }

    /// How many requests a batch of so many items is.
    pub(crate) fn requests(&self, items: usize) -> usize {
        let max = self.protocol.get().map_or(usize::MAX, |protocol| protocol.max_items());
        items.div_ceil(max.max(1))
    }

    /// Waits until another request may be under way.
    pub(crate) async fn room(&self) {
        loop {
            let changed = self.shared.endpoints.changed().notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.shared.counters.in_flight.load(Ordering::Acquire) < self.shared.endpoints.limit() {
                return;
            }
            // A limit may change with time alone, of which nobody tells.
            let _ = tokio::time::timeout(LOOK, changed).await;
        }
    }
}

fn headers(runner: &Arc<str>, options: &ClientOptions) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::with_capacity(options.headers.len() + 2);
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("riverrun/", env!("CARGO_PKG_VERSION"))));
    let fail = |option, reason: String| ClientError::Option { runner: runner.clone(), option, reason };
    for (name, value) in &options.headers {
        let wrong = || fail("header", format!("`{name}` or its value can't be in a header; write letters and digits"));
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        headers.append(name, HeaderValue::try_from(value).map_err(|_| wrong())?);
    }
    if let Some(token) = &options.bearer_token {
        // Not the token itself: the message ends up in logs.
        let wrong = |_| fail("bearer_token", "it has characters that can't be in a header".to_owned());
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(wrong)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}
