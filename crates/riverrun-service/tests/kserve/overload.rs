//! More than can be computed.

use std::time::Duration;

use riverrun_runner::Batching;
use serde_json::json;
use tonic::Code;

use crate::fixture::{Words, infer, service_of};
use crate::grpc::{client, texts};

const REQUESTS: usize = 30;

fn narrow() -> axum::Router {
    let batching = Batching::default().max_queue(2).max_batch_size(1);
    service_of(Words { wait: Duration::from_millis(20) }, batching).into_router().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_beyond_the_queue_is_429_with_a_time_to_try_again() {
    let router = narrow();
    let request = json!({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]}]});

    let answers = futures_util::future::join_all((0..REQUESTS).map(|_| infer(&router, "words", &request))).await;

    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(count(200) + count(429), REQUESTS, "{answers:?}");
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    assert!(refused.error().contains("no room"), "{}", refused.error());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_beyond_the_queue_is_resource_exhausted() {
    let router = narrow();

    let calls = (0..REQUESTS).map(|_| {
        let mut client = client(&router);
        async move { client.model_infer(texts(&["a"])).await }
    });
    let answers = futures_util::future::join_all(calls).await;

    let refused: Vec<Code> = answers.into_iter().filter_map(|answer| Some(answer.err()?.code())).collect();
    assert!(!refused.is_empty() && refused.len() < REQUESTS, "{refused:?}");
    assert!(refused.iter().all(|code| *code == Code::ResourceExhausted), "{refused:?}");
}
