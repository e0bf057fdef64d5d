//! [`Service`]: what is served.

use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::from_fn_with_state;
use axum::routing::post;
use riverrun_runner::Runner;
use riverrun_runner::wire::Portable;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate, SizeAbove};
use tower_http::decompression::RequestDecompressionLayer;

use crate::endpoint::{Endpoint, IntoEndpoint};
use crate::error::ServiceError;
use crate::fault::panic_message;
use crate::limits::Limits;
use crate::middleware::{self, Tokens};
use crate::models::Models;
use crate::observe::Observe;
use crate::observe::otlp::Otlp;
use crate::observe::prediction_log::PredictionLog;
use crate::predict;
use crate::routes;
use crate::served_model::ServedModel;
use crate::server::{BoundServer, Server};
use crate::state::{AppState, SharedState};

/// The version of a runner whose name is no tag.
const UNVERSIONED: &str = "unversioned";

/// Answers below this many bytes are not worth compressing.
const WORTH_COMPRESSING: u16 = 1 << 10;

/// What is served: models at routes, typed endpoints, limits, who may call. A [`Server`] says where.
///
/// What is wrong with it (two things on one route, say) is found when it is bound.
pub struct Service {
    name: String,
    models: Vec<(String, Arc<ServedModel>)>,
    endpoints: Vec<(String, Endpoint)>,
    merged: Vec<Router>,
    limits: Limits,
    tokens: Vec<String>,
    origins: Vec<String>,
    prediction_log: Option<PredictionLog>,
    otlp: Option<Otlp>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("models", &self.models)
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// A service that serves nothing yet but its own routes.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            models: Vec::new(),
            endpoints: Vec::new(),
            merged: Vec::new(),
            limits: Limits::default(),
            tokens: Vec::new(),
            origins: Vec::new(),
            prediction_log: None,
            otlp: None,
        }
    }

    /// Serves a model at this route. It may have several routes, and a service several models.
    #[must_use]
    pub fn model(mut self, route: impl Into<String>, model: &Arc<ServedModel>) -> Self {
        self.models.push((route.into(), model.clone()));
        self
    }

    /// Serves a runner at this route, as a model in one version: those of its name where that is a tag (`name:version`).
    #[must_use]
    pub fn runner<R: Portable>(self, route: impl Into<String>, runner: &Runner<R>) -> Self {
        let (name, version) = runner.name().rsplit_once(':').unwrap_or((runner.name(), UNVERSIONED));
        let model = ServedModel::new(name, version, runner.erased());
        self.model(route, &model)
    }

    /// Answers `POST` at this route with the user's own function: see [`Endpoint`].
    #[must_use]
    pub fn endpoint<Marker>(mut self, route: impl Into<String>, endpoint: impl IntoEndpoint<Marker>) -> Self {
        self.endpoints.push((route.into(), endpoint.into_endpoint()));
        self
    }

    /// Serves the routes of this router too, behind the same tokens, log and error form. Its limits are its own.
    ///
    /// A route of it that the service has too is an error when the service is bound.
    #[must_use]
    pub fn merge(mut self, router: Router) -> Self {
        self.merged.push(router);
        self
    }

    /// What a request may have.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Lets in requests with this bearer token only, or with another that was given. The health routes stay open.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.tokens.push(token.into());
        self
    }

    /// Lets pages of this origin call the service (`https://example.org`; `*` for all). None may by default.
    #[must_use]
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Takes this address, with the defaults of a [`Server`].
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub async fn bind(self, address: impl Into<SocketAddr>) -> Result<BoundServer, ServiceError> {
        Server::new().listen(address.into()).bind(self).await
    }

    /// Logs what was answered by which version. Nothing is logged by default.
    ///
    /// What is still in memory when a [`BoundServer`](crate::BoundServer) ends is written first; a server of one's own may lose the
    /// last moments.
    #[must_use]
    pub fn prediction_log(mut self, log: PredictionLog) -> Self {
        self.prediction_log = Some(log);
        self
    }

    /// Sends traces. None are sent by default. Needs the feature `otlp`: without it, binding the service is an error.
    #[must_use]
    pub fn otlp(mut self, otlp: Otlp) -> Self {
        self.otlp = Some(otlp);
        self
    }

    /// The service as a router, for a server of one's own. Connections, TLS, time-outs of heads and the drain are then that server's.
    ///
    /// # Errors
    /// Two things on one route, a bad name or route, a bad token or origin.
    pub fn into_router(self) -> Result<Router, ServiceError> {
        Ok(self.build()?.0)
    }

    /// The router with all its layers, and the state behind it.
    pub(crate) fn build(self) -> Result<(Router, SharedState), ServiceError> {
        let Self { name, models: given, endpoints, merged, limits, tokens, origins, prediction_log, otlp } = self;
        let tokens = Tokens::new(&tokens)?;
        let mut taken = routes::Taken::new();
        let mut models = Models::default();
        for (route, model) in given {
            taken.take(&route, &format!("model {}", model.name()))?;
            models.add(&route, model)?;
        }
        for (route, endpoint) in &endpoints {
            taken.take_one(
                route,
                &format!("endpoint {}", if endpoint.summary.is_empty() { route } else { &endpoint.summary }),
            )?;
        }
        let mut router = routes::own();
        for (route, model) in models.routes() {
            router = serve_model(router, route, model);
        }
        for (route, endpoint) in &endpoints {
            let endpoint = endpoint.clone();
            let handle =
                move |State(state): State<SharedState>, request: Request| endpoint.clone().handle(state, request);
            router = router.route(route, post(handle));
        }
        let secured = !tokens.is_empty();
        let tracer = otlp.map(|otlp| otlp.start(&name)).transpose()?;
        let predictions = prediction_log.map(|log| log.start()).transpose()?;
        let observe = Observe::new(&models, predictions, tracer);
        let state = Arc::new(AppState::new(name, models, limits, taken.into_routes(), endpoints, secured, observe));
        let mut router = router.with_state(state.clone());
        for other in merged {
            router = merged_with(router, other)?;
        }
        Ok((surround(router, &state, tokens, &origins)?, state))
    }
}

fn serve_model(router: Router<SharedState>, route: &str, model: &Arc<ServedModel>) -> Router<SharedState> {
    let at = model.clone();
    let predict =
        move |State(state): State<SharedState>, request: Request| predict::predict(state, at.clone(), request);
    let at = model.clone();
    let stream = move |State(state): State<SharedState>, request: Request| predict::stream(state, at.clone(), request);
    router.route(route, post(predict)).route(&routes::stream_of(route), post(stream))
}

/// The library reports a route that both have by a panic alone.
fn merged_with(router: Router, other: Router) -> Result<Router, ServiceError> {
    catch_unwind(AssertUnwindSafe(|| router.merge(other)))
        .map_err(|panic| ServiceError::Merge { reason: panic_message(&*panic).to_owned() })
}

/// The layers around all routes, from the inside out: what is decided first stands last.
fn surround(router: Router, state: &SharedState, tokens: Tokens, origins: &[String]) -> Result<Router, ServiceError> {
    let compressed = DefaultPredicate::new().and(SizeAbove::new(WORTH_COMPRESSING));
    let mut router = router
        .layer(RequestDecompressionLayer::new())
        .layer(CompressionLayer::new().quality(tower_http::CompressionLevel::Fastest).compress_when(compressed));
    if !tokens.is_empty() {
        router = router.layer(from_fn_with_state(tokens, middleware::bearer));
    }
    router = router.layer(from_fn_with_state(state.clone(), middleware::faults));
    if !origins.is_empty() {
        // Outside of the tokens, since a browser asks for leave without one.
        router = router.layer(middleware::cors(origins)?);
    }
    Ok(router.layer(from_fn_with_state(state.clone(), middleware::access)))
}
