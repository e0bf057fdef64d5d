//! Clients: one that speaks HTTP, and one that sends whatever it likes.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use riverrun_service::Running;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code of the error that it has to be.
    pub(crate) fn code(&self) -> String {
        let json = self.json();
        assert!(json["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{json}");
        json["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {json}")).to_owned()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn address(running: &Running) -> SocketAddr {
    running.local_addr().unwrap()
}

pub(crate) fn request(
    method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).unwrap()
}

pub(crate) async fn collect(response: Response<hyper::body::Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// One request on a connection of its own.
pub(crate) async fn send_on<S>(stream: S, request: Request<Full<Bytes>>) -> Answer
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    collect(sender.send_request(request).await.unwrap()).await
}

/// One request over HTTP/2.
pub(crate) async fn send_on_http2<S>(stream: S, request: Request<Full<Bytes>>) -> Answer
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let executor = TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    collect(sender.send_request(request).await.unwrap()).await
}

pub(crate) async fn send(to: SocketAddr, request: Request<Full<Bytes>>) -> Answer {
    send_on(TcpStream::connect(to).await.unwrap(), request).await
}

pub(crate) async fn get(running: &Running, path: &str) -> Answer {
    send(address(running), request("GET", path, &[], "")).await
}

pub(crate) async fn post(running: &Running, path: &str, content_type: &str, body: impl Into<Bytes>) -> Answer {
    send(address(running), request("POST", path, &[("content-type", content_type)], body)).await
}

/// Sends bytes as they are, reads to the end of the connection, at most ten seconds.
pub(crate) async fn raw(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    // The service may have answered and closed before it has read all.
    let _ = stream.write_all(bytes).await;
    read_all(&mut stream).await
}

pub(crate) async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut space = [0; 4096];
    loop {
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut space)).await;
        match read.expect("the service neither answers nor closes") {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&answer).into_owned(),
            Ok(count) => answer.extend_from_slice(&space[..count]),
        }
    }
}
