//! The service's own routes: health, models, documentation, the page.

mod docs;
mod health;
mod models;
mod page;
mod taken;

use axum::Router;
use axum::routing::get;

pub(crate) use page::is_page;
pub(crate) use taken::Taken;

use crate::kserve;
use crate::observe::metrics;
use crate::state::SharedState;

/// The service's own routes, as they are documented. No model and no endpoint may have one of them.
pub(crate) const OWN: [&str; 19] = [
    "GET /",
    "GET /livez",
    "GET /readyz",
    "GET /healthz",
    "GET /v1/models",
    "GET /v1/models/{name}",
    "POST /v1/models/{name}:predict",
    "GET /v2",
    "GET /v2/health/live",
    "GET /v2/health/ready",
    "GET /v2/models/{name}",
    "GET /v2/models/{name}/ready",
    "POST /v2/models/{name}/infer",
    "POST /v2/repository/index",
    "POST /inference.GRPCInferenceService/{method}",
    "POST /grpc.health.v1.Health/{method}",
    "GET /metrics",
    "GET /docs",
    "GET /docs.json",
];

/// What is below these is the service's own too.
const OWN_TREES: [&str; 7] =
    ["/v1/models", "/v2", "/inference.GRPCInferenceService", "/grpc.health.v1.Health", "/docs", "/metrics", "/assets"];

/// Where a model at `route` takes streams.
pub(crate) fn stream_of(route: &str) -> String {
    format!("{}/stream", route.trim_end_matches('/'))
}

/// The routes of [`OWN`].
pub(crate) fn own() -> Router<SharedState> {
    Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/healthz", get(health::health))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{model}", get(models::one).post(models::act))
        .route("/metrics", get(metrics))
        .route("/docs.json", get(docs::document))
        .merge(page::routes())
        .merge(kserve::routes())
}
