//! [`Client`]: what can be asked about a runner's service.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use crate::endpoint::Endpoints;
use crate::negotiate::Negotiated;
use crate::protocol::ProtocolKind;
use crate::stats::{ClientStats, Counters};

/// A handle on the connection between a runner and its service. It may be dropped at any time: the runner goes on.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) name: Arc<str>,
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) counters: Counters,
    pub(crate) negotiated: OnceLock<Negotiated>,
}

/// What was agreed on with the service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientInfo {
    /// The runner's name.
    pub runner: Arc<str>,
    /// What the service is spoken to in; none before a lazy runner's first call.
    pub protocol: Option<ProtocolKind>,
    /// The endpoints' URLs.
    pub endpoints: Vec<Arc<str>>,
    /// The path that the first endpoint is called at.
    pub route: Option<String>,
    /// The exact tag of the model, where the service says it: that of the last answer, or else of the start.
    pub model: Option<Arc<str>>,
    /// The methods that the service says it has.
    pub methods: Vec<String>,
}

impl Client {
    /// What was agreed on with the service.
    #[must_use]
    pub fn info(&self) -> ClientInfo {
        let shared = &self.shared;
        let negotiated = shared.negotiated.get();
        let first = shared.endpoints.iter().next();
        ClientInfo {
            runner: shared.name.clone(),
            protocol: negotiated.map(|negotiated| negotiated.call.kind()),
            endpoints: shared.endpoints.iter().map(|endpoint| endpoint.address.text().clone()).collect(),
            route: negotiated.zip(first).map(|(negotiated, first)| negotiated.target.at(&first.address)),
            model: shared.endpoints.iter().find_map(|endpoint| endpoint.model()),
            methods: negotiated.map(|negotiated| negotiated.methods.clone()).unwrap_or_default(),
        }
    }

    /// The counters and gauges of this moment.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        let counters = &self.shared.counters;
        ClientStats {
            in_flight: counters.in_flight.load(Ordering::Relaxed),
            limit: self.shared.endpoints.limit(),
            batches: counters.batches.load(Ordering::Relaxed),
            items: counters.items.load(Ordering::Relaxed),
            failed_items: counters.failed_items.load(Ordering::Relaxed),
            retries: counters.retries.load(Ordering::Relaxed),
            splits: counters.splits.load(Ordering::Relaxed),
            abandoned: counters.abandoned.load(Ordering::Relaxed),
            endpoints: self.shared.endpoints.iter().map(|endpoint| endpoint.stats()).collect(),
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("info", &self.info()).finish_non_exhaustive()
    }
}
