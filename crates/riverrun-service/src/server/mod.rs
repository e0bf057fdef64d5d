//! [`Server`]: where a service listens, and how it treats connections.

mod activity;
mod bare_error;
mod bound;
mod connection;
mod drain;
mod idle;
mod listener;
mod peer;
mod running;
mod socket;
mod tls;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use activity::Activity;
pub use bound::BoundServer;
pub use drain::DrainSummary;
pub use listener::Address;
pub use peer::Peer;
pub use running::Running;

use crate::error::ServiceError;
use crate::service::Service;
use listener::Listener;

/// Where a service listens and how it treats connections: options, then [`bind`](Self::bind), then
/// [`serve`](BoundServer::serve).
///
/// HTTP/1.1 and HTTP/2 share every listener: by ALPN with TLS, by prior knowledge without.
///
/// ```no_run
/// # use riverrun_service::{Server, Service, ServiceError};
/// # async fn run(service: Service) -> Result<(), ServiceError> {
/// let server = Server::new().listen(([127, 0, 0, 1], 3000).into()).bind(service).await?;
/// println!("listening on {}", server.addresses()[0]);
/// let summary = server.serve(async { tokio::signal::ctrl_c().await.unwrap_or(()) }).await;
/// println!("{summary}");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Server {
    tcp: Vec<SocketAddr>,
    unix: Vec<PathBuf>,
    socket_mode: u32,
    tls: Option<(PathBuf, PathBuf)>,
    header_timeout: Duration,
    keep_alive: Duration,
    write_timeout: Duration,
    max_headers: usize,
    max_header_bytes: usize,
    max_requests: Option<u64>,
    max_connections: usize,
    max_streams: u32,
    drain_grace: Duration,
    drain_timeout: Duration,
    end_when_idle: Option<Duration>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            tcp: Vec::new(),
            unix: Vec::new(),
            socket_mode: 0o660,
            tls: None,
            header_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            max_headers: 128,
            max_header_bytes: 64 << 10,
            max_requests: None,
            max_connections: 4096,
            max_streams: 256,
            drain_grace: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(30),
            end_when_idle: None,
        }
    }
}

impl Server {
    /// A server that listens nowhere yet, with the defaults of every option.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens on this address too. Port 0 takes a free one: see [`addresses`](BoundServer::addresses).
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.tcp.push(address);
        self
    }

    /// Listens on a Unix socket at this path too, always without TLS. A socket that a dead process left there is
    /// replaced; anything else is an error. The file is removed at the end.
    #[must_use]
    pub fn listen_unix(mut self, path: impl Into<PathBuf>) -> Self {
        self.unix.push(path.into());
        self
    }

    /// Who may connect to the Unix sockets, as the mode of their files; 0o660 (owner and group) by default.
    #[must_use]
    pub fn socket_mode(mut self, mode: u32) -> Self {
        self.socket_mode = mode;
        self
    }

    /// Serves TLS on the network addresses, with a certificate chain and its private key in PEM files. Off by default.
    #[must_use]
    pub fn tls(mut self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.tls = Some((certificate.as_ref().to_owned(), key.as_ref().to_owned()));
        self
    }

    /// How long a client may take for the head of a request, and for the TLS handshake; 10 s by default. Then the
    /// connection is closed.
    #[must_use]
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.header_timeout = timeout;
        self
    }

    /// How long a connection may be idle between two requests; 75 s by default.
    #[must_use]
    pub fn keep_alive(mut self, timeout: Duration) -> Self {
        self.keep_alive = timeout;
        self
    }

    /// How long a client may take none of the bytes of its answer; 30 s by default. Then the connection is closed.
    #[must_use]
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// The most headers of a request over HTTP/1; 128 by default. More are refused with 431.
    #[must_use]
    pub fn max_headers(mut self, headers: usize) -> Self {
        self.max_headers = headers;
        self
    }

    /// The most bytes of a request's head; 64 KiB by default, at least 8 KiB. More are refused with 431.
    #[must_use]
    pub fn max_header_bytes(mut self, bytes: usize) -> Self {
        self.max_header_bytes = bytes;
        self
    }

    /// After how many requests a connection is closed, so that load balancers can spread clients anew; never by default.
    #[must_use]
    pub fn max_requests(mut self, requests: u64) -> Self {
        self.max_requests = Some(requests.max(1));
        self
    }

    /// The most connections at a time; 4,096 by default. What comes beyond gets 503 and is closed.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// The most requests at a time on one HTTP/2 connection; 256 by default.
    #[must_use]
    pub fn max_streams(mut self, streams: u32) -> Self {
        self.max_streams = streams.max(1);
        self
    }

    /// How long new connections and requests are still taken after the shutdown has begun, while readiness is off and
    /// load balancers learn of it; 1 s by default. Over soon when no connection is open.
    #[must_use]
    pub fn drain_grace(mut self, grace: Duration) -> Self {
        self.drain_grace = grace;
        self
    }

    /// How long requests that are under way may take after the shutdown has begun, the grace included; 30 s by default.
    /// Then their connections are cut off.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Ends by itself once there has been no connection for so long: for a process that is there for its clients. Never by
    /// default.
    #[must_use]
    pub fn end_when_idle(mut self, time: Duration) -> Self {
        self.end_when_idle = Some(time);
        self
    }

    /// Takes the addresses, so that clients can connect; they are answered once it [serves](BoundServer::serve).
    ///
    /// # Errors
    /// An address or path that cannot be had, a certificate and key that are no pair, what is wrong with the service.
    pub async fn bind(self, service: Service) -> Result<BoundServer, ServiceError> {
        if self.tcp.is_empty() && self.unix.is_empty() {
            return Err(ServiceError::NowhereToListen);
        }
        let acceptor = match &self.tls {
            Some((certificate, key)) => Some(tls::acceptor(certificate, key)?),
            None => None,
        };
        let (router, state) = service.build()?;
        let mut listeners = Vec::new();
        for address in &self.tcp {
            listeners.push(Listener::tcp(*address).await?);
        }
        for path in &self.unix {
            listeners.push(Listener::unix(path, self.socket_mode).await?);
        }
        Ok(BoundServer::new(self, listeners, acceptor, router, state))
    }
}
