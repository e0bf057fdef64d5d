//! The spans of one request.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::StatusCode;

use super::message::{KeyValue, Span, Status};
use crate::context::RequestContext;
use crate::observe::traceparent::TraceParent;
use crate::observe::watch::{Computed, Spans};

const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const ERROR: i32 = 2;
/// In the flags: whether the parent is in another process is known, and it is.
const KNOWN: u32 = 0x100;
const REMOTE: u32 = 0x200;

/// What has to be known of a request, beside what its context knows, to make its spans.
pub(super) struct Ended<'a> {
    pub(super) own: TraceParent,
    pub(super) spans: &'a Spans,
    pub(super) context: &'a RequestContext,
    pub(super) status: Option<StatusCode>,
    pub(super) complete: bool,
}

impl Ended<'_> {
    /// That of the request, and for each of its computations one of the queue and one of the computation.
    pub(super) fn spans(&self, new_id: impl Fn() -> [u8; 8]) -> Vec<Span> {
        let computed = self.spans.computed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut spans = vec![self.request()];
        for one in computed.iter() {
            let began = one.begun + one.queued;
            spans.push(self.child("queue", new_id(), one, (one.begun, began)));
            let mut compute = self.child("compute", new_id(), one, (began, began + one.took));
            if one.failed > 0 {
                let message = format!("{} of {} items failed", one.failed, one.items);
                compute.status = Some(Status { message, code: ERROR });
            }
            spans.push(compute);
        }
        spans
    }

    fn request(&self) -> Span {
        let watch = self.context.watch();
        let method = watch.method;
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("url.path", &*self.spans.path),
            KeyValue::new("riverrun.request_id", self.context.id()),
        ];
        if let Some(route) = watch.route() {
            attributes.push(KeyValue::new("http.route", route));
        }
        if let Some(status) = self.status {
            attributes.push(KeyValue::new("http.response.status_code", usize::from(status.as_u16())));
        }
        if let Some(version) = self.context.answered_by() {
            attributes.push(KeyValue::new("riverrun.model", version.tag()));
        }
        if let Some(items) = self.context.items() {
            attributes.push(KeyValue::new("riverrun.items", items));
        }
        // As the conventions have it: a fault of the caller's is no error of the server's span.
        let failed = self.status.is_some_and(|status| status.is_server_error());
        let error = match self.status {
            Some(status) if failed => Some(status.as_str().to_owned()),
            _ if !self.complete => Some("cancelled".to_owned()),
            _ => None,
        };
        let status = error.map(|error| {
            attributes.push(KeyValue::new("error.type", &*error));
            Status { message: String::new(), code: ERROR }
        });
        // A method that HTTP does not know is in no name, since names are to be few.
        let verb = if method == "_OTHER" { "HTTP" } else { method };
        let name = watch.route().map_or_else(|| verb.to_owned(), |route| format!("{verb} {route}"));
        let remote = if self.spans.parent.is_some() { KNOWN | REMOTE } else { KNOWN };
        Span {
            parent_span_id: self.spans.parent.map_or_else(Vec::new, |parent| parent.to_vec()),
            attributes,
            status,
            flags: u32::from(self.own.flags) | remote,
            ..self.span(name, self.own.span_id, SERVER, (self.context.arrived(), Instant::now()))
        }
    }

    fn child(&self, name: &str, id: [u8; 8], computed: &Computed, times: (Instant, Instant)) -> Span {
        let mut attributes = vec![KeyValue::new("riverrun.items", computed.items)];
        if let Some(version) = self.context.answered_by() {
            attributes.push(KeyValue::new("riverrun.model", version.tag()));
        }
        if name == "compute" {
            attributes.push(KeyValue::new("riverrun.batch.items", computed.batch_items));
        }
        Span {
            parent_span_id: self.own.span_id.to_vec(),
            attributes,
            flags: u32::from(self.own.flags) | KNOWN,
            ..self.span(name.to_owned(), id, INTERNAL, times)
        }
    }

    fn span(&self, name: String, id: [u8; 8], kind: i32, (start, end): (Instant, Instant)) -> Span {
        Span {
            trace_id: self.own.trace_id.to_vec(),
            span_id: id.to_vec(),
            trace_state: self.spans.state.clone(),
            name,
            kind,
            start_time_unix_nano: self.nanos(start),
            end_time_unix_nano: self.nanos(end),
            ..Span::default()
        }
    }

    /// One clock for all times of a request, so that children lie within their parents whatever is done to the system's.
    fn nanos(&self, time: Instant) -> u64 {
        let since: Duration = time.saturating_duration_since(self.context.arrived());
        let time: SystemTime = self.spans.started + since;
        let nanos = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}
