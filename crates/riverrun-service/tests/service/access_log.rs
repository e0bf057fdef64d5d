//! What is logged of a request.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use riverrun_service::Service;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tracing_subscriber::fmt::MakeWriter;

use crate::fixture::{Labels, labels, start, until};
use crate::http_client::{address, get, request, send};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    /// Logs what this thread does from now on, which is where the test's runtime runs the service.
    fn here() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt().json().with_writer(log.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self, target: &str) -> Vec<Value> {
        let bytes = self.0.lock().unwrap().clone();
        let lines = String::from_utf8(bytes).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["target"] == target).map(|line| line["fields"].clone()).collect()
    }
}

#[tokio::test]
async fn every_request_has_one_line_with_its_fields() {
    let (log, _guard) = Log::here();
    let running = start(labels()).await;
    let headers = [("content-type", "application/json"), ("x-request-id", "job-7")];

    send(address(&running), request("POST", "/classify?top_k=1", &headers, r#"["a", "b"]"#)).await;
    send(address(&running), request("POST", "/classify", &headers, r#""fail""#)).await;
    get(&running, "/nothing").await;

    until("three lines are there", || log.lines("riverrun::access").len() == 3).await;
    let lines = log.lines("riverrun::access");
    let first = &lines[0];
    assert_eq!(
        (&first["method"], &first["path"], &first["status"]),
        (&"POST".into(), &"/classify".into(), &200.into())
    );
    assert_eq!(
        (&first["request_id"], &first["model"], &first["items"]),
        (&"job-7".into(), &"labels:1".into(), &2.into())
    );
    assert!(first["bytes"].as_u64().unwrap() > 50 && first["duration_ms"].as_f64().unwrap() > 0.0, "{first}");
    assert!(first["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{first}");
    assert_eq!((&lines[1]["status"], &lines[2]["status"]), (&500.into(), &404.into()));
    let errors = log.lines("riverrun::service");
    assert!(errors[0]["detail"].as_str().unwrap().contains("the secret of /etc/model"), "{errors:?}");
    assert_eq!(errors[0]["request_id"], "job-7");
}

#[tokio::test]
async fn a_request_whose_client_went_away_is_dropped_not_computed_and_logged_as_incomplete() {
    let (log, _guard) = Log::here();
    let model = Labels::waiting(Duration::from_millis(60));
    let runner = model.runner_with("labels:1", riverrun_runner::Batching::default().max_batch_size(1));
    let running = start(Service::new("test").runner("/classify", &runner)).await;
    // As many as may compute at a time are computing.
    let busy: Vec<_> = (0..40)
        .map(|_| {
            tokio::spawn(send(address(&running), request("POST", "/classify", &[("content-type", "text/plain")], "a")))
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(30)).await;

    let mut stream = TcpStream::connect(address(&running)).await.unwrap();
    let bytes = "POST /classify HTTP/1.1\r\nhost: a\r\nx-request-id: gone\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\ngone";
    stream.write_all(bytes.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stream);

    let of_it = || log.lines("riverrun::access").into_iter().find(|line| line["request_id"] == "gone");
    until("the request is dropped", || of_it().is_some()).await;
    assert_eq!((&of_it().unwrap()["complete"], &of_it().unwrap()["status"]), (&false.into(), &Value::Null));
    for one in busy {
        assert_eq!(one.await.unwrap().status, 200);
    }
    until("the queue is empty", || runner.stats().queue_length == 0).await;
    assert!(!model.texts.lock().unwrap().contains_key("gone"));
}
