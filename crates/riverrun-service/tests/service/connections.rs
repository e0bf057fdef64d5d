//! TLS, Unix sockets, HTTP/2, and limits of connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use riverrun_service::{Server, ServiceError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::fixture::{labels, start, start_with};
use crate::http_client::{address, collect, get, raw, request, send_on, send_on_http2};

const TEXT: [(&str, &str); 1] = [("content-type", "text/plain")];

/// A certificate for `localhost` and its key, in files.
fn pair(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}

async fn tls(
    to: std::net::SocketAddr, certificate: &Path, protocol: &[u8],
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from("localhost").unwrap(), TcpStream::connect(to).await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn tls_speaks_both_versions_of_http_and_plain_text_gets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = pair(folder.path(), "a");
    let running = start_with(labels(), Server::new().tls(&certificate, &key)).await;
    let to = address(&running);

    let one = send_on(tls(to, &certificate, b"http/1.1").await, request("POST", "/classify", &TEXT, "a")).await;
    assert_eq!(one.status, 200, "{}", one.text());
    let two = send_on_http2(tls(to, &certificate, b"h2").await, http2("POST", "/classify", "a")).await;
    assert_eq!(two.status, 200, "{}", two.text());
    let plain = raw(to, b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(!plain.contains("HTTP/1.1"), "{plain}");
}

fn http2(method: &str, path: &str, body: &str) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    let mut request = request(method, &format!("https://localhost{path}"), &TEXT, body.to_owned());
    request.headers_mut().remove("host");
    request
}

#[tokio::test]
async fn a_certificate_of_another_key_is_an_error_that_names_both_files() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = pair(folder.path(), "a");
    let (_, other) = pair(folder.path(), "b");
    let bind = |certificate: &Path, key: &Path| {
        Server::new().listen(([127, 0, 0, 1], 0).into()).tls(certificate, key).bind(labels())
    };

    let mismatch = bind(&certificate, &other).await.unwrap_err();
    assert!(matches!(&mismatch, ServiceError::KeyMismatch { .. }), "{mismatch}");
    assert!(mismatch.to_string().contains("a.crt") && mismatch.to_string().contains("b.key"), "{mismatch}");
    let swapped = bind(&key, &certificate).await.unwrap_err();
    assert!(matches!(swapped, ServiceError::NoCertificate { .. }), "{swapped}");
    let missing = bind(&certificate, &folder.path().join("none.key")).await.unwrap_err();
    assert!(missing.to_string().contains("none.key"), "{missing}");
}

#[tokio::test]
async fn a_unix_socket_serves_and_is_gone_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("service.sock");
    // What a dead process has left there.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let running = Server::new().listen_unix(&path).bind(labels()).await.unwrap().start();

    let answer = send_on(UnixStream::connect(&path).await.unwrap(), request("POST", "/classify", &TEXT, "a")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let taken = Server::new().listen_unix(&path).bind(labels()).await.unwrap_err();
    assert!(matches!(taken, ServiceError::SocketInUse { .. }), "{taken}");
    running.shutdown().await;
    assert!(!path.exists());
    std::fs::write(&path, "precious").unwrap();
    let file = Server::new().listen_unix(&path).bind(labels()).await.unwrap_err();
    assert!(matches!(file, ServiceError::NotASocket { .. }), "{file}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_it() {
    let running = start(labels()).await;

    let error = Server::new().listen(address(&running)).bind(labels()).await.unwrap_err();

    assert_eq!(error, ServiceError::PortInUse { address: address(&running) });
    assert!(error.to_string().contains(&address(&running).port().to_string()), "{error}");
    let nowhere = Server::new().bind(labels()).await.unwrap_err();
    assert_eq!(nowhere, ServiceError::NowhereToListen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_share_one_http2_connection() {
    let running = start(labels()).await;
    let stream = TcpStream::connect(address(&running)).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let (sender, connection) = hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);

    let sending: Vec<_> = (0..200)
        .map(|_| {
            let mut sender = sender.clone();
            tokio::spawn(async move {
                sender.ready().await.unwrap();
                collect(sender.send_request(http2("POST", "/classify", "a")).await.unwrap()).await.status
            })
        })
        .collect();

    for status in sending {
        assert_eq!(status.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn a_flood_of_reset_streams_ends_its_connection_and_nothing_else() {
    let running = start(labels()).await;
    let mut stream = TcpStream::connect(address(&running)).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut flood = Vec::new();
    for id in (1..40_000_u32).step_by(2) {
        // HEADERS (GET / http localhost, from the static table), then RST_STREAM.
        flood.extend([&[0, 0, 4, 1, 5][..], &id.to_be_bytes(), &[0x82, 0x84, 0x86, 0x81]].concat());
        flood.extend([&[0, 0, 4, 3, 0][..], &id.to_be_bytes(), &[0, 0, 0, 8]].concat());
    }

    let (mut reading, mut writing) = stream.split();
    let writing = async { writing.write_all(&flood).await };
    let reading = async {
        let mut sink = Vec::new();
        let read = reading.read_to_end(&mut sink);
        tokio::time::timeout(Duration::from_secs(10), read).await.is_ok()
    };
    let (_, closed) = tokio::join!(writing, reading);

    assert!(closed, "the connection goes on");
    assert_eq!(get(&running, "/livez").await.status, 200);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so_and_others_get_their_place_back() {
    let running = start_with(labels(), Server::new().max_connections(2)).await;
    let to = address(&running);
    let held = [TcpStream::connect(to).await.unwrap(), TcpStream::connect(to).await.unwrap()];
    tokio::time::sleep(Duration::from_millis(50)).await;

    let refused = send_on(TcpStream::connect(to).await.unwrap(), request("GET", "/livez", &[], "")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (503, "overloaded".into()));
    drop(held);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(get(&running, "/livez").await.status, 200);
}

#[tokio::test]
async fn an_idle_connection_and_one_with_many_requests_are_closed() {
    let server = Server::new().keep_alive(Duration::from_millis(100)).max_requests(3);
    let running = start_with(labels(), server).await;
    let stream = TcpStream::connect(address(&running)).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);

    for count in 1..=3 {
        let answer = collect(sender.send_request(request("GET", "/livez", &[], "")).await.unwrap()).await;
        assert_eq!(answer.header("connection") == "close", count == 3, "{count}");
    }
    tokio::time::timeout(Duration::from_secs(10), connection).await.unwrap().unwrap().unwrap();
    let mut idle = TcpStream::connect(address(&running)).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let answer = crate::http_client::read_all(&mut idle).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let running = start(labels()).await;

    let one = "POST /classify HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 1\r\nx-request-id: first\r\n\r\na";
    let two = one.replace("first", "second").replace("host: a", "host: a\r\nconnection: close");
    let answer = raw(address(&running), format!("{one}{two}").as_bytes()).await;

    let (first, second) = (answer.find("first").unwrap(), answer.find("second").unwrap());
    assert!(first < second, "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2);
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_given_up() {
    let large = axum::Router::new().route("/large", axum::routing::get(|| async { vec![b'a'; 64 << 20] }));
    let server = Server::new().write_timeout(Duration::from_millis(200));
    let running = start_with(labels().merge(large), server).await;
    let mut stream = TcpStream::connect(address(&running)).await.unwrap();
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let summary = tokio::time::timeout(Duration::from_secs(20), running.shutdown()).await.unwrap();

    assert_eq!((summary.open_connections, summary.cut_off), (1, 0));
}
