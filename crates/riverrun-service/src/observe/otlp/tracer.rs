//! [`Tracer`]: gives requests their place in a trace, and their spans to the exporter.

use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use axum::extract::Request;
use http::StatusCode;

use super::Otlp;
use super::export::{Counts, Exporter};
use super::spans::Ended;
use crate::context::RequestContext;
use crate::error::ServiceError;
use crate::observe::traceparent::TraceParent;
use crate::observe::watch::{Spans, Trace};

/// The most bytes of a `tracestate`, which the standard wants passed on.
const LONGEST_STATE: usize = 512;

pub(crate) struct Tracer {
    share: f64,
    ids: Ids,
    exporter: Exporter,
}

impl Tracer {
    pub(super) fn start(otlp: &Otlp, service: &str) -> Result<Self, ServiceError> {
        Ok(Self { share: otlp.share, ids: Ids::default(), exporter: Exporter::start(otlp, service)? })
    }

    pub(crate) fn counts(&self) -> &Counts {
        self.exporter.counts()
    }

    /// The place of a request in its caller's trace, or in one that begins with it.
    pub(in crate::observe) fn begin(&self, request: &Request, caller: Option<TraceParent>) -> Trace {
        let span_id = self.ids.next();
        let (trace_id, sampled) = match caller {
            Some(caller) => (caller.trace_id, caller.is_sampled()),
            None => {
                let trace_id = u128::from(u64::from_be_bytes(self.ids.next())) << 64
                    | u128::from(u64::from_be_bytes(self.ids.next()));
                (trace_id.to_be_bytes(), !is_probe(request) && is_sampled(trace_id, self.share))
            }
        };
        let spans = sampled.then(|| Spans {
            parent: caller.map(|caller| caller.span_id),
            state: match (caller, request.headers().get("tracestate").and_then(|state| state.to_str().ok())) {
                (Some(_), Some(state)) if state.len() <= LONGEST_STATE => state.to_owned(),
                _ => String::new(),
            },
            path: request.uri().path().to_owned(),
            started: SystemTime::now(),
            computed: Mutex::default(),
        });
        Trace { own: TraceParent::new(trace_id, span_id, sampled), spans }
    }

    /// A request is over: its spans go to the exporter, or are counted if that has too many.
    pub(crate) fn end(&self, context: &RequestContext, status: Option<StatusCode>, complete: bool) {
        let Some(trace) = &context.watch().trace else { return };
        let Some(spans) = &trace.spans else { return };
        let ended = Ended { own: trace.own, spans, context, status, complete };
        self.exporter.send(ended.spans(|| self.ids.next()));
    }

    pub(crate) async fn flush(&self, limit: Duration) {
        self.exporter.flush(limit).await;
    }
}

/// What is asked every few seconds and would hide all else: health and metrics.
fn is_probe(request: &Request) -> bool {
    let path = request.uri().path();
    matches!(path, "/metrics" | "/livez" | "/readyz" | "/healthz" | "/v2/health/live" | "/v2/health/ready")
}

/// The same answer for a trace in every process, as OpenTelemetry's `TraceIdRatioBased` has it: by the trace's last 63 bits.
#[allow(clippy::cast_precision_loss)]
fn is_sampled(trace_id: u128, share: f64) -> bool {
    let low = (trace_id as u64) >> 1;
    (low as f64) < share * (1_u64 << 63) as f64
}

/// Ids that nobody else is likely to have: a keyed hash of a count. No secrets.
#[derive(Default)]
struct Ids {
    key: RandomState,
    count: AtomicU64,
}

impl Ids {
    fn next(&self) -> [u8; 8] {
        // All zeros would be no id.
        self.key.hash_one(self.count.fetch_add(1, Ordering::Relaxed)).max(1).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_traces_is_sampled_and_all_of_none_or_all() {
        let ids = Ids::default();
        let sampled = |share: f64| {
            let traces = (0..4000).map(|_| u128::from(u64::from_be_bytes(ids.next())));
            traces.filter(|trace| is_sampled(*trace, share)).count()
        };

        assert_eq!((sampled(0.0), sampled(1.0)), (0, 4000));
        assert!((700..1300).contains(&sampled(0.25)));
    }
}
