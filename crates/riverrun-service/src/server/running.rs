//! [`Running`]: a server in a task of its own.

use std::net::SocketAddr;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::bound::BoundServer;
use super::drain::DrainSummary;
use super::listener::Address;

/// A server that answers in a task of its own, until it is told to end or this is dropped. Made by
/// [`BoundServer::start`].
#[derive(Debug)]
#[must_use = "the server ends when this is dropped"]
pub struct Running {
    addresses: Vec<Address>,
    shutdown: oneshot::Sender<()>,
    server: JoinHandle<DrainSummary>,
}

impl BoundServer {
    /// Answers requests in a task of its own, on the runtime that this is called on.
    pub fn start(self) -> Running {
        let addresses = self.addresses();
        let (shutdown, told) = oneshot::channel();
        let server = tokio::spawn(self.serve(async move {
            let _ = told.await;
        }));
        Running { addresses, shutdown, server }
    }
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The first network address where it listens, if there is one.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.addresses.iter().find_map(|address| match address {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) => None,
        })
    }

    /// Drains and ends: see [`BoundServer::serve`].
    pub async fn shutdown(self) -> DrainSummary {
        let Self { shutdown, server, .. } = self;
        let _ = shutdown.send(());
        // It fails only if the runtime is ending, which has cut everything off already.
        server.await.unwrap_or_default()
    }
}
