//! Streams of inputs, answered by events.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use riverrun_runner::Batching;
use riverrun_service::Service;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{Labels, labels, start, until};
use crate::http_client::{address, post, request, send};

/// Kind and id of every event.
fn events(text: &str) -> Vec<(String, String)> {
    let field = |event: &str, name: &str| {
        event.lines().find_map(|line| line.strip_prefix(name)).map_or("", |value| value.trim_start()).to_owned()
    };
    text.split("\n\n")
        .filter(|event| !event.is_empty())
        .map(|event| (field(event, "event:"), field(event, "id:")))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(kind, id)| ((*kind).to_owned(), (*id).to_owned())).collect()
}

#[tokio::test]
async fn every_line_has_its_event_in_order_and_the_bad_ones_fail_alone() {
    let running = start(labels()).await;

    let answer = post(&running, "/classify/stream", "text/plain", &b"a\r\n\nfail\n\xff\nlast"[..]).await;

    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("x-model"), "labels:1");
    let expected = [("result", "0"), ("result", "1"), ("error", "2"), ("error", "3"), ("result", "4"), ("end", "")];
    assert_eq!(events(&answer.text()), pairs(&expected), "{}", answer.text());
    assert!(answer.text().contains(r#"data: [{"label":"positive","score":0.5}]"#), "{}", answer.text());
    assert!(answer.text().contains(r#""code":"malformed""#) && !answer.text().contains("secret"), "{}", answer.text());
}

#[tokio::test]
async fn json_lists_and_lines_of_json_make_streams_too() {
    let running = start(labels()).await;

    let list = post(&running, "/classify/stream", "application/json", r#"["a", 7, {"text": "b"}]"#).await;
    assert_eq!(events(&list.text()), pairs(&[("result", "0"), ("error", "1"), ("result", "2"), ("end", "")]));
    let lines = "\"a\"\n{\"text\": \"b\", \"top_k\": 2}\n{\n";
    let lines = post(&running, "/classify/stream", "application/x-ndjson", lines).await;
    assert_eq!(events(&lines.text()), pairs(&[("result", "0"), ("result", "1"), ("error", "2"), ("end", "")]));
    let headers = [("content-type", "text/plain"), ("accept", "text/event-stream")];
    let asked = send(address(&running), request("POST", "/classify?top_k=2", &headers, "a\nb")).await;
    assert_eq!(events(&asked.text()).len(), 3);
    assert!(asked.text().contains("neutral"), "{}", asked.text());
}

#[tokio::test]
async fn a_result_comes_before_the_next_input_is_sent() {
    let running = start(labels()).await;
    let mut stream = TcpStream::connect(address(&running)).await.unwrap();
    let head =
        "POST /classify/stream HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();

    for index in 0..3 {
        stream.write_all(b"2\r\na\n\r\n").await.unwrap();
        let wanted = format!("id: {index}\n");
        let mut space = [0; 1024];
        while !answer.contains(&wanted) {
            let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut space)).await;
            let count = read.expect("no event has come").unwrap();
            assert!(count > 0, "{answer}");
            answer.push_str(&String::from_utf8_lossy(&space[..count]));
        }
    }
}

#[tokio::test]
async fn a_stream_waits_where_the_queue_is_full_and_loses_nothing() {
    let model = Labels::waiting(Duration::from_millis(5));
    let runner = model.runner_with("labels:1", Batching::default().max_queue(2).max_batch_size(2));
    let running = start(Service::new("test").runner("/classify", &runner)).await;

    let text: String = (0..200).map(|index| format!("text {index}\n")).collect();
    let answer = post(&running, "/classify/stream", "text/plain", text).await;

    let events = events(&answer.text());
    assert_eq!(events.iter().filter(|(kind, _)| kind == "result").count(), 200, "{events:?}");
    let ids: Vec<usize> = events.iter().filter_map(|(_, id)| id.parse().ok()).collect();
    assert!(ids.is_sorted());
}

#[tokio::test]
async fn what_a_client_that_is_gone_has_asked_for_is_not_computed() {
    let model = Labels::waiting(Duration::from_millis(20));
    let runner = model.runner_with("labels:1", Batching::default().max_batch_size(1));
    let running = start(Service::new("test").runner("/classify", &runner)).await;
    let stream = TcpStream::connect(address(&running)).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let text: String = (0..2000).map(|index| format!("text {index}\n")).collect();

    let headers = [("content-type", "text/plain")];
    let response = sender.send_request(request("POST", "/classify/stream", &headers, text)).await.unwrap();
    let mut body = response.into_body();
    let _ = body.frame().await;
    drop((body, sender));
    connection.abort();

    until("the queue is empty", || runner.stats().queue_length == 0).await;
    let computed = runner.stats().items;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(runner.stats().items < 1000 && runner.stats().items <= computed + 4, "{:?}", runner.stats());
}
