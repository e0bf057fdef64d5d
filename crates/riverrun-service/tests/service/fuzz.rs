//! Whatever is sent, the answer is never the service's fault.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tower::ServiceExt;

use crate::fixture::{labels, start};
use crate::http_client::{address, read_all};

fn paths() -> impl Strategy<Value = String> {
    let known = [
        "/classify",
        "/classify/stream",
        "/v1/models",
        "/v1/models/labels",
        "/v1/models/labels:predict",
        "/docs.json",
        "/",
        "/livez",
    ];
    let query = prop_oneof![Just(String::new()), "\\?[a-z_]{0,8}=[a-zA-Z0-9%+]{0,8}(&top_k=[0-9a-z]{0,20})?"];
    (prop_oneof![8 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "/[a-z:.]{0,10}"], query)
        .prop_map(|(path, query)| path + &query)
}

fn headers() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let names = [
        "x-request-id",
        "x-timeout-ms",
        "x-priority",
        "accept",
        "accept-encoding",
        "content-encoding",
        "traceparent",
        "authorization",
        "origin",
        "range",
    ];
    let values = prop_oneof![
        "[ -~]{0,40}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>().prop_filter("bytes of a header", |byte| *byte >= 32 && *byte != 127), 0..20),
        prop::sample::select(
            &["gzip", "identity", "text/event-stream", "application/x-riverrun", "60000", "high", "*/*"][..]
        )
        .prop_map(|value| value.as_bytes().to_vec()),
    ];
    prop::collection::vec((prop::sample::select(names.to_vec()).prop_map(str::to_owned), values), 0..4)
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        any::<String>()
            .prop_filter("texts that make the model itself fail", |text| text != "fail" && text != "panic")
            .prop_map(serde_json::Value::String),
        any::<f64>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    let value = leaf.prop_recursive(4, 32, 5, |inner| {
        let keys = prop::sample::select(
            &["text", "text_pair", "top_k", "inputs", "instances", "parameters", "method", "x"][..],
        );
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::vec((keys, inner), 0..4).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    });
    let json = value.prop_flat_map(|value| {
        let text = value.to_string().into_bytes();
        let binary = rmp_serde::to_vec_named(&value).unwrap();
        let cut = 0..=text.len();
        prop_oneof![3 => Just(text.clone()), 2 => Just(binary), 1 => cut.prop_map(move |end| text[..end].to_vec())]
    });
    prop_oneof![4 => json, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

fn content_types() -> impl Strategy<Value = String> {
    let known = [
        "text/plain",
        "text/plain; charset=utf-8",
        "application/json",
        "application/x-riverrun",
        "application/x-ndjson",
        "application/octet-stream",
    ];
    prop_oneof![9 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "[ -~]{0,20}"]
}

async fn status(router: &Router, request: Request<Body>) -> (u16, Vec<u8>) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = tokio::time::timeout(std::time::Duration::from_secs(20), response.into_body().collect()).await;
    (status, body.expect("a body that ends").unwrap().to_bytes().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn no_request_makes_the_service_fail(
        method in prop::sample::select(&["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"][..]),
        path in paths(), content_type in content_types(), headers in headers(), body in bodies(),
    ) {
        thread_local! {
            static SERVICE: (tokio::runtime::Runtime, Router) = (
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
                labels().into_router().unwrap(),
            );
        }
        let mut request = Request::builder().method(method).uri(path).header("content-type", content_type);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let Ok(request) = request.body(Body::from(body)) else { return Ok(()) };
        let no_time = request.headers().contains_key("x-timeout-ms");

        let (status, body) = SERVICE.with(|(runtime, router)| runtime.block_on(status(router, request)));

        let over = no_time && status == 504;
        prop_assert!(status < 500 || over, "{status}: {}", String::from_utf8_lossy(&body));
        prop_assert!(!String::from_utf8_lossy(&body).contains(r#""code":"internal""#));
    }
}

const WHOLE: &str = "POST /classify?top_k=2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n\
    X-Timeout-Ms: 60000\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n[\"a\",\"b\"\r\n1\r\n]\r\n0\r\n\r\n\
    POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\na text";

#[derive(Debug, Clone)]
enum Edit {
    Put(u8),
    Insert(Vec<u8>),
    Remove(usize),
    Cut,
}

fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, Edit)>> {
    let edit = prop_oneof![
        4 => any::<u8>().prop_map(Edit::Put),
        2 => prop::collection::vec(any::<u8>(), 1..20).prop_map(Edit::Insert),
        1 => prop::sample::select(vec!["\r\n", "\n", "\0", " ", ":", "\r\n\r\n", "ffffffff\r\n"])
            .prop_map(|text| Edit::Insert(text.as_bytes().to_vec())),
        2 => (1..20_usize).prop_map(Edit::Remove),
        1 => Just(Edit::Cut),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), edit), 1..4)
}

fn edited(edits: Vec<(prop::sample::Index, Edit)>) -> Vec<u8> {
    let mut bytes = WHOLE.as_bytes().to_vec();
    for (index, edit) in edits {
        if bytes.is_empty() {
            break;
        }
        let at = index.index(bytes.len());
        match edit {
            Edit::Put(byte) => bytes[at] = byte,
            Edit::Insert(new) => drop(bytes.splice(at..at, new)),
            Edit::Remove(count) => drop(bytes.drain(at..(at + count).min(bytes.len()))),
            Edit::Cut => bytes.truncate(at),
        }
    }
    bytes
}

async fn exchanged(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    read_all(&mut stream).await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn bytes_that_are_nearly_a_request_make_no_service_fail(edits in edits()) {
        thread_local! {
            static SERVICE: (tokio::runtime::Runtime, riverrun_service::Running) = {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let running = runtime.block_on(start(labels()));
                (runtime, running)
            };
        }

        let answer = SERVICE.with(|(runtime, running)| runtime.block_on(exchanged(address(running), &edited(edits))));

        let status = answer.get(8..10).unwrap_or_default();
        // An edit may leave a request no time at all, and the answer is to say so.
        let over = answer.starts_with("HTTP/1.1 504") && answer.contains(r#""code":"timeout""#);
        prop_assert!(answer.is_empty() || over || [" 2", " 4"].contains(&status), "{answer}");
        prop_assert!(!answer.contains(r#""code":"internal""#), "{answer}");
    }
}
