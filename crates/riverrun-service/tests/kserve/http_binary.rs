//! The protocol over HTTP, with tensors as bytes behind the JSON.

use axum::Router;
use serde_json::{Value, json};

use crate::fixture::{Answer, send, service};

/// Sends JSON and bytes behind it.
async fn infer(router: &Router, model: &str, json: &Value, bytes: &[u8]) -> Answer {
    let json = json.to_string();
    let length = json.len().to_string();
    let headers = [("content-type", "application/octet-stream"), ("inference-header-content-length", &*length)];
    let body = [json.as_bytes(), bytes].concat();
    send(router, "POST", &format!("/v2/models/{model}/infer"), &headers, body).await
}

fn input(name: &str, datatype: &str, shape: &[u64], size: usize) -> Value {
    json!({"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}})
}

/// The JSON of an answer, and the bytes behind it.
fn parts(answer: &Answer) -> (Value, &[u8]) {
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/octet-stream");
    let length: usize = answer.headers["inference-header-content-length"].to_str().unwrap().parse().unwrap();
    let (json, bytes) = answer.body.split_at(length);
    (serde_json::from_slice(json).unwrap(), bytes)
}

#[tokio::test]
async fn strings_come_and_go_as_bytes() {
    let router = service().into_router().unwrap();
    let bytes = b"\x02\0\0\0ab\0\0\0\0";
    let request = json!({"inputs": [input("text", "BYTES", &[2], bytes.len())],
        "parameters": {"binary_data_output": true}});

    let answer = infer(&router, "words", &request, bytes).await;

    let (json, bytes) = parts(&answer);
    assert_eq!(json["outputs"][0], input("shout", "BYTES", &[2], 10));
    assert_eq!(json["outputs"][1], input("length", "INT64", &[2], 16));
    let lengths = [2_i64.to_le_bytes(), 0_i64.to_le_bytes()].concat();
    assert_eq!(bytes, [&b"\x02\0\0\0AB\0\0\0\0"[..], &lengths].concat());
}

#[tokio::test]
async fn each_output_comes_in_the_form_that_is_asked_for() {
    let router = service().into_router().unwrap();
    let request = json!({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["ab"]}], "outputs": [
        {"name": "length", "parameters": {"binary_data": true}}, {"name": "shout", "parameters": {"binary_data": false}}]});

    let answer = infer(&router, "words", &request, b"").await;

    let (json, bytes) = parts(&answer);
    assert_eq!(json["outputs"][0], input("length", "INT64", &[1], 8));
    assert_eq!(json["outputs"][1]["data"], json!(["AB"]));
    assert_eq!(bytes, 2_i64.to_le_bytes());
}

#[tokio::test]
async fn half_precision_which_json_has_no_place_for_goes_as_bytes() {
    let router = service().into_router().unwrap();
    let mut request = json!({"inputs": [input("x", "FP16", &[1, 2], 4)]});

    let as_json = infer(&router, "echo", &request, &[1, 2, 3, 4]).await;
    request["parameters"] = json!({"binary_data_output": true});
    let as_bytes = infer(&router, "echo", &request, &[1, 2, 3, 4]).await;

    assert_eq!(as_json.status, 400);
    assert!(as_json.error().contains("ask for bytes"), "{}", as_json.error());
    assert_eq!(parts(&as_bytes).1, [1, 2, 3, 4]);
}

#[tokio::test]
async fn bytes_that_do_not_fit_what_is_said_of_them_are_400() {
    let router = service().into_router().unwrap();
    let cases = [
        (input("text", "BYTES", &[1], 9), &b"\x02\0\0\0ab"[..], "more than the bytes that came"),
        (input("text", "BYTES", &[1], 6), b"\x03\0\0\0ab", "end within a string"),
        (input("text", "BYTES", &[1], 6), b"\x02\0\0\0abc", "1 bytes came"),
        (input("text", "BYTES", &[2], 6), b"\x02\0\0\0ab", "fill its shape"),
        (
            json!({"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"],
            "parameters": {"binary_data_size": 6}}),
            b"\x02\0\0\0ab",
            "send one of them",
        ),
    ];

    for (input, bytes, expected) in cases {
        let answer = infer(&router, "words", &json!({ "inputs": [input] }), bytes).await;
        assert_eq!(answer.status, 400, "{:?}", answer.body);
        assert!(answer.error().contains(expected), "{}", answer.error());
    }
    for length in ["soon", "100000", "-1"] {
        let headers = [("inference-header-content-length", length)];
        let answer = send(&router, "POST", "/v2/models/words/infer", &headers, "{}").await;
        assert_eq!(answer.status, 400, "{length}");
        answer.error();
    }
}
