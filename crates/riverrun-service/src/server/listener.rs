//! Where a server listens.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use super::peer::Peer;
use crate::error::ServiceError;

/// A connection's bytes, whatever they travel on.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A place where clients connect.
pub(super) enum Listener {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener, PathBuf),
}

impl Listener {
    pub(super) async fn tcp(address: SocketAddr) -> Result<Self, ServiceError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => ServiceError::PortInUse { address },
            _ => ServiceError::Listen { address: address.to_string(), reason: error.to_string() },
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        Ok(Self::Tcp(listener, bound))
    }

    /// Takes the place of a socket that a dead process left behind, and of nothing else.
    pub(super) async fn unix(path: &Path, mode: u32) -> Result<Self, ServiceError> {
        let failed =
            |error: io::Error| ServiceError::Listen { address: path.display().to_string(), reason: error.to_string() };
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(ServiceError::NotASocket { path: path.to_owned() });
            }
            Ok(_) => {
                // A live one answers; only a refusal says that nobody is behind it.
                match tokio::net::UnixStream::connect(path).await {
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                        std::fs::remove_file(path).map_err(failed)?;
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    _ => return Err(ServiceError::SocketInUse { path: path.to_owned() }),
                }
            }
            Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => ServiceError::SocketInUse { path: path.to_owned() },
            _ => failed(error),
        })?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
        Ok(Self::Unix(listener, path.to_owned()))
    }

    pub(super) async fn accept(&self) -> io::Result<(Box<dyn Duplex>, Peer)> {
        match self {
            Self::Tcp(listener, _) => {
                let (stream, peer) = listener.accept().await?;
                // An answer is written at once; waiting for more to send would only delay it.
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), Peer::Tcp(peer)))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), Peer::Unix))
            }
        }
    }

    /// Where it is, as one would type it.
    pub(super) fn address(&self) -> Address {
        match self {
            Self::Tcp(_, address) => Address::Tcp(*address),
            Self::Unix(_, path) => Address::Unix(path.clone()),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An address and a port of the network.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
