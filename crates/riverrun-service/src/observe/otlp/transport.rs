//! [`Collector`]: one connection to it, HTTP/1.1, with TLS where its address says so.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Otlp;

/// The most bytes of an answer.
const LONGEST_ANSWER: usize = 64 << 10;

/// Why spans were not taken.
#[derive(Debug)]
pub(super) enum Refused {
    /// Another try may help.
    Later(String),
    /// None does.
    ForGood(String),
}

pub(super) struct Collector {
    endpoint: String,
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    headers: HeaderMap,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Collector {
    /// What is wrong with the address or the headers, if something is.
    pub(super) fn new(otlp: &Otlp) -> Result<Self, String> {
        let secure = match otlp.endpoint.split_once("://") {
            Some(("http", _)) => false,
            Some(("https", _)) => true,
            _ => return Err("it does not begin with http:// or https://".into()),
        };
        let uri: Uri = otlp.endpoint.parse().map_err(|error| format!("it is no URL: {error}"))?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or("it names no host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let tls = if secure { Some(tls(&host)?) } else { None };
        let mut headers = HeaderMap::new();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
        headers.insert(HOST, HeaderValue::from_str(authority).map_err(|error| error.to_string())?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("riverrun/", env!("CARGO_PKG_VERSION"))));
        for (name, value) in &otlp.headers {
            let bad = |what: &str| format!("its header `{name}` {what}");
            let key = HeaderName::try_from(&**name).map_err(|_| bad("has a name that no header may have"))?;
            let mut value = HeaderValue::try_from(&**value).map_err(|_| bad("has a value that no header may have"))?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Ok(Self { endpoint: otlp.endpoint.clone(), uri, host, port, tls, headers, connection: None })
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The next request takes a new connection.
    pub(super) fn hang_up(&mut self) {
        self.connection = None;
    }

    /// Sends one message and gives the body of the answer.
    pub(super) async fn send(&mut self, body: Bytes) -> Result<Bytes, Refused> {
        match self.exchange(body).await {
            Ok((status, body)) if status.is_success() => Ok(body),
            Ok((status, _)) => {
                let reason = format!("it answered {status}");
                // Those that the protocol calls worth another try.
                let later = matches!(status.as_u16(), 429 | 502 | 503 | 504);
                Err(if later { Refused::Later(reason) } else { Refused::ForGood(reason) })
            }
            Err(reason) => {
                self.hang_up();
                Err(Refused::Later(reason))
            }
        }
    }

    async fn exchange(&mut self, body: Bytes) -> Result<(StatusCode, Bytes), String> {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.parse().map_err(|error| format!("{error}"))?;
        request.headers_mut().clone_from(&self.headers);
        let usable = match &mut self.connection {
            Some(connection) => connection.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            self.connection = Some(self.connect().await?);
        }
        let connection = self.connection.as_mut().ok_or("there is no connection")?;
        let answer = connection.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await.map_err(|e| e.to_string())?;
        Ok((status, body.to_bytes()))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream = TcpStream::connect((&*self.host, self.port)).await.map_err(|error| error.to_string())?;
        match &self.tls {
            None => speak(stream).await,
            Some((connector, name)) => {
                speak(connector.connect(name.clone(), stream).await.map_err(|error| error.to_string())?).await
            }
        }
    }
}

async fn speak<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        // What ends it is the next request's error.
        let _ = connection.await;
    });
    Ok(sender)
}

fn tls(host: &str) -> Result<(TlsConnector, ServerName<'static>), String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err("this machine has no certificates to trust (`ca-certificates`), which https needs".into());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}
