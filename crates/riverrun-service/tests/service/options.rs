//! Tokens, origins, compression, other routers.

use riverrun_service::{Server, Service};

use crate::fixture::{Labels, labels, start};
use crate::http_client::{address, get, post, request, send};

#[tokio::test]
async fn a_service_with_a_token_lets_in_those_who_have_it_and_every_probe() {
    let running = start(labels().token("secret-1").token("secret-2")).await;
    let to = address(&running);
    let ask = |token: &'static str| {
        let headers = [("content-type", "text/plain"), ("authorization", token)];
        send(to, request("POST", "/classify", &headers, "a"))
    };

    assert_eq!(ask("Bearer secret-1").await.status, 200);
    assert_eq!(ask("bearer secret-2").await.status, 200);
    for wrong in ["Bearer secret-3", "Bearer ", "Basic secret-1", "secret-1"] {
        let answer = ask(wrong).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, "unauthorized".into()));
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    for path in ["/livez", "/readyz", "/healthz", "/", "/docs", "/assets/page.js"] {
        assert_eq!(get(&running, path).await.status, 200, "{path}");
    }
    for path in ["/v1/models", "/docs.json", "/nothing"] {
        assert_eq!(get(&running, path).await.status, 401, "{path}");
    }
    let bad = Server::new().listen(([127, 0, 0, 1], 0).into()).bind(labels().token("")).await.unwrap_err();
    assert!(bad.to_string().contains("is empty"), "{bad}");
}

#[tokio::test]
async fn pages_of_the_allowed_origin_may_call_and_others_may_not() {
    let running = start(labels().token("secret").allow_origin("https://example.org")).await;
    let preflight = |origin: &'static str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization"),
        ];
        send(address(&running), request("OPTIONS", "/classify", &headers, ""))
    };

    let allowed = preflight("https://example.org").await;
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.header("access-control-allow-origin"), "https://example.org");
    assert_eq!(preflight("https://evil.example").await.header("access-control-allow-origin"), "");
    let refused = send(address(&running), request("GET", "/v1/models", &[("origin", "https://example.org")], "")).await;
    assert_eq!((refused.status.as_u16(), refused.header("access-control-allow-origin")), (401, "https://example.org"));
}

#[tokio::test]
async fn long_answers_are_compressed_for_those_who_can_read_that_and_short_ones_are_not() {
    let running = start(labels()).await;
    let texts = serde_json::to_vec(&vec!["a"; 500]).unwrap();
    let headers = [("content-type", "application/json"), ("accept-encoding", "gzip")];

    let long = send(address(&running), request("POST", "/classify", &headers, texts.clone())).await;
    assert_eq!(long.header("content-encoding"), "gzip");
    assert!(long.body.len() < 1000);
    let short = send(address(&running), request("POST", "/classify", &headers, "\"a\"")).await;
    assert_eq!((short.header("content-encoding"), short.status.as_u16()), ("", 200));
    let plain = post(&running, "/classify", "application/json", texts).await;
    assert_eq!((plain.header("content-encoding"), plain.json().as_array().unwrap().len()), ("", 500));
}

#[tokio::test]
async fn another_router_is_served_behind_the_same_layers() {
    async fn fails() -> Result<&'static str, (http::StatusCode, &'static str)> {
        Err((http::StatusCode::BAD_GATEWAY, "the secret host is away"))
    }
    let router = axum::Router::new()
        .route("/hello", axum::routing::get(|| async { "hello" }))
        .route("/fails", axum::routing::get(fails))
        .route("/panics", axum::routing::get(|| async { if true { panic!("the secret") } else { "" } }));
    let running = start(labels().merge(router)).await;

    let hello = get(&running, "/hello").await;
    assert_eq!(hello.text(), "hello");
    assert!(!hello.header("x-request-id").is_empty());
    let failed = get(&running, "/fails").await;
    assert_eq!((failed.status.as_u16(), failed.code()), (502, "internal".into()));
    let panicked = get(&running, "/panics").await;
    assert_eq!((panicked.status.as_u16(), panicked.code()), (500, "internal".into()));
    for answer in [failed, panicked] {
        assert!(!answer.text().contains("secret"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_service_works_as_a_router_without_a_server() {
    use tower::ServiceExt;
    let router = Service::new("test").runner("/classify", &Labels::default().runner("labels")).into_router().unwrap();

    let request = request("POST", "/classify", &[("content-type", "text/plain")], "a").map(axum::body::Body::new);
    let response = router.oneshot(request).await.unwrap();

    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-model"], "labels:unversioned");
}
