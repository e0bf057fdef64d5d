//! How a runner is bound to a service: [`ClientOptions`].

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::ProtocolKind;

pub(crate) type TraceParent = dyn Fn() -> Option<String> + Send + Sync;

/// How a runner is bound to a service. Made from one URL or several; the defaults are right for most.
///
/// A URL names a server (`http://host:3000`), a route of it (`https://host/classify`) or a Unix socket (`unix:/run/r.sock`,
/// `unix:/run/r.sock:/classify`). All endpoints serve the same model: batches are balanced over them.
///
/// ```
/// use std::time::Duration;
/// use riverrun_client::ClientOptions;
///
/// let options = ClientOptions::new(["http://one:3000", "http://two:3000"]).timeout(Duration::from_secs(5)).lazy();
/// # let _ = options;
/// ```
#[derive(Clone)]
pub struct ClientOptions {
    pub(crate) urls: Vec<String>,
    pub(crate) protocol: Option<ProtocolKind>,
    pub(crate) model: Option<String>,
    pub(crate) argument: Option<String>,
    pub(crate) lazy: bool,
    pub(crate) timeout: Duration,
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) connect_timeout: Duration,
    pub(crate) bearer_token: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) root_certificates: Option<PathBuf>,
    pub(crate) traceparent: Option<Arc<TraceParent>>,
    pub(crate) concurrency: Concurrency,
    pub(crate) retries: Retries,
    pub(crate) breaker: BreakerOptions,
    pub(crate) health_interval: Option<Duration>,
    pub(crate) health_timeout: Duration,
    pub(crate) connection_max_age: Duration,
    pub(crate) connection_idle_timeout: Duration,
    pub(crate) max_request_bytes: usize,
    pub(crate) max_reply_bytes: usize,
}

/// How many batches are under way at one endpoint.
///
/// The limit moves between the bounds by itself: up while it holds batches back and hardly any wait at the service, down when many
/// do, when the service says 429 or 503, or when it does not answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// At least so many.
    pub min: usize,
    /// So many at the start.
    pub initial: usize,
    /// At most so many.
    pub max: usize,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self { min: 1, initial: 8, max: 64 }
    }
}

impl Concurrency {
    /// Always so many.
    #[must_use]
    pub fn fixed(limit: usize) -> Self {
        Self { min: limit, initial: limit, max: limit }
    }
}

/// How often and how soon requests are sent again.
///
/// What is sent again: requests that found no connection, whose connection broke, whose reply was unusable, and those that
/// the service answered with 408, 429, 502, 503 or 504. That is safe because inference is idempotent: computing an item twice
/// costs time and changes nothing. What the service refuses by what it is (400, 401, 403, 404, 413, 415, 422) is not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retries {
    /// How often a request is sent at most if the service breaks off, answers with 502 or 504 or sends something unusable. A
    /// request that found no connection or a busy service does not count: it is tried until its time is over.
    pub max_attempts: u32,
    /// The bound of the first wait; it doubles with each. The wait is random below the bound, and no shorter than the
    /// service's `Retry-After`.
    pub base: Duration,
    /// The bound stays below that.
    pub max_backoff: Duration,
    /// Retries as a share of requests, in the long run.
    pub ratio: f64,
    /// Retries that may come at once before that.
    pub burst: u32,
    /// Retries per second that may come however few the requests are.
    pub per_second: f64,
}

impl Default for Retries {
    fn default() -> Self {
        let (base, max_backoff) = (Duration::from_millis(25), Duration::from_secs(2));
        Self { max_attempts: 5, base, max_backoff, ratio: 0.15, burst: 32, per_second: 10.0 }
    }
}

/// When an endpoint that fails is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// After so many failures in a row.
    pub failures: u32,
    /// For so long the first time; doubled each time that it fails again.
    pub shortest: Duration,
    /// For no longer than that.
    pub longest: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self { failures: 5, shortest: Duration::from_millis(100), longest: Duration::from_secs(5) }
    }
}

impl ClientOptions {
    /// Options for one URL or several.
    pub fn new(urls: impl Into<ClientOptions>) -> Self {
        urls.into()
    }

    fn of(urls: Vec<String>) -> Self {
        Self {
            urls,
            protocol: None,
            model: None,
            argument: None,
            lazy: false,
            timeout: Duration::from_secs(30),
            attempt_timeout: None,
            connect_timeout: Duration::from_secs(3),
            bearer_token: None,
            headers: Vec::new(),
            root_certificates: None,
            traceparent: None,
            concurrency: Concurrency::default(),
            retries: Retries::default(),
            breaker: BreakerOptions::default(),
            health_interval: Some(Duration::from_secs(2)),
            health_timeout: Duration::from_secs(2),
            connection_max_age: Duration::from_secs(300),
            connection_idle_timeout: Duration::from_secs(30),
            max_request_bytes: 8 << 20,
            max_reply_bytes: 64 << 20,
        }
    }

    /// Speaks this protocol instead of asking the service which it knows.
    #[must_use]
    pub fn protocol(mut self, protocol: ProtocolKind) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// The model's name at the service, where one server has several: for KServe V2, and for a Riverrun service whose URL
    /// names no route. The runner's name, if it is not set. A Riverrun service is refused if its model is another, or if it has
    /// not the exact version that a full tag (`name:version`) asks for.
    #[must_use]
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.model = Some(name.into());
        self
    }

    /// The argument of a BentoML service's API that takes the item or the list of items, where it has several.
    #[must_use]
    pub fn argument(mut self, name: impl Into<String>) -> Self {
        self.argument = Some(name.into());
        self
    }

    /// Does not ask the service at the start: it may come up later. What is wrong with it shows at the first call.
    #[must_use]
    pub fn lazy(mut self) -> Self {
        self.lazy = true;
        self
    }

    /// How long a batch may take once it left the runner's queue, retries included; 30 s by default. A request's own deadline
    /// holds if it is sooner.
    ///
    /// It is also how long a service may be away without a request being lost: whoever finds nobody there tries until then.
    /// With the default a service may be killed and take some 25 s to come back; a model that loads longer needs more.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long one attempt of a call may take before it is sent again; as long as the call, by default.
    #[must_use]
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = Some(timeout);
        self
    }

    /// How long a connection may take, and each question at the start; 3 s by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sends `Authorization: Bearer …` with every request.
    #[must_use]
    pub fn bearer_token(mut self, token: impl Into<String>) -> Self {
        self.bearer_token = Some(token.into());
        self
    }

    /// Sends this header with every request.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Trusts the certificates in this file (PEM) beside those that the system trusts.
    #[must_use]
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.root_certificates = Some(path.into());
        self
    }

    /// Where the `traceparent` header of a batch (W3C Trace Context) comes from, if there is one to send. Without one the service
    /// begins the trace, and decides whether it is sampled.
    #[must_use]
    pub fn traceparent(mut self, make: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        self.traceparent = Some(Arc::new(make));
        self
    }

    /// How many batches are under way at one endpoint.
    #[must_use]
    pub fn concurrency(mut self, concurrency: Concurrency) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// How often and how soon requests are sent again.
    #[must_use]
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// When an endpoint that fails is left alone.
    #[must_use]
    pub fn breaker(mut self, breaker: BreakerOptions) -> Self {
        self.breaker = breaker;
        self
    }

    /// How often an endpoint is asked whether it is ready; every 2 s by default, never with `None`.
    #[must_use]
    pub fn health_interval(mut self, interval: Option<Duration>) -> Self {
        self.health_interval = interval;
        self
    }

    /// How long an endpoint may take to say whether it is ready; 2 s by default. One that says nothing three times in a row gets no
    /// new batches, and those it has are sent to another.
    #[must_use]
    pub fn health_timeout(mut self, timeout: Duration) -> Self {
        self.health_timeout = timeout;
        self
    }

    /// How old a connection may be before another takes its place, which resolves the name anew; 5 minutes by default.
    #[must_use]
    pub fn connection_max_age(mut self, age: Duration) -> Self {
        self.connection_max_age = age;
        self
    }

    /// How long a connection waits for its next request; 30 s by default, less than most servers keep it.
    #[must_use]
    pub fn connection_idle_timeout(mut self, timeout: Duration) -> Self {
        self.connection_idle_timeout = timeout;
        self
    }

    /// How large a request may be before its batch is split; 8 MiB by default.
    #[must_use]
    pub fn max_request_bytes(mut self, bytes: usize) -> Self {
        self.max_request_bytes = bytes;
        self
    }

    /// How large a reply may be; 64 MiB by default.
    #[must_use]
    pub fn max_reply_bytes(mut self, bytes: usize) -> Self {
        self.max_reply_bytes = bytes;
        self
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tokens and headers stay out of logs.
        f.debug_struct("ClientOptions")
            .field("urls", &self.urls)
            .field("protocol", &self.protocol)
            .field("model", &self.model)
            .field("lazy", &self.lazy)
            .field("timeout", &self.timeout)
            .field("concurrency", &self.concurrency)
            .field("retries", &self.retries)
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}

impl From<&str> for ClientOptions {
    fn from(url: &str) -> Self {
        Self::of(vec![url.to_owned()])
    }
}

impl From<String> for ClientOptions {
    fn from(url: String) -> Self {
        Self::of(vec![url])
    }
}

impl From<&String> for ClientOptions {
    fn from(url: &String) -> Self {
        Self::of(vec![url.clone()])
    }
}

impl<S: Into<String>> From<Vec<S>> for ClientOptions {
    fn from(urls: Vec<S>) -> Self {
        Self::of(urls.into_iter().map(Into::into).collect())
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for ClientOptions {
    fn from(urls: [S; N]) -> Self {
        Self::of(urls.into_iter().map(Into::into).collect())
    }
}

impl<S: Into<String> + Clone> From<&[S]> for ClientOptions {
    fn from(urls: &[S]) -> Self {
        Self::of(urls.iter().cloned().map(Into::into).collect())
    }
}
