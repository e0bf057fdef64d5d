//! [`Watch`]: what one request keeps for the metrics, the traces and the prediction log.

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "otlp")]
use std::sync::Mutex;
#[cfg(feature = "otlp")]
use std::time::{Duration, Instant};

use axum::extract::MatchedPath;

use super::prediction_log::PredictionWriter;
use super::traceparent::TraceParent;

/// What one request keeps to be observed. The default is that of a request that nobody observes.
#[derive(Default)]
pub(crate) struct Watch {
    pub(super) route: Option<MatchedPath>,
    pub(super) method: &'static str,
    pub(super) predictions: Option<Arc<PredictionWriter>>,
    pub(super) trace: Option<Trace>,
    /// Whether a computation notes its times in the request's own timing.
    pub(super) timed: std::sync::atomic::AtomicBool,
}

impl Watch {
    /// The route's pattern; none of an unknown one.
    pub(super) fn route(&self) -> Option<&str> {
        self.route.as_ref().map(MatchedPath::as_str)
    }

    /// The header that makes what the request calls a part of its trace.
    pub(crate) fn traceparent(&self) -> Option<String> {
        self.trace.as_ref().map(|trace| trace.own.to_string())
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("route", &self.route()).finish_non_exhaustive()
    }
}

/// A request's place in a trace.
pub(super) struct Trace {
    /// Its own span; its caller's where there is no tracer.
    pub(super) own: TraceParent,
    #[cfg(feature = "otlp")]
    pub(super) spans: Option<Spans>,
}

/// What is kept of a request whose spans are sent.
#[cfg(feature = "otlp")]
pub(super) struct Spans {
    pub(super) parent: Option<[u8; 8]>,
    pub(super) state: String,
    pub(super) path: String,
    pub(super) started: std::time::SystemTime,
    pub(super) computed: Mutex<Vec<Computed>>,
}

/// One computation of a request.
#[cfg(feature = "otlp")]
#[derive(Debug, Clone)]
pub(super) struct Computed {
    pub(super) begun: Instant,
    pub(super) queued: Duration,
    pub(super) took: Duration,
    pub(super) batch_items: usize,
    pub(super) items: usize,
    pub(super) failed: usize,
}

impl Trace {
    /// The caller's place, for what the request calls in its turn.
    pub(super) fn passed_on(caller: TraceParent) -> Self {
        Self {
            own: caller,
            #[cfg(feature = "otlp")]
            spans: None,
        }
    }
}
