//! One connection.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::failure::with_causes;
use super::tls::Tls;
use crate::endpoint::Place;
use crate::random;

pub(super) type Sender = SendRequest<Full<Bytes>>;

/// Head of a reply at most; what a proxy adds stays far below.
const MAX_HEAD: usize = 256 * 1024;

/// Connects within `time`. The name is resolved each time, so a service that moved is found by the next connection.
pub(super) async fn connect(place: &Place, tls: Option<&Tls>, time: Duration) -> Result<Sender, String> {
    match timeout(time, open(place, tls, time)).await {
        Ok(result) => result,
        Err(_) => Err(format!("no connection within {time:?}")),
    }
}

async fn open(place: &Place, tls: Option<&Tls>, time: Duration) -> Result<Sender, String> {
    match place {
        Place::Unix(path) => {
            let stream = UnixStream::connect(path)
                .await
                .map_err(|error| format!("no connection to the socket {}: {error}", path.display()))?;
            handshake(stream).await
        }
        Place::Tcp { host, port, tls: false } => handshake(tcp(host, *port, time).await?).await,
        Place::Tcp { host, port, tls: true } => {
            let tls = tls.ok_or_else(|| "TLS is not set up".to_owned())?;
            let name = ServerName::try_from(host.clone()).map_err(|_| format!("`{host}` can't be in a certificate"))?;
            let stream = tcp(host, *port, time).await?;
            let stream = tls.0.connect(name, stream).await.map_err(|error| {
                format!("TLS was refused: {}; `ClientOptions::root_certificates` adds a root", with_causes(&error))
            })?;
            handshake(stream).await
        }
    }
}

async fn tcp(host: &str, port: u16, time: Duration) -> Result<TcpStream, String> {
    let resolved = tokio::net::lookup_host((host, port)).await;
    let mut addresses: Vec<SocketAddr> =
        resolved.map_err(|error| format!("the name `{host}` can't be resolved: {error}"))?.collect();
    if addresses.is_empty() {
        return Err(format!("the name `{host}` has no address"));
    }
    // A name with several addresses is one endpoint whose connections are spread over them.
    let first = random::below(addresses.len());
    addresses.rotate_left(first);
    // Each gets its share of the time, so that a dead one does not take it all.
    let share = time / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let mut last = String::new();
    for address in addresses {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A request is written at once; there is nothing to wait for.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = format!("no connection to {address}: {error}"),
            Err(_) => last = format!("no connection to {address} within {share:?}"),
        }
    }
    Err(last)
}

async fn handshake<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S) -> Result<Sender, String> {
    let (sender, connection) = Builder::new()
        .max_header_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| with_causes(&error))?;
    // Ends with the connection: when the other side closes, or the sender is dropped. Its error is the request's too.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}
