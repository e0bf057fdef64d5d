//! The protocol over HTTP, in JSON.

use std::time::Duration;

use riverrun_runner::Batching;
use riverrun_service::{Limits, ServedModel, Service};
use serde_json::{Value, json};

use crate::fixture::{Words, infer, send, service, service_of};

fn texts(texts: &[&str]) -> Value {
    json!({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [texts.len()], "data": texts}]})
}

#[tokio::test]
async fn the_server_and_its_models_say_what_they_are() {
    let router = service().into_router().unwrap();
    let get = async |path: &str| send(&router, "GET", path, &[], "").await;

    let server = get("/v2").await.json();
    let model = get("/v2/models/words").await.json();

    assert_eq!(server["name"], "test");
    assert_eq!(server["extensions"], json!(["binary_tensor_data", "model_repository"]));
    let expected = json!({
        "name": "words", "versions": ["7"], "platform": "riverrun",
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": "shout", "datatype": "BYTES", "shape": [-1]},
                    {"name": "length", "datatype": "INT64", "shape": [-1]}],
    });
    assert_eq!(model, expected);
    assert_eq!(get("/v2/models/words/versions/7").await.json(), expected);
    for path in ["/v2/health/live", "/v2/health/ready", "/v2/models/words/ready", "/v2/models/words/versions/7/ready"] {
        assert_eq!(get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_model_that_is_not_loaded_makes_the_service_unready_and_is_503() {
    let router = service().model("/later", &ServedModel::unloaded("later")).into_router().unwrap();
    let get = async |path: &str| send(&router, "GET", path, &[], "").await;

    assert_eq!(get("/v2/health/live").await.status, 200);
    assert_eq!(get("/v2/health/ready").await.status, 503);
    assert_eq!(get("/v2/models/later/ready").await.status, 503);
    assert_eq!(get("/v2/models/words/ready").await.status, 200);
    let refused = infer(&router, "later", &texts(&["a"])).await;
    assert_eq!(refused.status, 503);
    assert!(refused.error().contains("`later` is not ready"), "{}", refused.error());
}

#[tokio::test]
async fn outputs_come_back_with_the_id_and_the_exact_version() {
    let router = service().into_router().unwrap();
    let mut request = texts(&["ab", "é"]);
    request["id"] = "42".into();

    let answer = infer(&router, "words", &request).await;

    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.headers["x-model"], "words:7");
    let expected = json!({"model_name": "words", "model_version": "7", "id": "42", "outputs": [
        {"name": "shout", "datatype": "BYTES", "shape": [2], "data": ["AB", "É"]},
        {"name": "length", "datatype": "INT64", "shape": [2], "data": [2, 2]}]});
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn only_the_outputs_that_are_asked_for_come_and_in_that_order() {
    let router = service().into_router().unwrap();
    let ask = async |outputs: Value| {
        let mut request = texts(&["ab"]);
        request["outputs"] = outputs;
        infer(&router, "words/versions/7", &request).await
    };
    let names = |answer: Value| {
        let outputs = answer["outputs"].as_array().unwrap().clone();
        outputs.iter().map(|output| output["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };

    assert_eq!(names(ask(json!([{"name": "length"}])).await.json()), ["length"]);
    assert_eq!(names(ask(json!([{"name": "length"}, {"name": "shout"}])).await.json()), ["length", "shout"]);
    assert_eq!(names(ask(json!([])).await.json()), ["shout", "length"]);
    let unknown = ask(json!([{"name": "whisper"}])).await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.error().contains("`whisper`") && unknown.error().contains("shout, length"), "{}", unknown.error());
}

#[tokio::test]
async fn numbers_of_every_type_survive_flat_and_nested() {
    let router = service().into_router().unwrap();
    let cases = [
        ("BOOL", json!([true, false])),
        ("UINT8", json!([0, 255])),
        ("UINT16", json!([0, 65535])),
        ("UINT32", json!([0, 4_294_967_295_u32])),
        ("UINT64", json!([0, u64::MAX])),
        ("INT8", json!([-128, 127])),
        ("INT16", json!([-32768, 32767])),
        ("INT32", json!([i32::MIN, i32::MAX])),
        ("INT64", json!([i64::MIN, i64::MAX])),
        ("FP32", json!([0.5, -1.25])),
        ("FP64", json!([0.1, -1e300])),
        ("BYTES", json!(["", "naïve"])),
    ];

    for (datatype, data) in cases {
        let nested = json!([[data[0]], [data[1]]]);
        for (shape, sent) in [([1, 2], &data), ([2, 1], &nested)] {
            let input = json!({"name": "x", "datatype": datatype, "shape": shape, "data": sent});
            let answer = infer(&router, "echo", &json!({"inputs": [input]})).await;
            assert_eq!(answer.status, 200, "{datatype}: {:?}", answer.body);
            let output = json!({"name": "y", "datatype": datatype, "shape": shape, "data": data});
            assert_eq!(answer.json()["outputs"], json!([output]));
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_in_the_protocols_form() {
    let router = service().into_router().unwrap();
    let input = |input: Value| json!({"inputs": [input]});
    let cases = [
        (json!({}), "inputs"),
        (json!([1]), "expected"),
        (input(json!({"name": "text", "datatype": "BYTES", "shape": [1]})), "no `data`"),
        (input(json!({"name": "text", "datatype": "TEXT", "shape": [1], "data": ["a"]})), "TEXT"),
        (input(json!({"name": "text", "datatype": "BYTES", "shape": [2], "data": ["a"]})), "fill its shape"),
        (input(json!({"name": "text", "datatype": "BYTES", "shape": [-1], "data": ["a"]})), "-1"),
        (input(json!({"name": "text", "datatype": "BYTES", "shape": [1], "data": [1]})), "`1`"),
        (
            input(json!({"name": "other", "datatype": "BYTES", "shape": [1], "data": ["a"]})),
            "a tensor `text` is wanted",
        ),
        (input(json!({"name": "text", "datatype": "INT8", "shape": [1], "data": [300]})), "`300`"),
    ];

    for (request, expected) in cases {
        let answer = infer(&router, "words", &request).await;
        assert_eq!(answer.status, 400, "{request}: {:?}", answer.body);
        assert!(answer.error().contains(expected), "{request}: {}", answer.error());
    }
    let mut unknown_method = texts(&["a"]);
    unknown_method["parameters"] = json!({"method": "translate"});
    let answer = infer(&router, "words", &unknown_method).await;
    assert!(answer.status == 400 && answer.error().contains("`translate`"), "{:?}", answer.body);
}

#[tokio::test]
async fn models_and_versions_that_are_not_there_are_404_and_what_is_there_is_named() {
    let router = service().into_router().unwrap();

    let model = infer(&router, "wrods", &texts(&["a"])).await;
    let version = infer(&router, "words/versions/8", &texts(&["a"])).await;

    assert_eq!((model.status.as_u16(), version.status.as_u16()), (404, 404));
    assert!(model.error().contains("words, echo"), "{}", model.error());
    assert!(version.error().contains("there is 7"), "{}", version.error());
    for path in ["/v2/models/wrods", "/v2/models/words/versions/8", "/v2/models/wrods/ready"] {
        let answer = send(&router, "GET", path, &[], "").await;
        assert_eq!(answer.status, 404, "{path}");
        answer.error();
    }
}

#[tokio::test]
async fn a_computation_that_fails_is_500_and_its_reason_stays_here() {
    let router = service().into_router().unwrap();

    let answer = infer(&router, "words", &texts(&["a", "fail"])).await;

    assert_eq!(answer.status, 500);
    assert!(!answer.error().contains("secret") && answer.error().contains("request id"), "{}", answer.error());
}

#[tokio::test]
async fn a_deadline_that_is_missed_is_504() {
    let words = Words { wait: Duration::from_millis(500) };
    let router = service_of(words, Batching::default()).into_router().unwrap();
    let headers = [("content-type", "application/json"), ("x-timeout-ms", "20")];

    let answer = send(&router, "POST", "/v2/models/words/infer", &headers, texts(&["a"]).to_string()).await;

    assert_eq!(answer.status, 504);
    answer.error();
}

#[tokio::test]
async fn more_bytes_or_items_than_a_request_may_have_are_413() {
    let limits = Limits::default().max_body(2000).max_items(3);
    let router = service().limits(limits).into_router().unwrap();

    let items = infer(&router, "words", &texts(&["a", "b", "c", "d"])).await;
    let bytes = infer(&router, "words", &texts(&[&"a".repeat(3000)])).await;

    assert_eq!((items.status.as_u16(), bytes.status.as_u16()), (413, 413));
    assert!(items.error().contains("4 items"), "{}", items.error());
    assert!(bytes.error().contains("split it"), "{}", bytes.error());
}

#[tokio::test]
async fn the_index_lists_every_version_or_those_that_are_ready() {
    let router = service().into_router().unwrap();
    let index = async |body: &'static str| send(&router, "POST", "/v2/repository/index", &[], body).await;
    let entry = |name, version| json!({"name": name, "version": version, "state": "READY", "reason": ""});

    for body in ["", "{}", r#"{"ready": true}"#] {
        assert_eq!(index(body).await.json(), json!([entry("words", "7"), entry("echo", "1")]));
    }
    let wrong = index("{").await;
    assert_eq!(wrong.status, 400);
    wrong.error();
}

#[tokio::test]
async fn models_are_not_loaded_by_requests_and_the_answer_says_so() {
    let router = service().into_router().unwrap();

    for what in ["load", "unload"] {
        let answer = send(&router, "POST", &format!("/v2/repository/models/words/{what}"), &[], "{}").await;
        assert_eq!(answer.status, 501);
        assert!(answer.error().contains("`words` can't be loaded or unloaded"), "{}", answer.error());
    }
    assert_eq!(send(&router, "POST", "/v2/repository/models/none/load", &[], "{}").await.status, 404);
}

#[tokio::test]
async fn all_but_the_probes_need_the_token() {
    let router = Service::token(service(), "alpha").into_router().unwrap();

    assert_eq!(send(&router, "GET", "/v2/health/ready", &[], "").await.status, 200);
    assert_eq!(send(&router, "GET", "/v2/models/words", &[], "").await.status, 401);
    assert_eq!(infer(&router, "words", &texts(&["a"])).await.status, 401);
    let headers = [("authorization", "Bearer alpha")];
    assert_eq!(send(&router, "GET", "/v2/models/words", &headers, "").await.status, 200);
}
