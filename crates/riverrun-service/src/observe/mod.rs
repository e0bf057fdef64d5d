//! What a service shows of itself: metrics, traces, the prediction log.

mod computation;
mod exposition;
mod histogram;
pub(crate) mod otlp;
pub(crate) mod prediction_log;
mod process;
mod requests;
mod traceparent;
mod version;
mod watch;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::MatchedPath;
use axum::extract::Request;
use http::StatusCode;
use tokio::sync::Semaphore;
use tonic::Code;

pub(crate) use computation::Computation;
pub(crate) use exposition::metrics;
pub(crate) use version::{Changes, VersionMetrics};
pub(crate) use watch::Watch;

use crate::context::RequestContext;
use crate::models::Models;
use crate::routes::stream_of;
use prediction_log::PredictionWriter;
use requests::{Outcome, Requests, UNKNOWN_ROUTE, method_label};

/// How long the end of a service waits for its logs and traces to be out.
const FLUSH: Duration = Duration::from_secs(5);

/// What a service counts and where it writes what it is asked to.
pub(crate) struct Observe {
    requests: Requests,
    /// Which model each route leads to.
    routes: Vec<(String, String)>,
    connections: OnceLock<(Arc<Semaphore>, usize)>,
    predictions: Option<Arc<PredictionWriter>>,
    #[cfg(feature = "otlp")]
    tracer: Option<otlp::Tracer>,
}

impl Observe {
    pub(crate) fn new(models: &Models, predictions: Option<PredictionWriter>, tracer: Option<otlp::Tracer>) -> Self {
        let routes = models.routes().flat_map(|(route, model)| {
            [route.to_owned(), stream_of(route)].map(|route| (route, model.name().to_owned()))
        });
        #[cfg(not(feature = "otlp"))]
        let _ = tracer;
        Self {
            requests: Requests::default(),
            routes: routes.collect(),
            connections: OnceLock::new(),
            predictions: predictions.map(Arc::new),
            #[cfg(feature = "otlp")]
            tracer,
        }
    }

    /// Shows how many of these permits are taken as the open connections.
    pub(crate) fn watch_connections(&self, room: Arc<Semaphore>, limit: usize) {
        let _ = self.connections.set((room, limit));
    }

    /// The connections that are open, and how many may be.
    fn connections(&self) -> Option<(usize, usize)> {
        let (room, limit) = self.connections.get()?;
        Some((limit.saturating_sub(room.available_permits()), *limit))
    }

    /// A request begins. What this gives is what the request is to keep.
    pub(crate) fn begin(&self, request: &Request) -> Watch {
        self.requests.begin();
        Watch {
            route: request.extensions().get::<MatchedPath>().cloned(),
            method: method_label(request.method()),
            predictions: self.predictions.clone(),
            trace: self.trace_of(request),
            ..Watch::default()
        }
    }

    /// A request is over; without a status if its client gave it up before it had an answer.
    pub(crate) fn end(&self, context: &RequestContext, status: Option<StatusCode>, grpc: Option<Code>, complete: bool) {
        let watch = context.watch();
        let route = watch.route().unwrap_or(UNKNOWN_ROUTE);
        let model = match context.answered_by() {
            Some(version) => version.model(),
            None => self.routes.iter().find(|(known, _)| known == route).map_or("", |(_, model)| model),
        };
        self.requests.end(route, watch.method, model, Outcome { status, grpc }, context.arrived().elapsed());
        self.trace(context, status, complete);
    }

    /// What is still in memory goes to its files and its collector, if it can within a few seconds; the files are given up.
    pub(crate) async fn close(&self) {
        if let Some(log) = &self.predictions {
            log.close(FLUSH).await;
        }
        #[cfg(feature = "otlp")]
        if let Some(tracer) = &self.tracer {
            tracer.flush(FLUSH).await;
        }
    }

    #[cfg(feature = "otlp")]
    fn trace_of(&self, request: &Request) -> Option<watch::Trace> {
        let caller = traceparent::TraceParent::of(request.headers());
        match &self.tracer {
            Some(tracer) => Some(tracer.begin(request, caller)),
            None => caller.map(watch::Trace::passed_on),
        }
    }

    #[cfg(not(feature = "otlp"))]
    #[allow(clippy::unused_self, reason = "with the feature it has a tracer")]
    fn trace_of(&self, request: &Request) -> Option<watch::Trace> {
        traceparent::TraceParent::of(request.headers()).map(watch::Trace::passed_on)
    }

    #[cfg(feature = "otlp")]
    fn trace(&self, context: &RequestContext, status: Option<StatusCode>, complete: bool) {
        if let Some(tracer) = &self.tracer {
            tracer.end(context, status, complete);
        }
    }

    #[cfg(not(feature = "otlp"))]
    #[allow(clippy::unused_self, reason = "with the feature it has a tracer")]
    fn trace(&self, _: &RequestContext, _: Option<StatusCode>, _: bool) {}
}
