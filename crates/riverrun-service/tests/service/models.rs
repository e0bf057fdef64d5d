//! Several models, and several versions of one.

use std::collections::HashMap;
use std::sync::Arc;

use riverrun_service::{ServedModel, Server, Service, ServiceError, Shadow};
use serde_json::json;

use crate::fixture::{Labels, start, until};
use crate::http_client::{address, get, post, request, send};

#[tokio::test]
async fn a_canary_gets_its_share_and_one_request_id_always_the_same_version() {
    let model = ServedModel::unloaded("labels");
    let runner = |prefix, tag| Labels::prefixed(prefix).runner(tag).erased();
    model.serve(vec![("1", runner("one ", "labels:1"), 90), ("2", runner("two ", "labels:2"), 10)]).unwrap();
    let running = start(Service::new("test").model("/classify", &model)).await;
    let to = address(&running);
    let ask = |id: String| async move {
        let headers = [("content-type", "text/plain"), ("x-request-id", &*id)];
        send(to, request("POST", "/classify", &headers, "a")).await.header("x-model").to_owned()
    };

    let mut counts: HashMap<String, usize> = HashMap::new();
    for index in 0..500 {
        *counts.entry(ask(format!("request-{index}")).await).or_default() += 1;
    }
    assert!((25..=85).contains(&counts["labels:2"]), "{counts:?}");
    for index in 0..10 {
        assert_eq!(ask(format!("request-{index}")).await, ask(format!("request-{index}")).await);
    }
    model.set_weights(&[("1", 0), ("2", 1)]).unwrap();
    assert_eq!(ask("any".into()).await, "labels:2");
    assert_eq!(model.set_weights(&[("2", 0)]), Err(ServiceError::NoWeight { model: "labels".into() }));
    let unknown = model.set_weights(&[("3", 1)]).unwrap_err();
    assert!(unknown.to_string().contains("`3`") && unknown.to_string().contains("1, 2"), "{unknown}");
}

#[tokio::test]
async fn a_shadow_is_compared_and_answers_nobody() {
    let model = ServedModel::new("labels", "1", Labels::default().runner("labels:1").erased());
    let other = Labels::prefixed("other ");
    model.set_shadow(Some(Shadow::new("2", other.runner("labels:2").erased())));
    let running = start(Service::new("test").model("/classify", &model)).await;

    for _ in 0..5 {
        let answer = post(&running, "/classify", "application/json", r#"["a", "b"]"#).await;
        assert_eq!(answer.json()[0]["label"], "positive");
        assert_eq!(answer.header("x-model"), "labels:1");
    }

    let shadow = model.shadow().unwrap();
    until("the copies are compared", || shadow.counts().different == 10).await;
    assert_eq!(get(&running, "/v1/models/labels").await.json()["shadow"]["different"], 10);
    model.set_shadow(Some(Shadow::new("1", Labels::default().runner("labels:1").erased())));
    post(&running, "/classify", "text/plain", "a").await;
    until("the copy is compared", || model.shadow().unwrap().counts().same == 1).await;
}

#[tokio::test]
async fn two_models_are_served_at_their_routes_and_listed() {
    let (one, two) = (Labels::prefixed("one "), Labels::prefixed("two "));
    let service =
        Service::new("test").runner("/one", &one.runner("first:1")).runner("/nested/two", &two.runner("second:7"));
    let running = start(service).await;

    assert_eq!(post(&running, "/one", "text/plain", "a").await.json()[0]["label"], "one positive");
    let second = post(&running, "/nested/two", "text/plain", "a").await;
    assert_eq!((second.header("x-model"), &second.json()[0]["label"]), ("second:7", &"two positive".into()));
    let list = get(&running, "/v1/models").await.json();
    assert_eq!(list["models"][0]["name"], "first");
    assert_eq!(list["models"][1]["routes"], json!(["/nested/two"]));
    assert_eq!(list["models"][1]["versions"][0]["tag"], "second:7");
}

#[tokio::test]
async fn version_1_of_kserves_protocol_finds_models_by_name() {
    let running = start(crate::fixture::labels()).await;
    let json = "application/json";

    let answer = post(&running, "/v1/models/labels:predict", json, r#"{"instances": ["a", {"text": "b"}]}"#).await;
    let best = json!({"label": "positive", "score": 0.5});
    assert_eq!(answer.json(), json!({"predictions": [best, best]}));
    assert_eq!(answer.header("x-model"), "labels:1");
    for (path, body, status) in [
        ("/v1/models/other:predict", r#"{"instances": []}"#, 404),
        ("/v1/models/labels:predict", r#"["a"]"#, 422),
        ("/v1/models/labels:predict", r#"{"instances": "a"}"#, 422),
        ("/v1/models/labels:predict", "{", 400),
        ("/v1/models/labels", "{}", 405),
    ] {
        let answer = post(&running, path, json, body).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
        answer.code();
    }
    assert_eq!(get(&running, "/v1/models/labels").await.json()["ready"], true);
    let unknown = get(&running, "/v1/models/other").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.message().contains("labels"), "{}", unknown.message());
    let method = get(&running, "/v1/models/labels:predict").await;
    assert_eq!((method.status.as_u16(), method.header("allow")), (405, "POST"));
}

async fn refused(service: Service) -> String {
    let bound = Server::new().listen(([127, 0, 0, 1], 0).into()).bind(service).await;
    bound.unwrap_err().to_string()
}

#[tokio::test]
async fn two_things_on_one_route_are_an_error_that_names_both() {
    let model = |name: &str| ServedModel::new(name, "1", Labels::default().runner(name).erased());
    async fn echo(_: riverrun_service::RequestContext, text: String) -> Result<String, riverrun_service::Fault> {
        Ok(text)
    }

    let models = refused(Service::new("test").model("/a", &model("first")).model("/a", &model("second"))).await;
    assert!(models.contains("first") && models.contains("second") && models.contains("/a"), "{models}");
    let mixed = refused(Service::new("test").model("/a", &model("first")).endpoint("/a/stream", echo)).await;
    assert!(mixed.contains("first") && mixed.contains("endpoint") && mixed.contains("/a/stream"), "{mixed}");
    let reserved = refused(Service::new("test").model("/v1/models", &model("first"))).await;
    assert!(reserved.contains("first") && reserved.contains("/v1/models"), "{reserved}");
    let router = axum::Router::new().route("/a", axum::routing::post(|| async { "" }));
    let merged = refused(Service::new("test").model("/a", &model("first")).merge(router)).await;
    assert!(merged.contains("/a"), "{merged}");
}

#[tokio::test]
async fn bad_routes_and_names_are_errors_that_say_what_is_wrong() {
    let model = |name: &str| ServedModel::new(name, "1", Labels::default().runner(name).erased());

    for route in ["classify", "", "/a/", "/a//b", "/{a}", "/a b", "/a?b"] {
        let error = refused(Service::new("test").model(route, &model("m"))).await;
        assert!(error.contains(&format!("`{route}`")), "{error}");
    }
    let slash = refused(Service::new("test").model("/a", &model("a/b"))).await;
    assert!(slash.contains("`a/b`"), "{slash}");
    let twice = refused(Service::new("test").model("/a", &model("m")).model("/b", &model("m"))).await;
    assert!(twice.contains("`m`"), "{twice}");
    let same: Arc<ServedModel> = model("m");
    assert!(Service::new("test").model("/a", &same).model("/b", &same).into_router().is_ok());
}
