//! [`Peer`]: who is at the other end.

use std::fmt;
use std::net::SocketAddr;

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Peer {
    /// Somebody on the network.
    Tcp(SocketAddr),
    /// A process of this machine, through a Unix socket.
    Unix,
    /// This process: the router was called without a server.
    #[default]
    Local,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
            Self::Local => f.write_str("local"),
        }
    }
}
