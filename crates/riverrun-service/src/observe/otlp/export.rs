//! [`Exporter`]: the thread that sends spans.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::Otlp;
use super::message::{ExportRequest, ExportResponse, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans, Span};
use super::transport::{Collector, Refused};
use crate::error::ServiceError;

/// How many spans may wait for the collector.
const WAITING: usize = 8192;
/// How many spans are sent at a time.
const AT_A_TIME: usize = 512;
/// How long a span waits for others.
const EVERY: Duration = Duration::from_secs(1);
/// How long the collector may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before each further try.
const RETRIES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
/// How often it is said that spans are dropped.
const SAY_EVERY: Duration = Duration::from_secs(30);

/// What became of the spans.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sent: AtomicU64,
    pub(crate) dropped: AtomicU64,
    waiting: AtomicUsize,
}

/// Hands spans to the thread that sends them. Never waits.
pub(super) struct Exporter {
    spans: mpsc::UnboundedSender<Vec<Span>>,
    flush: mpsc::Sender<oneshot::Sender<()>>,
    counts: Arc<Counts>,
}

impl Exporter {
    pub(super) fn start(otlp: &Otlp, service: &str) -> Result<Self, ServiceError> {
        let failed = |reason: String| ServiceError::Otlp { endpoint: otlp.endpoint.clone(), reason };
        let collector = Collector::new(otlp).map_err(failed)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| failed(e.to_string()))?;
        // Bounded by the count of spans that wait, not by that of requests.
        let (spans, received) = mpsc::unbounded_channel();
        let (flush, flushes) = mpsc::channel(4);
        let counts = Arc::new(Counts::default());
        let sender = Sender {
            collector,
            resource: resource(otlp, service),
            counts: counts.clone(),
            spans: Vec::new(),
            said: None,
        };
        thread::Builder::new()
            .name("riverrun-traces".into())
            .spawn(move || runtime.block_on(sender.run(received, flushes)))
            .map_err(|error| failed(format!("no thread can be had to send them: {error}")))?;
        Ok(Self { spans, flush, counts })
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(super) fn send(&self, spans: Vec<Span>) {
        let count = spans.len();
        if self.counts.waiting.fetch_add(count, Ordering::AcqRel) + count <= WAITING && self.spans.send(spans).is_ok() {
            return;
        }
        self.counts.waiting.fetch_sub(count, Ordering::AcqRel);
        self.counts.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Waits until what waits is sent or given up, so long at most.
    pub(super) async fn flush(&self, limit: Duration) {
        let until = Instant::now() + limit;
        let (done, sent) = oneshot::channel();
        if let Ok(Ok(())) = timeout_at(until, self.flush.send(done)).await {
            let _ = timeout_at(until, sent).await;
        }
    }
}

fn resource(otlp: &Otlp, service: &str) -> Resource {
    let mut attributes = vec![
        KeyValue::new("service.name", otlp.service_name.as_deref().unwrap_or(service)),
        KeyValue::new("telemetry.sdk.name", "riverrun"),
        KeyValue::new("telemetry.sdk.language", "rust"),
        KeyValue::new("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
    ];
    attributes.extend(otlp.attributes.iter().map(|(name, value)| KeyValue::new(name, &**value)));
    Resource { attributes }
}

struct Sender {
    collector: Collector,
    resource: Resource,
    counts: Arc<Counts>,
    /// What is sent next.
    spans: Vec<Span>,
    /// When it was said last that spans are dropped.
    said: Option<Instant>,
}

impl Sender {
    async fn run(
        mut self, mut received: mpsc::UnboundedReceiver<Vec<Span>>, mut flushes: mpsc::Receiver<oneshot::Sender<()>>,
    ) {
        let mut at = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = sleep_until(at), if !self.spans.is_empty() => self.deliver(true).await,
                Some(done) = flushes.recv() => {
                    while let Ok(spans) = received.try_recv() {
                        self.spans.extend(spans);
                    }
                    self.deliver(false).await;
                    let _ = done.send(());
                }
                spans = received.recv() => {
                    let Some(spans) = spans else {
                        self.deliver(false).await;
                        return;
                    };
                    if self.spans.is_empty() {
                        at = Instant::now() + EVERY;
                    }
                    self.spans.extend(spans);
                    if self.spans.len() >= AT_A_TIME {
                        self.deliver(true).await;
                    }
                }
            }
        }
    }

    /// Sends all that it has, or gives it up.
    async fn deliver(&mut self, patient: bool) {
        while !self.spans.is_empty() {
            let rest = self.spans.split_off(self.spans.len().min(AT_A_TIME));
            let spans = std::mem::replace(&mut self.spans, rest);
            let count = spans.len();
            let rejected = match self.send(spans, patient).await {
                Ok(rejected) => rejected.min(count as u64),
                Err(reason) => {
                    self.say(count, &reason);
                    count as u64
                }
            };
            self.counts.waiting.fetch_sub(count, Ordering::AcqRel);
            self.counts.sent.fetch_add(count as u64 - rejected, Ordering::Relaxed);
            self.counts.dropped.fetch_add(rejected, Ordering::Relaxed);
        }
    }

    /// How many of them the collector refused.
    async fn send(&mut self, spans: Vec<Span>, patient: bool) -> Result<u64, String> {
        let scope = Scope { name: "riverrun-service".into(), version: env!("CARGO_PKG_VERSION").into() };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
        let resource_spans = vec![ResourceSpans { resource: Some(self.resource.clone()), scope_spans }];
        let body = bytes::Bytes::from(ExportRequest { resource_spans }.encode_to_vec());
        let mut waits = RETRIES.iter().take(if patient { RETRIES.len() } else { 0 });
        loop {
            let answer = match timeout(PATIENCE, self.collector.send(body.clone())).await {
                Ok(answer) => answer,
                Err(_) => {
                    self.collector.hang_up();
                    Err(Refused::Later(format!("it has not answered within {PATIENCE:?}")))
                }
            };
            match answer {
                Ok(body) => {
                    // An answer that is none of OTLP's comes with a status that says the spans were taken.
                    let partial = ExportResponse::decode(body).unwrap_or_default().partial_success;
                    let rejected = partial.map_or(0, |partial| u64::try_from(partial.rejected_spans).unwrap_or(0));
                    return Ok(rejected);
                }
                Err(Refused::ForGood(reason)) => return Err(reason),
                Err(Refused::Later(reason)) => match waits.next() {
                    Some(wait) => sleep(*wait).await,
                    None => return Err(reason),
                },
            }
        }
    }

    fn say(&mut self, count: usize, reason: &str) {
        if self.said.is_some_and(|said| said.elapsed() < SAY_EVERY) {
            return;
        }
        self.said = Some(Instant::now());
        let endpoint = self.collector.endpoint();
        tracing::warn!(target: "riverrun::traces", endpoint, spans = count, reason, "traces are dropped; requests go on");
    }
}
