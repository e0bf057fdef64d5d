//! Section by section what the routes promise.

use serde_json::json;

use crate::fixture::{Labels, labels, start};
use crate::http_client::{address, get, post, request, send};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

#[tokio::test]
async fn one_text_is_answered_by_a_list_of_its_best_label() {
    let running = start(labels()).await;

    for (content_type, body) in [(TEXT, "a text"), (JSON, r#""a text""#), (JSON, r#"{"text": "a text"}"#), (TEXT, "")] {
        let answer = post(&running, "/classify", content_type, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json(), json!([{"label": "positive", "score": 0.5}]));
    }
}

#[tokio::test]
async fn a_list_of_n_texts_is_answered_by_a_list_of_n() {
    let running = start(labels()).await;
    let best = json!({"label": "positive", "score": 0.5});

    let two = post(&running, "/classify", JSON, r#"["a", {"text": "b", "text_pair": "c"}]"#).await;
    assert_eq!(two.json(), json!([best, best]));
    let one = post(&running, "/classify", JSON, r#"["a"]"#).await;
    assert_eq!(one.json(), json!([best]));
    let none = post(&running, "/classify", JSON, "[]").await;
    assert_eq!(none.json(), json!([]));
}

#[tokio::test]
async fn top_k_gives_a_list_for_each_text() {
    let running = start(labels()).await;
    let (first, second) = (json!({"label": "positive", "score": 0.5}), json!({"label": "neutral", "score": 0.3_f32}));

    let alone = post(&running, "/classify?top_k=2", TEXT, "a").await;
    assert_eq!(alone.text(), r#"[{"label":"positive","score":0.5},{"label":"neutral","score":0.3}]"#);
    let in_body = r#"{"inputs": ["a", "b"], "parameters": {"top_k": 1}}"#;
    let listed = post(&running, "/classify", JSON, in_body).await;
    assert_eq!(listed.json(), json!([[first], [first]]));
    let query = post(&running, "/classify?top_k=2", JSON, r#"["a"]"#).await;
    assert_eq!(query.text(), r#"[[{"label":"positive","score":0.5},{"label":"neutral","score":0.3}]]"#);
    let _ = second;
}

#[tokio::test]
async fn every_error_has_its_status_its_code_and_a_message() {
    let running = start(labels()).await;

    for (content_type, body, status, code) in [
        (JSON, "{", 400, "malformed"),
        (JSON, "", 400, "malformed"),
        ("text/plain", "\u{0}", 200, ""),
        ("text/html", "a", 415, "unsupported_media_type"),
        ("text/plain; charset=latin1", "a", 415, "unsupported_media_type"),
        ("multipart/form-data; boundary=x", "a", 415, "unsupported_media_type"),
        (JSON, "7", 422, "invalid_input"),
        (JSON, "null", 422, "invalid_input"),
        (JSON, "[[\"a\"]]", 422, "invalid_input"),
        (JSON, r#"{"txt": "a"}"#, 422, "invalid_input"),
        (JSON, r#"{"text": 7}"#, 422, "invalid_input"),
        (JSON, r#"["a", 7]"#, 422, "invalid_input"),
        (JSON, r#""too long""#, 422, "invalid_input"),
        (JSON, r#""fail""#, 500, "internal"),
    ] {
        let answer = post(&running, "/classify", content_type, body).await;
        assert_eq!(answer.status, status, "{content_type} {body}: {}", answer.text());
        if status != 200 {
            assert_eq!(answer.code(), code, "{body}");
            assert_eq!(answer.header("content-type"), JSON);
        }
        assert!(!answer.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn a_wrong_media_type_is_told_what_is_read() {
    let running = start(labels()).await;

    let answer = post(&running, "/classify", "text/html", "a").await;

    assert!(
        answer.message().contains("`text/html`") && answer.message().contains("application/json"),
        "{}",
        answer.message()
    );
    let missing = send(address(&running), request("POST", "/classify", &[], "a")).await;
    assert_eq!((missing.status.as_u16(), missing.code()), (415, "unsupported_media_type".into()));
}

#[tokio::test]
async fn the_input_at_fault_is_named_by_its_place() {
    let running = start(labels()).await;

    let shape = post(&running, "/classify", JSON, r#"["a", "b", 7]"#).await;
    assert!(shape.message().contains('2'), "{}", shape.message());
    let long = post(&running, "/classify", JSON, r#"["a", "too long", "c"]"#).await;
    assert_eq!(long.status, 422);
    assert!(long.message().contains('1'), "{}", long.message());
}

#[tokio::test]
async fn what_goes_wrong_inside_is_for_the_log_alone() {
    let running = start(labels()).await;

    for text in ["fail", "panic"] {
        let answer = post(&running, "/classify", TEXT, text).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (500, "internal".into()));
        assert!(!answer.text().contains("secret"), "{}", answer.text());
        assert!(answer.message().contains(answer.header("x-request-id")), "{}", answer.text());
    }
    assert_eq!(post(&running, "/classify", TEXT, "a").await.status, 200);
}

#[tokio::test]
async fn an_unknown_route_lists_the_routes_and_a_wrong_method_those_allowed() {
    let running = start(labels()).await;

    let unknown = post(&running, "/clasify", TEXT, "a").await;
    assert_eq!((unknown.status.as_u16(), unknown.code()), (404, "unknown_route".into()));
    assert!(
        unknown.message().contains("POST /classify") && unknown.message().contains("GET /livez"),
        "{}",
        unknown.message()
    );
    let method = get(&running, "/classify").await;
    assert_eq!((method.status.as_u16(), method.code()), (405, "method_not_allowed".into()));
    assert_eq!(method.header("allow"), "POST");
    let health = post(&running, "/livez", TEXT, "").await;
    assert_eq!((health.status.as_u16(), health.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn an_answer_says_which_version_made_it_how_long_that_took_and_whose_it_is() {
    let running = start(labels()).await;

    let headers = [("content-type", TEXT), ("x-request-id", "job-7/3")];
    let answer = send(address(&running), request("POST", "/classify", &headers, "a")).await;

    assert_eq!(answer.header("x-model"), "labels:1");
    assert_eq!(answer.header("x-request-id"), "job-7/3");
    let timing = answer.header("server-timing");
    assert!(timing.starts_with("queue;dur=") && timing.contains(", compute;dur="), "{timing}");
    let own = post(&running, "/classify", TEXT, "a").await;
    assert_eq!(own.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn a_deadline_that_is_over_is_a_504_and_nothing_is_computed_for_it() {
    let model = Labels::waiting(std::time::Duration::from_millis(300));
    let running = start(riverrun_service::Service::new("test").runner("/classify", &model.runner("labels:1"))).await;

    let headers = [("content-type", TEXT), ("x-timeout-ms", "50")];
    let answer = send(address(&running), request("POST", "/classify", &headers, "a")).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (504, "timeout".into()));
    for (name, value) in [("x-timeout-ms", "soon"), ("x-priority", "urgent")] {
        let bad =
            send(address(&running), request("POST", "/classify", &[("content-type", TEXT), (name, value)], "a")).await;
        assert_eq!((bad.status.as_u16(), bad.code()), (400, "malformed".into()));
    }
}

#[tokio::test]
async fn health_says_live_and_ready() {
    let running = start(labels()).await;

    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(get(&running, path).await.status, 200);
    }
}
