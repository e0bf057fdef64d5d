//! The user's own endpoints.

use std::time::Duration;

use http::StatusCode;
use riverrun_service::{Endpoint, Fault, Limits, RawRequest, RequestContext, Service};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::fixture::{Label, Labels, start};
use crate::http_client::{Answer, address, get, post, request, send};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Review {
    title: String,
    body: String,
}

#[derive(Serialize)]
struct Verdict {
    labels: Vec<Label>,
    request: String,
}

async fn service() -> riverrun_service::Running {
    let runner = Labels::default().runner("labels:1");
    let calling = runner.clone();
    let review = move |context: RequestContext, review: Review| {
        let runner = calling.clone();
        async move {
            if review.body.is_empty() {
                return Err(Fault::invalid_input("`body` is empty; send a review"));
            }
            let text = crate::fixture::Text {
                text: format!("{} {}", review.title, review.body),
                text_pair: None,
                top_k: Some(2),
            };
            let labels = runner.async_run(text).await?;
            Ok(Verdict { labels, request: context.id().to_owned() })
        }
    };
    async fn slow(_: RequestContext, (): ()) -> Result<(), Fault> {
        tokio::time::sleep(Duration::from_secs(20)).await;
        Ok(())
    }
    async fn panics(_: RequestContext, text: String) -> Result<usize, Fault> {
        if text == "panic" { panic!("the secret") } else { Ok(text.len()) }
    }
    let endpoint = Endpoint::new(review).summary("Judges a review").input_schema(json!({"type": "object"}));
    let service = Service::new("test").runner("/classify", &runner).endpoint("/review", endpoint);
    let service = service.endpoint("/slow", slow).endpoint("/panics", panics);
    start(service.limits(Limits::default().timeout(Duration::from_millis(200)).max_body(1 << 10))).await
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), &*answer.code()), (status, code), "{}", answer.text());
}

#[tokio::test]
async fn an_endpoint_reads_its_type_calls_a_runner_and_writes_its_type() {
    let running = service().await;

    let headers = [("content-type", "application/json"), ("x-request-id", "r-1")];
    let body = r#"{"title": "a", "body": "b"}"#;
    let answer = send(address(&running), request("POST", "/review", &headers, body)).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!((&answer.json()["labels"][1]["label"], &answer.json()["request"]), (&json!("neutral"), &json!("r-1")));
}

#[tokio::test]
async fn an_endpoints_faults_are_those_of_the_service() {
    let running = service().await;
    let json = "application/json";

    refused(&post(&running, "/review", json, "{").await, 400, "malformed");
    let shape = post(&running, "/review", json, r#"{"title": 7, "body": "b"}"#).await;
    refused(&shape, 422, "invalid_input");
    assert!(shape.message().contains("string"), "{}", shape.message());
    refused(&post(&running, "/review", json, r#"{"title": "a"}"#).await, 422, "invalid_input");
    refused(&post(&running, "/review", json, r#"{"title": "a", "body": ""}"#).await, 422, "invalid_input");
    refused(&post(&running, "/review", "text/plain", "a").await, 415, "unsupported_media_type");
    refused(&post(&running, "/review", json, vec![b' '; 2 << 10]).await, 413, "too_large");
    refused(&post(&running, "/slow", json, "null").await, 504, "timeout");
    refused(&get(&running, "/review").await, 405, "method_not_allowed");
    let panicked = post(&running, "/panics", json, r#""panic""#).await;
    refused(&panicked, 500, "internal");
    assert!(!panicked.text().contains("secret"));
    assert_eq!(post(&running, "/panics", json, r#""four""#).await.json(), 4);
    let body = r#"{"title": "", "body": "fail"}"#;
    assert_eq!(post(&running, "/review", json, body).await.status, 200);
}

#[tokio::test]
async fn a_raw_endpoint_reads_any_body_and_answers_in_its_own_form() {
    let raw = Endpoint::raw(|request: RawRequest| async move {
        let kind = request.headers().get("content-type").map(|kind| kind.as_bytes().to_vec()).unwrap_or_default();
        match request.uri().query() {
            Some("teapot") => Ok((StatusCode::IM_A_TEAPOT, request.body().clone())),
            Some("refuse") => Err(Fault::malformed(format!("no {}", request.context().id()))),
            Some("panic") => panic!("the secret"),
            _ => Ok((StatusCode::OK, [&kind[..], b": ", request.body()].concat().into())),
        }
    });
    let service =
        Service::new("test").endpoint("/raw", raw).endpoint("/raw/stream", |_: RequestContext, (): ()| async {
            Ok::<_, Fault>("an endpoint leaves the routes below it free")
        });
    let running = start(service.limits(Limits::default().max_body(1 << 10))).await;
    let ask = |query: &'static str, kind: &'static str, body: &'static [u8]| {
        let headers = [("content-type", kind), ("x-request-id", "r-1")];
        send(address(&running), request("POST", query, &headers, body))
    };

    assert_eq!(ask("/raw", "image/png", b"\xff\0").await.body, &b"image/png: \xff\0"[..]);
    // It is no error of the service, whose form it would have.
    let own = ask("/raw?teapot", "x/y", b"short").await;
    assert_eq!((own.status.as_u16(), &*own.text()), (418, "short"));
    let refusal = ask("/raw?refuse", "x/y", b"").await;
    refused(&refusal, 400, "malformed");
    assert_eq!(refusal.message(), "no r-1");
    refused(&ask("/raw?panic", "x/y", b"").await, 500, "internal");
    refused(&post(&running, "/raw", "x/y", vec![b' '; 2 << 10]).await, 413, "too_large");
    assert!(ask("/raw/stream", "application/json", b"null").await.text().contains("free"));
}
