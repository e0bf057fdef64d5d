//! What every handler of a service shares.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use crate::endpoint::Endpoint;
use crate::limits::Limits;
use crate::models::Models;
use crate::observe::Observe;
use crate::openapi;
use crate::predict::BodyBudget;
use crate::served_model::ServedModel;

/// The state behind the routes of one service.
pub(crate) struct AppState {
    /// The service's name.
    pub(crate) name: String,
    /// What is served.
    pub(crate) models: Models,
    /// What a request may have.
    pub(crate) limits: Limits,
    /// Bytes of bodies that may be in memory at a time.
    pub(crate) bodies: BodyBudget,
    /// Every route, for people and for the answer to an unknown one: `POST /classify`.
    pub(crate) routes: Vec<String>,
    /// When it was started.
    pub(crate) started: Instant,
    /// What is counted, and where logs and traces go.
    pub(crate) observe: Observe,
    endpoints: Vec<(String, Endpoint)>,
    secured: bool,
    draining: watch::Sender<bool>,
}

/// As the handlers hold it.
pub(crate) type SharedState = Arc<AppState>;

impl AppState {
    pub(crate) fn new(
        name: String, models: Models, limits: Limits, routes: Vec<String>, endpoints: Vec<(String, Endpoint)>,
        secured: bool, observe: Observe,
    ) -> Self {
        let bodies = BodyBudget::new(limits.max_bodies);
        let (started, draining) = (Instant::now(), watch::Sender::new(false));
        Self { name, models, limits, bodies, routes, started, observe, endpoints, secured, draining }
    }

    /// Whether requests should be sent here: every model is loaded and no shutdown has begun.
    pub(crate) fn is_ready(&self) -> bool {
        !self.is_draining() && self.unready_model().is_none()
    }

    /// A model that is not loaded yet, or can't compute.
    pub(crate) fn unready_model(&self) -> Option<&Arc<ServedModel>> {
        self.models.unready()
    }

    /// Whether a shutdown has begun. Requests are still answered.
    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// The OpenAPI document, with the schemas of the versions that are served now.
    pub(crate) fn documentation(&self) -> String {
        let parts = openapi::Parts {
            name: &self.name,
            models: &self.models,
            endpoints: &self.endpoints,
            secured: self.secured,
            max_items: self.limits.max_items,
        };
        openapi::document(&parts).to_string()
    }

    /// The methods that the route at `path` takes.
    pub(crate) fn methods_at(&self, path: &str) -> Vec<&str> {
        let routes = || self.routes.iter().filter_map(|route| route.split_once(' '));
        // Of `{name}` and `{name}:predict` it is the one that says more.
        let patterns = routes().map(|(_, pattern)| pattern).filter(|pattern| matches(pattern, path));
        let Some(route) = patterns.max_by_key(|pattern| pattern.len()) else { return Vec::new() };
        routes().filter(|(_, pattern)| *pattern == route).map(|(method, _)| method).collect()
    }

    /// Takes readiness off, for good.
    pub(crate) fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Waits until a shutdown has begun.
    pub(crate) async fn drained(&self) {
        // The sender is this state's own, so there is always one.
        let _ = self.draining.subscribe().wait_for(|draining| *draining).await;
    }
}

/// Whether a path is of this pattern, in which `{…}` stands for part of a segment.
fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut segments) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), segments.next()) {
            (None, None) => return true,
            (Some(pattern), Some(segment)) => match (pattern.find('{'), pattern.find('}')) {
                (Some(open), Some(close)) => {
                    let (before, after) = (&pattern[..open], &pattern[close + 1..]);
                    let inner = segment.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                    if inner.is_none_or(str::is_empty) {
                        return false;
                    }
                }
                _ if pattern != segment => return false,
                _ => {}
            },
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_the_paths_that_fill_it() {
        assert!(matches("/v1/models/{name}:predict", "/v1/models/a:predict"));
        assert!(matches("/v1/models/{name}", "/v1/models/a"));
        assert!(matches("/", "/"));
        for other in ["/v1/models/a", "/v1/models/:predict", "/v1/models/a:predict/b", "/"] {
            assert!(!matches("/v1/models/{name}:predict", other), "{other}");
        }
    }
}
