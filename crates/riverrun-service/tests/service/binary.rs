//! Riverrun's binary form.

use riverrun_runner::Batching;
use riverrun_runner::wire::{CONTENT_TYPE, Payload, WireRequest, WireResponse};
use riverrun_service::Service;
use serde_json::json;

use crate::fixture::{Label, Labels, labels, start};
use crate::http_client::{Answer, address, post, request, send};

fn encode(inputs: Vec<Payload>) -> Vec<u8> {
    WireRequest { method: None, inputs }.encode().unwrap()
}

fn decode(answer: &Answer) -> WireResponse<Vec<Label>> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), CONTENT_TYPE);
    WireResponse::decode(&answer.body).unwrap()
}

#[tokio::test]
async fn each_input_has_its_result_in_its_place_and_a_bad_one_fails_alone() {
    let running = start(labels()).await;
    let two = Payload::Value(json!({"text": "a", "top_k": 2}));
    let inputs = vec!["a".into(), Payload::Value(json!(7)), two, "fail".into(), "too long".into()];

    let outputs = decode(&post(&running, "/classify", CONTENT_TYPE, encode(inputs)).await).outputs;

    assert_eq!(outputs[0], Ok(vec![Label { label: "positive".into(), score: 0.5 }]));
    assert_eq!(outputs[1].as_ref().unwrap_err().code, "invalid_input");
    assert_eq!(outputs[2].as_ref().unwrap().iter().map(|label| label.score).collect::<Vec<_>>(), [0.5, 0.3]);
    let failed = outputs[3].as_ref().unwrap_err();
    assert_eq!(failed.code, "internal");
    assert!(!failed.message.contains("secret"), "{}", failed.message);
    assert_eq!(outputs[4].as_ref().unwrap_err().code, "invalid_input");
}

#[tokio::test]
async fn one_input_and_none_are_lists_too() {
    let running = start(labels()).await;

    assert_eq!(decode(&post(&running, "/classify", CONTENT_TYPE, encode(vec!["a".into()])).await).outputs.len(), 1);
    assert!(decode(&post(&running, "/classify", CONTENT_TYPE, encode(vec![])).await).outputs.is_empty());
    let bad = decode(&post(&running, "/classify", CONTENT_TYPE, encode(vec![Payload::Bytes(vec![1])])).await);
    assert_eq!(bad.outputs[0].as_ref().unwrap_err().code, "invalid_input");
}

#[tokio::test]
async fn bytes_that_are_no_request_are_malformed_and_an_unknown_method_is_named() {
    let running = start(labels()).await;

    let deep: Vec<u8> = std::iter::repeat_n(0x91, 1_000_000).chain([0xc0]).collect();
    for bytes in [vec![], vec![0xc1], vec![0x81], deep, b"\x81\xa6inputs\xdd\xff\xff\xff\xff".to_vec()] {
        let answer = post(&running, "/classify", CONTENT_TYPE, bytes).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "malformed".into()));
    }
    let method = WireRequest { method: Some("embed".into()), inputs: vec!["a".into()] }.encode().unwrap();
    let answer = post(&running, "/classify", CONTENT_TYPE, method).await;
    assert_eq!(answer.status, 422);
    assert!(answer.message().contains("embed") && answer.message().contains("predict"), "{}", answer.message());
}

#[tokio::test]
async fn a_client_may_have_json_for_its_binary_request_and_the_other_way_round() {
    let running = start(labels()).await;

    let headers = [("content-type", CONTENT_TYPE), ("accept", "application/json")];
    let json = send(address(&running), request("POST", "/classify", &headers, encode(vec!["a".into()]))).await;
    assert_eq!(json.json(), json!([{"label": "positive", "score": 0.5}]));
    let headers = [("content-type", "text/plain"), ("accept", CONTENT_TYPE)];
    let binary = send(address(&running), request("POST", "/classify", &headers, "a")).await;
    assert_eq!(decode(&binary).outputs.len(), 1);
}

#[tokio::test]
async fn a_bad_input_among_more_than_the_queue_holds_fails_alone_too() {
    let runner = Labels::default().runner_with("labels:1", Batching::default().max_queue(4));
    let running = start(Service::new("test").runner("/classify", &runner)).await;
    let mut inputs: Vec<Payload> = (0..300).map(|index| format!("text {index}").into()).collect();
    inputs[150] = Payload::Value(json!(7));

    let outputs = decode(&post(&running, "/classify", CONTENT_TYPE, encode(inputs)).await).outputs;

    let failed: Vec<usize> = (0..300).filter(|index| outputs[*index].is_err()).collect();
    assert_eq!(failed, [150]);
}
