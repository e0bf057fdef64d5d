//! One batch's way to the service and back.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use riverrun_runner::wire::{Map, Portable, WireError};
use riverrun_runner::{ItemError, Priority, RemoteBatch, RunnerError};

use tracing::Instrument;

use crate::caller::Caller;
use crate::endpoint::{Endpoint, Lease, Outcome};
use crate::error::ClientError;
use crate::http::{Failure, Outgoing};
use crate::protocol::{Decoded, Encoded, Protocol};
use crate::random;
use crate::retry::Backoff;
use crate::sync::lock;
use crate::verdict::{Verdict, of_failure, of_status};

/// How often a batch asks whether anyone still waits for it.
const ABANDONED: Duration = Duration::from_millis(25);

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_TIMEOUT_MS: HeaderName = HeaderName::from_static("x-timeout-ms");
const X_PRIORITY: HeaderName = HeaderName::from_static("x-priority");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A batch that is under way; counted until this is dropped.
pub(crate) struct UnderWay<R: Portable> {
    caller: Arc<Caller<R>>,
    requests: usize,
}

impl<R: Portable> UnderWay<R> {
    pub(crate) fn new(caller: Arc<Caller<R>>, items: usize) -> Self {
        let requests = caller.requests(items);
        let counters = &caller.shared.counters;
        counters.in_flight.fetch_add(requests, Ordering::AcqRel);
        counters.batches.fetch_add(1, Ordering::Relaxed);
        counters.items.fetch_add(items as u64, Ordering::Relaxed);
        Self { caller, requests }
    }

    /// Sends the batch, as often and in as many parts as it takes, and answers it.
    pub(crate) async fn deliver(self, batch: RemoteBatch<R>) {
        let caller = &*self.caller;
        let now = Instant::now();
        let own = now + caller.options.timeout;
        let deadline = batch.deadline().map_or(own, |deadline| deadline.min(own));
        let headers = caller.headers_of(batch.priority());
        let protocol = match caller.bound(deadline).await {
            Ok(protocol) => protocol,
            Err(error) => return caller.fail(batch, &error),
        };
        let span = tracing::debug_span!(
            "remote_batch",
            runner = &*caller.shared.name,
            items = batch.len(),
            request = headers.get(X_REQUEST_ID).and_then(|id| id.to_str().ok()),
        );
        let way = Way { caller, protocol: &**protocol, headers, deadline };
        way.part(batch, 0).instrument(span).await;
    }
}

impl<R: Portable> Drop for UnderWay<R> {
    fn drop(&mut self) {
        self.caller.shared.counters.in_flight.fetch_sub(self.requests, Ordering::AcqRel);
        self.caller.shared.endpoints.changed().notify_waiters();
    }
}

impl<R: Portable> Caller<R> {
    /// The protocol; a service that can't be reached is asked again until `deadline`.
    async fn bound(&self, deadline: Instant) -> Result<&Arc<dyn Protocol<R>>, RunnerError> {
        let mut backoff = Backoff::new(self.options.retries.base, self.options.retries.max_backoff);
        loop {
            let error = match self.protocol().await {
                Ok(protocol) => return Ok(protocol),
                Err(error) => error,
            };
            let retryable = matches!(error, ClientError::Unreachable { .. });
            let again = Instant::now() + backoff.next(None);
            let hopeless = self.hopeless();
            if !retryable || again >= deadline || hopeless.is_some() {
                let reason = hopeless.unwrap_or_else(|| error.to_string());
                let endpoint = self.options.urls.join(", ").into();
                return Err(RunnerError::Remote { runner: self.shared.name.clone(), endpoint, reason, retryable });
            }
            tokio::time::sleep_until(again.into()).await;
        }
    }

    /// What a batch's requests have in common.
    fn headers_of(&self, priority: Priority) -> HeaderMap {
        let mut headers = self.headers.clone();
        if let Ok(id) = HeaderValue::try_from(format!("{:016x}{:016x}", random::bits(), random::bits())) {
            headers.entry(X_REQUEST_ID).or_insert(id);
        }
        let priority = match priority {
            Priority::Low => Some("low"),
            Priority::Normal => None,
            Priority::High => Some("high"),
        };
        if let Some(priority) = priority {
            headers.insert(X_PRIORITY, HeaderValue::from_static(priority));
        }
        let traceparent = self.options.traceparent.as_ref().and_then(|make| make());
        if let Some(traceparent) = traceparent.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(TRACEPARENT, traceparent);
        }
        headers
    }

    fn fail(&self, batch: RemoteBatch<R>, error: &RunnerError) {
        self.shared.counters.failed_items.fetch_add(batch.len() as u64, Ordering::Relaxed);
        batch.fail(error);
    }

    fn error_of(&self, endpoint: &Arc<str>, error: WireError) -> RunnerError {
        let runner = self.shared.name.clone();
        match error.code.as_str() {
            "invalid_input" | "malformed" => RunnerError::InvalidInput { runner, error: ItemError::new(error.message) },
            "overloaded" | "timeout" | "not_ready" | "draining" => {
                RunnerError::Remote { runner, endpoint: endpoint.clone(), reason: error.message, retryable: true }
            }
            _ => RunnerError::Item { runner, error: ItemError::new(error.message) },
        }
    }
}

/// What the parts of a batch share.
struct Way<'a, R: Portable> {
    caller: &'a Caller<R>,
    protocol: &'a dyn Protocol<R>,
    headers: HeaderMap,
    deadline: Instant,
}

/// How the sending of a part ended.
enum End<O> {
    Answered(Arc<str>, Decoded<O>),
    /// To be sent in halves.
    Halves,
    Failed(RunnerError),
    Abandoned,
}

impl<R: Portable> Way<'_, R> {
    /// Delivers a part that was sent `attempts` times already, as a part of a larger one.
    fn part(&self, batch: RemoteBatch<R>, attempts: u32) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let caller = self.caller;
            let items = batch.len();
            if items > self.protocol.max_items() {
                return self.halves(batch, attempts).await;
            }
            // A method's name is worth sending only to a service that has several.
            let negotiated = caller.shared.negotiated.get();
            let named = negotiated.is_some_and(|negotiated| negotiated.methods.len() > 1);
            let none = Map::new();
            let parameters = caller.parameters.get().unwrap_or(&none);
            let encoded = {
                let method = named.then(|| batch.method());
                self.protocol.encode(method, batch.inputs(), parameters)
            };
            let encoded = match encoded {
                Ok(encoded) if items > 1 && encoded.body.len() > caller.options.max_request_bytes => {
                    return self.halves(batch, attempts).await;
                }
                Ok(encoded) => encoded,
                Err(_) if items > 1 => return self.halves(batch, attempts).await,
                Err(reason) => {
                    let (runner, error) = (caller.shared.name.clone(), ItemError::new(reason));
                    return caller.fail(batch, &RunnerError::InvalidInput { runner, error });
                }
            };
            let mut attempts = attempts;
            let end = {
                let sending = self.send(&encoded, items, &mut attempts);
                tokio::pin!(sending);
                loop {
                    tokio::select! {
                        end = &mut sending => break end,
                        () = tokio::time::sleep(ABANDONED) => if batch.is_abandoned() { break End::Abandoned },
                    }
                }
            };
            match end {
                End::Answered(endpoint, results) => {
                    let results: Vec<_> = results
                        .into_iter()
                        .map(|result| result.map_err(|error| caller.error_of(&endpoint, error)))
                        .collect();
                    let failed = results.iter().filter(|result| result.is_err()).count();
                    caller.shared.counters.failed_items.fetch_add(failed as u64, Ordering::Relaxed);
                    batch.answer(results);
                }
                End::Halves => self.halves(batch, attempts).await,
                End::Failed(error) => caller.fail(batch, &error),
                End::Abandoned => {
                    caller.shared.counters.abandoned.fetch_add(1, Ordering::Relaxed);
                    drop(batch);
                }
            }
        })
    }

    async fn halves(&self, batch: RemoteBatch<R>, attempts: u32) {
        let (first, second) = batch.split();
        futures_util::future::join(self.part(first, attempts), self.part(second, attempts)).await;
    }

    /// Sends a part until it is answered, refused or late.
    async fn send(&self, encoded: &Encoded, items: usize, attempts: &mut u32) -> End<R::Output> {
        let caller = self.caller;
        let retries = &caller.options.retries;
        let mut backoff = Backoff::new(retries.base, retries.max_backoff);
        let mut last: Option<(Arc<Endpoint>, String)> = None;
        lock(&caller.budget).deposit();
        loop {
            let Some(lease) = caller.shared.endpoints.acquire(last.as_ref().map(|(at, _)| at), self.deadline).await
            else {
                return End::Failed(self.late(last));
            };
            let endpoint = lease.endpoint.clone();
            let verdict = match self.attempt(lease, encoded, items).await {
                Ok(results) => return End::Answered(endpoint.address.text().clone(), results),
                Err(verdict) => verdict,
            };
            tracing::debug!(endpoint = %endpoint.address, ?verdict, "a request was not answered");
            match verdict {
                Verdict::Again { reason, after, suspect } => {
                    if suspect {
                        *attempts += 1;
                        // The first time, it may have been chance. Then halves tell whether an item does it.
                        if *attempts > 1 && items > 1 {
                            caller.shared.counters.splits.fetch_add(1, Ordering::Relaxed);
                            return End::Halves;
                        }
                        if *attempts >= retries.max_attempts {
                            let times = format!("{reason}; it was sent {} times", *attempts);
                            return End::Failed(self.remote(&endpoint, times, true));
                        }
                    }
                    last = Some((endpoint, reason));
                    if !self.wait_to_retry(backoff.next(after)).await {
                        return End::Failed(self.late(last));
                    }
                    caller.shared.counters.retries.fetch_add(1, Ordering::Relaxed);
                }
                Verdict::Away { reason } => {
                    if let Some(reason) = caller.hopeless() {
                        return End::Failed(self.remote(&endpoint, reason, true));
                    }
                    last = Some((endpoint, reason));
                    if !self.wait_to_retry(backoff.next(None)).await {
                        return End::Failed(self.late(last));
                    }
                    caller.shared.counters.retries.fetch_add(1, Ordering::Relaxed);
                }
                Verdict::Culprit { reason, invalid } => {
                    // What was called invalid has a culprit; a computation that failed may fail for all, so its halves
                    // are paid for.
                    if items > 1 && (invalid || lock(&caller.budget).withdraw(Instant::now()).is_ok()) {
                        caller.shared.counters.splits.fetch_add(1, Ordering::Relaxed);
                        return End::Halves;
                    }
                    // It may be the endpoint that is at fault, which another one tells.
                    if !invalid && *attempts == 0 && caller.shared.endpoints.iter().nth(1).is_some() {
                        *attempts += 1;
                        last = Some((endpoint, reason));
                        if !self.wait_to_retry(backoff.next(None)).await {
                            return End::Failed(self.late(last));
                        }
                        caller.shared.counters.retries.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    let runner = caller.shared.name.clone();
                    return End::Failed(if invalid {
                        RunnerError::InvalidInput { runner, error: ItemError::new(reason) }
                    } else {
                        self.remote(&endpoint, reason, false)
                    });
                }
                Verdict::Refused { reason } => return End::Failed(self.remote(&endpoint, reason, false)),
            }
        }
    }

    /// Waits for the backoff and for the budget; false if there is no time left for that.
    async fn wait_to_retry(&self, wait: Duration) -> bool {
        let at = Instant::now() + wait;
        if at >= self.deadline {
            return false;
        }
        tokio::time::sleep_until(at.into()).await;
        loop {
            let now = Instant::now();
            let Err(wait) = lock(&self.caller.budget).withdraw(now) else { return true };
            if now + wait >= self.deadline {
                return false;
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(&self, lease: Lease, encoded: &Encoded, items: usize) -> Result<Decoded<R::Output>, Verdict> {
        let options = &self.caller.options;
        let endpoint = lease.endpoint.clone();
        let now = Instant::now();
        let deadline = options.attempt_timeout.map_or(self.deadline, |timeout| self.deadline.min(now + timeout));
        let Some(negotiated) = self.caller.shared.negotiated.get() else {
            return Err(Verdict::Refused { reason: "no protocol was negotiated".to_owned() });
        };
        let mut headers = self.headers.clone();
        headers.extend(encoded.headers.clone());
        let left = deadline.saturating_duration_since(now).as_millis().max(1);
        headers.insert(X_TIMEOUT_MS, HeaderValue::from(u64::try_from(left).unwrap_or(u64::MAX)));
        let outgoing = Outgoing {
            method: Method::POST,
            target: negotiated.target.at(&endpoint.address),
            headers,
            body: encoded.body.clone(),
        };
        let reply = tokio::select! {
            reply = endpoint.pool.send(&outgoing, deadline) => reply,
            // Its machine is gone, say: nothing would ever come, and another endpoint may have it in time.
            () = endpoint.falls_silent() => Err(Failure::Broken("it does not answer its health check any more".to_owned())),
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(failure) => {
                let (verdict, outcome) = of_failure(&failure);
                lease.end(items, outcome);
                return Err(verdict);
            }
        };
        if !reply.status.is_success() {
            let (verdict, outcome) = of_status(&reply);
            lease.end(items, outcome);
            return Err(verdict);
        }
        let decoded = self.protocol.decode(&reply, items);
        lease.end(items, if decoded.is_ok() { Outcome::Answered } else { Outcome::Refused });
        if let Some(model) = reply.header("x-model") {
            endpoint.set_model(model);
        }
        decoded.map_err(|reason| Verdict::Again { reason, after: None, suspect: true })
    }

    fn remote(&self, endpoint: &Endpoint, reason: String, retryable: bool) -> RunnerError {
        let endpoint = endpoint.address.text().clone();
        RunnerError::Remote { runner: self.caller.shared.name.clone(), endpoint, reason, retryable }
    }

    /// The time is over. What went wrong last says most about why.
    fn late(&self, last: Option<(Arc<Endpoint>, String)>) -> RunnerError {
        let endpoints = &self.caller.shared.endpoints;
        let timeout = self.caller.options.timeout;
        if let Some((endpoint, reason)) = last {
            return self.remote(&endpoint, format!("{reason}; it was tried until its time was over"), true);
        }
        if let Some(reason) = self.caller.hopeless()
            && let Some(endpoint) = endpoints.iter().next()
        {
            return self.remote(endpoint, reason, true);
        }
        // It was never sent.
        let reasons: Vec<String> = endpoints
            .iter()
            .filter_map(|endpoint| Some(format!("{}: {}", endpoint.address, endpoint.trouble()?)))
            .collect();
        let reason = match &reasons[..] {
            [] => format!("no endpoint had room for it in time; raise the timeout ({timeout:?}), or add endpoints"),
            reasons => format!("no endpoint could take it in time ({})", reasons.join("; ")),
        };
        let endpoint = self.caller.options.urls.join(", ").into();
        RunnerError::Remote { runner: self.caller.shared.name.clone(), endpoint, reason, retryable: true }
    }
}
