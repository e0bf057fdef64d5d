//! What every handler of a service shares.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use crate::limits::Limits;
use crate::models::Models;
use crate::predict::BodyBudget;

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
    draining: watch::Sender<bool>,
}

/// As the handlers hold it.
pub(crate) type SharedState = Arc<AppState>;

impl AppState {
    pub(crate) fn new(name: String, models: Models, limits: Limits, routes: Vec<String>) -> Self {
        let bodies = BodyBudget::new(limits.max_bodies);
        Self { name, models, limits, bodies, routes, started: Instant::now(), draining: watch::Sender::new(false) }
    }

    /// Whether requests should be sent here: every model is loaded and no shutdown has begun.
    pub(crate) fn is_ready(&self) -> bool {
        !self.is_draining() && self.models.are_ready()
    }

    /// Whether a shutdown has begun. Requests are still answered.
    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
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
