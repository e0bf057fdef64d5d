//! The end of a service, under load.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use riverrun_runner::Batching;
use riverrun_service::{Server, Service};
use tokio::net::TcpStream;

use crate::fixture::{Labels, start_with, until};
use crate::http_client::{address, collect, get, request, send};

const TEXT: [(&str, &str); 1] = [("content-type", "text/plain")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_every_request_that_was_accepted_is_answered() {
    let model = Labels::waiting(Duration::from_millis(5));
    let running = start_with(Service::new("test").runner("/classify", &model.runner("labels:1")), Server::new()).await;
    let to = address(&running);
    let answered = Arc::new(AtomicUsize::new(0));

    let clients: Vec<_> = (0..16)
        .map(|client| {
            let answered = answered.clone();
            tokio::spawn(async move {
                // On one connection, until the service says that it ends or is not to be reached any more.
                while let Ok(stream) = TcpStream::connect(to).await {
                    let Ok((mut sender, connection)) =
                        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await
                    else {
                        return;
                    };
                    tokio::spawn(connection);
                    loop {
                        let sent =
                            sender.send_request(request("POST", "/classify", &TEXT, format!("text {client}"))).await;
                        match sent {
                            Ok(response) => {
                                let last = response.headers().get("connection").is_some_and(|value| value == "close");
                                let answer = collect(response).await;
                                assert_eq!(answer.status, 200, "{}", answer.text());
                                answered.fetch_add(1, Ordering::SeqCst);
                                if last {
                                    break;
                                }
                            }
                            // The end of an idle connection crossed the request on its way; the service has not seen it.
                            Err(error) if crossed(&error) => break,
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            })
        })
        .collect();
    until("some requests are answered", || answered.load(Ordering::SeqCst) > 50).await;
    let summary = running.shutdown().await;
    for client in clients {
        client.await.unwrap();
    }

    assert_eq!(summary.cut_off, 0);
    let computed: usize = model.texts.lock().unwrap().values().sum();
    assert_eq!(answered.load(Ordering::SeqCst), computed, "a computed answer has not arrived");
    assert_eq!(summary.requests as usize, computed);
    assert!(TcpStream::connect(to).await.is_err());
}

/// Whether the connection ended before its server answered, or while the request was being written.
fn crossed(error: &hyper::Error) -> bool {
    let gone = |error: &io::Error| matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset);
    error.is_closed()
        || error.is_canceled()
        || error.is_incomplete_message()
        || error.source().and_then(|source| source.downcast_ref()).is_some_and(gone)
}

#[tokio::test]
async fn readiness_goes_off_at_once_and_a_request_under_way_is_finished() {
    let model = Labels::waiting(Duration::from_millis(400));
    let service = Service::new("test").runner("/classify", &model.runner("labels:1"));
    let server = Server::new().listen(([127, 0, 0, 1], 0).into()).drain_grace(Duration::from_millis(300));
    let running = server.bind(service).await.unwrap().start();
    let to = address(&running);
    assert_eq!(get(&running, "/readyz").await.status, 200);

    let under_way = tokio::spawn(send(to, request("POST", "/classify", &TEXT, "a")));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let ending = tokio::spawn(running.shutdown());
    tokio::time::sleep(Duration::from_millis(50)).await;

    let ready = send(to, request("GET", "/readyz", &[], "")).await;
    assert_eq!((ready.status.as_u16(), ready.code()), (503, "draining".into()));
    assert_eq!(send(to, request("GET", "/livez", &[], "")).await.status, 200);
    assert_eq!(under_way.await.unwrap().status, 200);
    assert_eq!(ending.await.unwrap().cut_off, 0);
}

#[tokio::test]
async fn what_is_not_finished_by_the_deadline_is_cut_off_and_counted() {
    let model = Labels::waiting(Duration::from_secs(2));
    let server = Server::new().drain_timeout(Duration::from_millis(100));
    let running = start_with(Service::new("test").runner("/classify", &model.runner("labels:1")), server).await;
    let stream = TcpStream::connect(address(&running)).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);

    let under_way = tokio::spawn(sender.send_request(request("POST", "/classify", &TEXT, "a")));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let summary = running.shutdown().await;

    assert_eq!(summary.cut_off, 1, "{summary}");
    assert!(under_way.await.unwrap().is_err());
}

#[tokio::test]
async fn an_endless_stream_ends_with_the_word_that_the_service_drains() {
    let running = start_with(crate::fixture::labels(), Server::new()).await;
    let mut stream = TcpStream::connect(address(&running)).await.unwrap();
    let head = "POST /classify/stream HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n2\r\na\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let (summary, answer) = tokio::join!(running.shutdown(), crate::http_client::read_all(&mut stream));

    assert_eq!(summary.cut_off, 0);
    assert!(
        answer.contains("id: 0") && answer.contains(r#""code":"draining""#) && answer.contains("event: end"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stream_of_an_http2_connection_is_answered_before_it_ends() {
    let model = Labels::waiting(Duration::from_millis(20));
    let runner = model.runner_with("labels:1", Batching::default().max_batch_size(4));
    let running = start_with(Service::new("test").runner("/classify", &runner), Server::new()).await;
    let stream = TcpStream::connect(address(&running)).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let (sender, connection) = hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let sending: Vec<_> = (0..50)
        .map(|index| {
            let mut sender = sender.clone();
            let mut request = request("POST", "http://localhost/classify", &TEXT, format!("text {index}"));
            request.headers_mut().remove("host");
            tokio::spawn(async move { collect(sender.send_request(request).await.unwrap()).await.status })
        })
        .collect();
    until("some are computed", || model.computed.load(Ordering::SeqCst) > 0).await;
    tokio::time::sleep(Duration::from_millis(30)).await;

    let summary = running.shutdown().await;

    for status in sending {
        assert_eq!(status.await.unwrap(), 200);
    }
    assert_eq!((summary.requests, summary.cut_off), (50, 0));
}
