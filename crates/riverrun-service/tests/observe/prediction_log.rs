//! What is logged of predictions.

use std::fs;
use std::path::{Path, PathBuf};

use riverrun_service::{PredictionLog, Running, Server, ServiceError};
use serde_json::{Value, json};

use crate::exposition::metrics_when;
use crate::fixture::{labels, start};
use crate::http_client::{address, post, request, send};

const JSON: &str = "application/json";

/// The files in the order in which they were written.
fn files(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "jsonl")).collect();
    files.sort();
    // That which is written to has no number, and sorts behind those that have.
    assert!(files.iter().rposition(|path| path.ends_with("predictions.jsonl")) == files.len().checked_sub(1));
    files
}

fn lines(directory: &Path) -> Vec<Value> {
    let text: String = files(directory).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn refused(log: PredictionLog) -> ServiceError {
    let server = Server::new().listen(([127, 0, 0, 1], 0).into());
    server.bind(labels().prediction_log(log)).await.unwrap_err()
}

async fn classify(running: &Running, id: &str, body: &str) {
    let headers = [("content-type", JSON), ("x-request-id", id)];
    send(address(running), request("POST", "/classify", &headers, body.to_owned())).await;
}

#[tokio::test]
async fn each_computation_is_a_line_with_its_outputs_and_errors_and_without_its_inputs() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(labels().prediction_log(PredictionLog::new(directory.path().join("log")))).await;

    classify(&running, "one", r#""hush""#).await;
    classify(&running, "two", r#"["hush", "fail"]"#).await;
    classify(&running, "three", "[1]").await;
    classify(&running, "four", "no JSON").await;
    running.shutdown().await;

    let lines = lines(&directory.path().join("log"));
    assert_eq!(lines.len(), 3, "the fourth was not computed: {lines:?}");
    let best = json!([{"label": "positive", "score": 0.5}]);
    let one = &lines[0];
    assert_eq!(
        (&one["request_id"], &one["model"], &one["route"]),
        (&"one".into(), &"labels:1".into(), &"/classify".into())
    );
    assert_eq!((&one["status"], &one["items"], &one["outputs"]), (&"ok".into(), &1.into(), &json!([best])));
    assert!(one["queue_ms"].as_f64().is_some() && one["compute_ms"].as_f64().is_some(), "{one}");
    let time = one["time"].as_str().unwrap();
    assert!(
        time.len() == "2025-01-01T00:00:00.000Z".len() && time.ends_with('Z') && time.as_bytes()[10] == b'T',
        "{time}"
    );
    let two = &lines[1];
    assert_eq!((&two["status"], &two["outputs"]), (&"failed".into(), &json!([best, null])));
    assert_eq!(two["errors"][0]["index"], 1);
    assert!(two["errors"][0]["message"].as_str().unwrap().contains("the secret of /etc/model"));
    assert_eq!((&lines[2]["status"], &lines[2]["outputs"]), (&"invalid_input".into(), &Value::Null));
    assert!(lines.iter().all(|line| line.get("inputs").is_none() && !line.to_string().contains("hush")), "{lines:?}");
}

#[tokio::test]
async fn inputs_are_logged_where_that_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(labels().prediction_log(PredictionLog::new(directory.path()).inputs(true))).await;

    classify(&running, "a", r#"["one", {"text": "two", "top_k": 2}]"#).await;
    running.shutdown().await;

    assert_eq!(lines(directory.path())[0]["inputs"], json!(["one", {"text": "two", "top_k": 2}]));
}

#[tokio::test]
async fn full_files_are_renamed_and_the_oldest_removed() {
    let directory = tempfile::tempdir().unwrap();
    let log = PredictionLog::new(directory.path()).max_bytes(1000).max_files(3);
    for start_at in [0, 20] {
        // A second service goes on where the first has ended.
        let running = start(labels().prediction_log(log.clone())).await;
        for number in start_at..start_at + 20 {
            classify(&running, &number.to_string(), r#""a""#).await;
        }
        running.shutdown().await;
    }

    let files = files(directory.path());
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.iter().all(|file| fs::metadata(file).unwrap().len() <= 1000));
    let ids: Vec<u64> =
        lines(directory.path()).iter().map(|line| line["request_id"].as_str().unwrap().parse().unwrap()).collect();
    let last = *ids.first().unwrap()..40;
    assert!(ids.len() > 6 && ids.iter().copied().eq(last), "{ids:?}");
}

#[tokio::test]
async fn a_line_that_a_killed_service_left_half_written_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let half = format!("{{\"request_id\":\"whole\"}}\n{{\"request_id\":\"{}", "a".repeat(9000));
    fs::write(directory.path().join("predictions.jsonl"), half).unwrap();

    let running = start(labels().prediction_log(PredictionLog::new(directory.path()))).await;
    classify(&running, "next", r#""a""#).await;
    running.shutdown().await;

    let ids: Vec<Value> = lines(directory.path()).iter().map(|line| line["request_id"].clone()).collect();
    assert_eq!(ids, ["whole", "next"]);
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_an_error_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();

    let error = refused(PredictionLog::new(&file)).await;
    assert!(matches!(error, ServiceError::PredictionLog { .. }), "{error}");
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");

    #[cfg(target_os = "linux")]
    {
        // A device that is always full.
        std::os::unix::fs::symlink("/dev/full", directory.path().join("predictions.jsonl")).unwrap();
        let error = refused(PredictionLog::new(directory.path())).await.to_string();
        assert!(error.contains("No space left on device"), "{error}");
    }
}

#[tokio::test]
async fn two_services_do_not_write_to_one_directory() {
    let directory = tempfile::tempdir().unwrap();
    let log = PredictionLog::new(directory.path());
    let first = start(labels().prediction_log(log.clone())).await;

    let error = refused(log.clone()).await;

    assert!(matches!(error, ServiceError::PredictionLogTaken { .. }), "{error}");
    first.shutdown().await;
}

#[tokio::test]
async fn a_log_that_cannot_be_written_any_more_costs_lines_and_no_request() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let running = start(labels().prediction_log(PredictionLog::new(&log))).await;
    fs::remove_dir_all(&log).unwrap();

    for _ in 0..5 {
        assert_eq!(post(&running, "/classify", JSON, r#""a""#).await.status, 200);
    }
    metrics_when(&running, "riverrun_prediction_log_dropped_total", 5.0).await;
    fs::create_dir(&log).unwrap();
    classify(&running, "again", r#""a""#).await;

    metrics_when(&running, "riverrun_prediction_log_lines_total", 1.0).await;
    running.shutdown().await;
    assert_eq!(lines(&log)[0]["request_id"], "again");
}

#[tokio::test]
async fn tensors_of_other_protocols_are_logged_and_counted_too() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(labels().prediction_log(PredictionLog::new(directory.path()).inputs(true))).await;

    let tensor = json!({"name": "input", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]});
    let answer = post(&running, "/v2/models/labels/infer", JSON, json!({ "inputs": [tensor] }).to_string()).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    let requests =
        r#"riverrun_http_requests_total{route="/v2/models/{model}/infer",method="POST",model="labels",status="200"}"#;
    let scraped = metrics_when(&running, requests, 1.0).await;
    assert_eq!(scraped.get(r#"riverrun_items_total{model="labels",version="1"}"#), 2.0);
    running.shutdown().await;
    let line = &lines(directory.path())[0];
    assert_eq!((&line["inputs"], &line["route"]), (&json!([tensor]), &"/v2/models/{model}/infer".into()));
    assert_eq!(line["outputs"].as_array().map(Vec::len), Some(2));
}
