//! [`RequestContext`]: what is known of one request beside its body.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName};
use riverrun_runner::{Priority, RequestTiming};

use crate::fault::Fault;
use crate::limits::Limits;
use crate::observe::Watch;
use crate::served_model::ServedVersion;
use crate::server::Peer;

/// `X-Request-Id`: names a request in the answer, the logs, and at the next service.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// `X-Timeout-Ms`: how many milliseconds the caller still has.
pub(crate) const TIMEOUT_MS: HeaderName = HeaderName::from_static("x-timeout-ms");
/// `X-Priority`: `low`, `normal` or `high`.
pub(crate) const PRIORITY: HeaderName = HeaderName::from_static("x-priority");
/// `X-Model`: the exact version that answered, `name:version`.
pub(crate) const MODEL: HeaderName = HeaderName::from_static("x-model");
/// `Server-Timing`: how long the request was queued and computed.
pub(crate) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

const LONGEST_ID: usize = 128;

/// What is known of one request beside its body. An endpoint gets it by taking `(RequestContext, Input)`.
#[derive(Debug, Clone)]
pub struct RequestContext(Arc<Known>);

#[derive(Debug)]
struct Known {
    id: Box<str>,
    arrived: Instant,
    peer: Peer,
    timing: Arc<RequestTiming>,
    answered_by: OnceLock<Arc<ServedVersion>>,
    items: AtomicUsize,
    watch: Watch,
}

impl RequestContext {
    pub(crate) fn new(headers: &HeaderMap, peer: Peer, watch: Watch) -> Self {
        let id = headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| is_request_id(id));
        Self(Arc::new(Known {
            id: id.map_or_else(new_id, Box::from),
            arrived: Instant::now(),
            peer,
            timing: RequestTiming::new(),
            answered_by: OnceLock::new(),
            items: AtomicUsize::new(0),
            watch,
        }))
    }

    /// The request's id: that of its `X-Request-Id`, or one of its own.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Who sent it.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.0.peer
    }

    /// When its head was there.
    #[must_use]
    pub fn arrived(&self) -> Instant {
        self.0.arrived
    }

    /// Where the runner notes how long it was queued and computed.
    #[must_use]
    pub fn timing(&self) -> &Arc<RequestTiming> {
        &self.0.timing
    }

    /// The W3C header `traceparent` for what is called on behalf of this request; none if it is part of no trace.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.0.watch.traceparent()
    }

    /// What it keeps to be observed.
    pub(crate) fn watch(&self) -> &Watch {
        &self.0.watch
    }

    /// Notes the version that computes it, and so many inputs more.
    pub(crate) fn note(&self, version: &Arc<ServedVersion>, items: usize) {
        let _ = self.0.answered_by.set(version.clone());
        self.0.items.fetch_add(items, Ordering::Relaxed);
    }

    /// The version that computes it, once that is known.
    pub(crate) fn answered_by(&self) -> Option<&Arc<ServedVersion>> {
        self.0.answered_by.get()
    }

    /// How many inputs were computed for it so far; none where it is not known to compute any.
    pub(crate) fn items(&self) -> Option<usize> {
        Some(self.0.items.load(Ordering::Relaxed)).filter(|items| *items > 0)
    }
}

/// What is visible in ASCII and cannot break a log line, a header or a URL.
fn is_request_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=@~".contains(&b))
}

/// 128 bits that no other request of this or another process is likely to have. Not a secret.
fn new_id() -> Box<str> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    static PROCESS: LazyLock<(RandomState, RandomState)> = LazyLock::new(|| (RandomState::new(), RandomState::new()));
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}{:016x}", PROCESS.0.hash_one(count), PROCESS.1.hash_one(count)).into()
}

/// How long a request may take, from its head on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    timeout: Duration,
}

impl Deadline {
    /// That of the header, or the service's where that is shorter.
    pub(crate) fn of(headers: &HeaderMap, limits: &Limits, context: &RequestContext) -> Result<Self, Fault> {
        let timeout = match headers.get(&TIMEOUT_MS) {
            None => limits.timeout,
            Some(value) => {
                let millis = value.to_str().ok().and_then(|text| text.trim().parse::<u64>().ok());
                let millis = millis.ok_or_else(|| {
                    Fault::malformed("`X-Timeout-Ms` is not a number of milliseconds, such as 250".to_owned())
                })?;
                limits.timeout.min(Duration::from_millis(millis))
            }
        };
        Ok(Self { at: context.arrived() + timeout, timeout })
    }

    /// So long, or as long as the service gives where that is shorter.
    pub(crate) fn within(timeout: Duration, limits: &Limits, context: &RequestContext) -> Self {
        let timeout = limits.timeout.min(timeout);
        Self { at: context.arrived() + timeout, timeout }
    }

    /// So long from now, for one input of a stream.
    pub(crate) fn from_now(timeout: Duration) -> Self {
        Self { at: Instant::now() + timeout, timeout }
    }

    /// How long it was at first.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What is left of it.
    pub(crate) fn left(&self) -> Result<Duration, Fault> {
        let left = self.at.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(self.missed()) } else { Ok(left) }
    }

    /// What is said when nothing is.
    pub(crate) fn missed(&self) -> Fault {
        Fault::DeadlineExceeded { timeout: self.timeout }
    }

    /// The future's value, if it is there in time.
    pub(crate) async fn limit<T>(&self, future: impl Future<Output = T>) -> Result<T, Fault> {
        tokio::time::timeout_at(self.at.into(), future).await.map_err(|_| self.missed())
    }
}

/// The priority of the header; normal without one.
pub(crate) fn priority(headers: &HeaderMap) -> Result<Priority, Fault> {
    match headers.get(&PRIORITY).map(|value| value.as_bytes()) {
        None => Ok(Priority::Normal),
        Some(b"low") => Ok(Priority::Low),
        Some(b"normal") => Ok(Priority::Normal),
        Some(b"high") => Ok(Priority::High),
        Some(_) => Err(Fault::malformed("`X-Priority` is not a priority; it is `low`, `normal` or `high`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(id: &[u8]) -> RequestContext {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, http::HeaderValue::from_bytes(id).unwrap());
        RequestContext::new(&headers, Peer::Local, Watch::default())
    }

    #[test]
    fn an_id_that_could_break_a_log_line_is_replaced() {
        assert_eq!(context(b"job-7:part/3").id(), "job-7:part/3");
        for bad in [&b""[..], b"a b", b"a\tb", "\u{e9}".as_bytes(), &[b'a'; LONGEST_ID + 1]] {
            assert_eq!(context(bad).id().len(), 32);
        }
    }

    #[test]
    fn two_requests_without_an_id_get_different_ones() {
        assert_ne!(context(b"").id(), context(b"").id());
    }

    #[test]
    fn a_request_may_ask_for_less_time_than_the_service_gives_and_not_for_more() {
        let limits = Limits::default().timeout(Duration::from_secs(5));
        let timeout = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(TIMEOUT_MS, value.parse().unwrap());
            Deadline::of(&headers, &limits, &context(b"a")).map(|deadline| deadline.timeout)
        };

        assert_eq!(timeout("250"), Ok(Duration::from_millis(250)));
        assert_eq!(timeout("3600000"), Ok(Duration::from_secs(5)));
        assert!(matches!(timeout("soon"), Err(Fault::Malformed { .. })));
        assert!(matches!(timeout("-1"), Err(Fault::Malformed { .. })));
    }
}
