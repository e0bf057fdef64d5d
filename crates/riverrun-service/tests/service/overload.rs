//! More than can be computed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use riverrun_runner::Batching;
use riverrun_service::{Limits, Running, Service};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::fixture::{Labels, start};
use crate::http_client::{address, get, post, request, send};

const TEXT: &str = "text/plain";

async fn narrow(model: &Labels) -> Running {
    let runner = model.runner_with("labels:1", Batching::default().max_queue(4).max_batch_size(2));
    start(Service::new("test").runner("/classify", &runner)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_beyond_the_queue_is_refused_at_once_and_what_was_accepted_is_answered() {
    let model = Labels::waiting(Duration::from_millis(20));
    let running = narrow(&model).await;
    let to = address(&running);

    let sending: Vec<_> = (0..60)
        .map(|index| {
            tokio::spawn(send(to, request("POST", "/classify", &[("content-type", TEXT)], format!("text {index}"))))
        })
        .collect();
    let mut answers = Vec::new();
    for answer in sending {
        answers.push(answer.await.unwrap());
    }

    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(count(200) + count(429), 60, "{answers:?}");
    assert!(count(429) > 0 && count(200) >= 4, "{} answered, {} refused", count(200), count(429));
    assert_eq!(model.texts.lock().unwrap().len(), count(200), "every text that was computed was answered");
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.code(), "overloaded");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goodput_under_overload_is_that_of_the_model() {
    let model = Labels::waiting(Duration::from_millis(10));
    let running = narrow(&model).await;
    let to = address(&running);

    let clients: Vec<_> = (0..16)
        .map(|client| {
            tokio::spawn(async move {
                let mut answered = 0;
                for index in 0..40 {
                    let text = format!("client {client} text {index}");
                    let answer = send(to, request("POST", "/classify", &[("content-type", TEXT)], text)).await;
                    match answer.status.as_u16() {
                        200 => answered += 1,
                        429 => tokio::time::sleep(Duration::from_millis(5)).await,
                        other => panic!("{other}: {}", answer.text()),
                    }
                }
                answered
            })
        })
        .collect();
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap();
    }

    assert_eq!(model.texts.lock().unwrap().len(), answered, "nothing was computed in vain");
    assert!(answered > 40, "{answered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_changes_neither_liveness_nor_readiness() {
    let model = Labels::waiting(Duration::from_millis(100));
    let running = narrow(&model).await;
    let to = address(&running);
    let load: Vec<_> =
        (0..20).map(|_| tokio::spawn(send(to, request("POST", "/classify", &[("content-type", TEXT)], "a")))).collect();
    tokio::time::sleep(Duration::from_millis(30)).await;

    assert_eq!(get(&running, "/livez").await.status, 200);
    assert_eq!(get(&running, "/readyz").await.status, 200);
    assert_eq!(get(&running, "/v1/models").await.status, 200);
    for one in load {
        one.await.unwrap();
    }
    assert_eq!(post(&running, "/classify", TEXT, "a").await.status, 200);
}

#[tokio::test]
async fn a_list_longer_than_the_queue_is_computed_while_the_queue_is_empty() {
    let running = narrow(&Labels::default()).await;

    let texts: Vec<String> = (0..100).map(|index| format!("text {index}")).collect();
    let answer = post(&running, "/classify", "application/json", serde_json::to_vec(&texts).unwrap()).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json().as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn bodies_beyond_the_memory_for_all_of_them_are_refused_and_it_is_given_back() {
    let limits = Limits::default().max_body(1 << 20).max_bodies(1 << 20);
    let running = start(crate::fixture::labels().limits(limits)).await;
    let mut held = TcpStream::connect(address(&running)).await.unwrap();
    let head = format!(
        "POST /classify HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n",
        800 << 10
    );
    held.write_all(head.as_bytes()).await.unwrap();
    held.write_all(&vec![b'a'; 700 << 10]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let refused = post(&running, "/classify", TEXT, vec![b'a'; 500 << 10]).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (429, "overloaded".into()));
    assert_eq!(post(&running, "/classify", TEXT, "a").await.status, 200);
    drop(held);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(post(&running, "/classify", TEXT, vec![b'a'; 500 << 10]).await.status, 200);
}

#[tokio::test]
async fn a_text_that_takes_long_to_prepare_holds_up_nobody_else() {
    let model = Labels::default();
    model.gate.store(true, Ordering::SeqCst);
    let running = start(Service::new("test").runner("/classify", &model.runner("labels:1"))).await;
    let request = request("POST", "/classify", &[("content-type", TEXT)], vec![b'a'; 200_000]);
    let long = tokio::spawn(send(address(&running), request));
    tokio::time::sleep(Duration::from_millis(100)).await;

    assert_eq!(get(&running, "/livez").await.status, 200);
    assert_eq!(post(&running, "/classify", TEXT, "short").await.status, 200);
    assert!(!long.is_finished());
    model.gate.store(false, Ordering::SeqCst);
    assert_eq!(long.await.unwrap().status, 200);
}
