//! [`Requests`]: what is counted of HTTP requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{Method, StatusCode};
use tonic::Code;

use super::histogram::Histogram;

/// The route of requests that were for none.
pub(super) const UNKNOWN_ROUTE: &str = "unknown";

/// Counts of requests by route, method, model and status.
///
/// There are as many series as routes, methods of HTTP and models: nothing that a client makes up becomes a label.
#[derive(Default)]
pub(super) struct Requests {
    in_flight: AtomicU64,
    /// Grows by what is new; read without a lock.
    series: ArcSwap<Vec<Arc<Series>>>,
}

/// What became of a request.
pub(super) struct Outcome {
    /// None if its client gave it up.
    pub(super) status: Option<StatusCode>,
    /// None if it was no call of gRPC, or one whose answer did not get to its end.
    pub(super) grpc: Option<Code>,
}

/// The requests with these labels.
pub(super) struct Series {
    pub(super) route: String,
    pub(super) method: &'static str,
    pub(super) model: String,
    pub(super) duration: Histogram,
    statuses: Statuses,
    calls: [AtomicU64; CODES.len()],
}

impl Requests {
    pub(super) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// One that was begun is over.
    pub(super) fn end(&self, route: &str, method: &'static str, model: &str, outcome: Outcome, took: Duration) {
        let series = self.series(route, method, model);
        series.duration.observe_time(took);
        series.statuses.count(outcome.status);
        if let Some(code) = outcome.grpc {
            series.calls[code as usize].fetch_add(1, Ordering::Relaxed);
        }
        // Last, so that who sees no request under way sees them all counted.
        self.in_flight.fetch_sub(1, Ordering::Release);
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Acquire)
    }

    pub(super) fn all(&self) -> Arc<Vec<Arc<Series>>> {
        self.series.load_full()
    }

    fn series(&self, route: &str, method: &'static str, model: &str) -> Arc<Series> {
        let find = |list: &[Arc<Series>]| list.iter().find(|series| series.is_for(route, method, model)).cloned();
        if let Some(known) = find(&self.series.load()) {
            return known;
        }
        let new = Arc::new(Series {
            route: route.to_owned(),
            method,
            model: model.to_owned(),
            duration: Histogram::of_times(),
            statuses: Statuses::default(),
            calls: Default::default(),
        });
        self.series.rcu(|list| match find(list) {
            Some(_) => list.clone(),
            None => Arc::new(list.iter().chain([&new]).cloned().collect()),
        });
        find(&self.series.load()).unwrap_or(new)
    }
}

impl Series {
    fn is_for(&self, route: &str, method: &'static str, model: &str) -> bool {
        self.method == method && self.route == route && self.model == model
    }

    /// How many had which status.
    pub(super) fn statuses(&self) -> impl Iterator<Item = (String, u64)> {
        self.statuses.0.iter().enumerate().filter_map(|(slot, count)| {
            let count = count.load(Ordering::Relaxed);
            (count > 0).then(|| (Statuses::label(slot), count))
        })
    }

    /// How many calls of gRPC ended with which code.
    pub(super) fn calls(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counted = CODES.into_iter().zip(&self.calls).map(|(code, count)| (code, count.load(Ordering::Relaxed)));
        counted.filter(|(_, count)| *count > 0)
    }
}

/// The codes by their numbers: <https://grpc.io/docs/guides/status-codes/>.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

const FIRST: usize = 100;
const LAST: usize = 599;
const GONE: usize = LAST - FIRST + 1;
const OTHER: usize = GONE + 1;

/// A count per status.
struct Statuses(Box<[AtomicU64]>);

impl Default for Statuses {
    fn default() -> Self {
        Self((0..=OTHER).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Statuses {
    fn count(&self, status: Option<StatusCode>) {
        let slot = match status.map(|status| usize::from(status.as_u16())) {
            None => GONE,
            Some(status @ FIRST..=LAST) => status - FIRST,
            Some(_) => OTHER,
        };
        self.0[slot].fetch_add(1, Ordering::Relaxed);
    }

    fn label(slot: usize) -> String {
        match slot {
            GONE => "gone".into(),
            OTHER => "other".into(),
            slot => (slot + FIRST).to_string(),
        }
    }
}

/// The method as a label, as in OpenTelemetry's conventions: one that HTTP does not know is `_OTHER`.
pub(super) fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|known| method.as_str() == *known).unwrap_or("_OTHER")
}
