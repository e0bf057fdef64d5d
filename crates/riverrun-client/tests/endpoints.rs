//! The places that a service can be at, and those that none can be at.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::io::Write;
use std::sync::Arc;

use riverrun_client::{ClientError, ClientExt, ClientOptions};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use support::{Answer, Seen, Server, label, riverrun_service, runner};
use tokio_rustls::TlsAcceptor;

#[test]
fn what_is_no_endpoint_is_named_with_the_forms_that_are() {
    let cases = [
        ("localhost:3000", "scheme"),
        ("/classify", "scheme"),
        ("ftp://host/x", "`ftp` is not a scheme"),
        ("http://", ""),
        ("http://host:notaport", ""),
        ("unix:relative.sock", "absolute"),
    ];
    for (url, said) in cases {
        let error = runner().init_client(url).unwrap_err();

        assert!(matches!(error, ClientError::Url { .. }), "{url}: {error:?}");
        let message = error.to_string();
        assert!(message.contains(said) && message.contains("unix:/path/to.sock"), "{message}");
    }
    assert!(matches!(runner().init_client(Vec::<String>::new()), Err(ClientError::NoEndpoints { .. })));
}

#[test]
fn a_service_that_is_away_is_named_with_what_to_do_and_may_be_bound_later() {
    let server = Server::start(riverrun_service);
    let (address, url) = (server.address.unwrap(), server.url(""));
    drop(server);
    let runner = runner();

    let error = runner.init_client(url.as_str()).unwrap_err();

    assert!(matches!(error, ClientError::Unreachable { .. }) && error.is_transient(), "{error:?}");
    let message = error.to_string();
    assert!(message.contains(&url) && message.contains("start the service"), "{message}");
    let _server = Server::start_at(address, riverrun_service);
    runner.init_client(url).unwrap();
    assert_eq!(runner.run("a"), Ok(label("a")));
}

#[test]
fn a_name_that_does_not_exist_is_said_so() {
    let message = runner().init_client("http://no-such-host.invalid:1").unwrap_err().to_string();

    assert!(message.contains("`no-such-host.invalid` can't be resolved"), "{message}");
}

#[test]
fn a_unix_socket_is_an_endpoint() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("service.sock");
    let _server = Server::unix(&socket, riverrun_service);

    for url in [format!("unix:{}", socket.display()), format!("unix:{}:/classify", socket.display())] {
        let runner = runner();
        runner.init_client(url).unwrap();
        assert_eq!(runner.run("a"), Ok(label("a")));
    }
    let gone = format!("unix:{}/other.sock", directory.path().display());
    let message = runner().init_client(gone).unwrap_err().to_string();
    assert!(message.contains("other.sock"), "{message}");
}

#[test]
fn a_token_and_headers_are_sent_and_a_token_that_is_missed_is_said_so() {
    let guarded = |request: &Seen| match request.headers.get("authorization").map(String::as_str) {
        Some("Bearer secret") => riverrun_service(request),
        _ => Answer::reply(401, "application/json", r#"{"error": {"code": "unauthorized", "message": "no token"}}"#),
    };
    let server = Server::start(guarded);

    let message = runner().init_client(server.url("")).unwrap_err().to_string();
    assert!(message.contains("ClientOptions::bearer_token"), "{message}");
    let options = ClientOptions::new(server.url("")).bearer_token("secret").header("x-team", "blue");
    assert!(!format!("{options:?}").contains("secret"));
    let runner = runner();
    runner.init_client(options).unwrap();
    assert_eq!(runner.run("a"), Ok(label("a")));
    assert_eq!(server.seen("/classify")[0].headers["x-team"], "blue");
}

#[test]
fn the_trace_of_the_caller_goes_with_the_request() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let server = Server::start(riverrun_service);
    let runner = runner();
    runner.init_client(ClientOptions::new(server.url("")).traceparent(|| Some(TRACE.to_owned()))).unwrap();

    runner.run("a").unwrap();

    assert_eq!(server.seen("/classify")[0].headers["traceparent"], TRACE);
}

#[test]
fn connections_are_used_again() {
    let server = Server::start(riverrun_service);
    let runner = runner();
    runner.init_client(ClientOptions::new(server.url("")).health_interval(None)).unwrap();

    for _ in 0..20 {
        runner.run("a").unwrap();
    }

    let connections: Vec<usize> = server.seen("/classify").iter().map(|request| request.connection).collect();
    assert!(connections.iter().all(|connection| connection == &connections[0]), "{connections:?}");
}

struct Certificate {
    acceptor: TlsAcceptor,
    /// The root, as a file.
    root: tempfile::NamedTempFile,
}

fn certificate(name: &str) -> Certificate {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut root = tempfile::NamedTempFile::new().unwrap();
    root.write_all(made.cert.pem().as_bytes()).unwrap();
    Certificate { acceptor: TlsAcceptor::from(Arc::new(config)), root }
}

#[test]
fn a_certificate_of_a_known_root_is_accepted_and_any_other_is_refused_with_what_to_set() {
    let Certificate { acceptor, root } = certificate("localhost");
    let server = Server::tls(acceptor, riverrun_service);
    let url = format!("https://localhost:{}", server.address.unwrap().port());

    let known = runner();
    known.init_client(ClientOptions::new(url.as_str()).root_certificates(root.path())).unwrap();
    assert_eq!(known.run("a"), Ok(label("a")));

    let message = runner().init_client(url).unwrap_err().to_string();
    assert!(message.contains("TLS was refused") && message.contains("root_certificates"), "{message}");
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let Certificate { acceptor, root } = certificate("elsewhere.example");
    let server = Server::tls(acceptor, riverrun_service);
    let url = format!("https://localhost:{}", server.address.unwrap().port());

    let message = runner().init_client(ClientOptions::new(url).root_certificates(root.path())).unwrap_err().to_string();

    assert!(message.contains("TLS was refused"), "{message}");
}

#[test]
fn a_file_without_certificates_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();

    let options = ClientOptions::new("https://localhost:1").root_certificates(file.path());
    let message = runner().init_client(options).unwrap_err().to_string();

    assert!(message.contains("no certificate in it"), "{message}");
}

#[test]
fn a_plain_service_behind_an_https_url_is_said_so() {
    let server = Server::start(riverrun_service);

    let url = format!("https://127.0.0.1:{}", server.address.unwrap().port());
    let message = runner().init_client(url).unwrap_err().to_string();

    assert!(message.contains("TLS"), "{message}");
}
