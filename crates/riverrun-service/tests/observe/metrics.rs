//! The metrics, after traffic of which everything is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use riverrun_runner::{AnyRunner, Batching, Runner};
use riverrun_service::{Follow, ModelSource, ServedModel, Service, SourceError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceExt;

use crate::exposition::{Scraped, metrics, metrics_when, scrape};
use crate::fixture::{Labels, labels, start, until};
use crate::http_client::{address, get, post, request, send};

const VERSION: &str = r#"{model="labels",version="1"}"#;
const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

fn requests(route: &str, method: &str, model: &str, status: &str) -> String {
    format!(r#"riverrun_http_requests_total{{route="{route}",method="{method}",model="{model}",status="{status}"}}"#)
}

fn of(name: &str) -> String {
    format!("{name}{VERSION}")
}

#[tokio::test]
async fn known_traffic_gives_exactly_its_counts() {
    let running = start(labels()).await;

    for text in ["a", "b", "c"] {
        post(&running, "/classify", TEXT, text).await;
    }
    post(&running, "/classify", JSON, r#"["a", "b"]"#).await;
    post(&running, "/classify", TEXT, "fail").await;
    post(&running, "/classify", "text/csv", "a").await;
    post(&running, "/classify", TEXT, "too long").await;
    post(&running, "/v1/models/labels:predict", JSON, r#"{"instances": ["a"]}"#).await;
    get(&running, "/nothing/here").await;
    get(&running, "/readyz").await;

    // Only the scrape is under way: all else is counted.
    let scraped = metrics_when(&running, "riverrun_http_requests_in_flight", 1.0).await;
    assert_eq!(scraped.get(&requests("/readyz", "GET", "", "200")), 1.0);
    assert_eq!(scraped.get(&requests("/classify", "POST", "labels", "200")), 4.0);
    assert_eq!(scraped.get(&requests("/classify", "POST", "labels", "415")), 1.0);
    assert_eq!(scraped.get(&requests("/classify", "POST", "labels", "422")), 1.0);
    assert_eq!(scraped.get(&requests("/classify", "POST", "labels", "500")), 1.0);
    assert_eq!(scraped.get(&requests("/v1/models/{model}", "POST", "labels", "200")), 1.0);
    assert_eq!(scraped.get(&requests("unknown", "GET", "", "404")), 1.0);
    let duration = r#"riverrun_http_request_duration_seconds_count{route="/classify",method="POST",model="labels"}"#;
    assert_eq!(scraped.get(duration), 7.0);

    // The one that was too long was not computed.
    assert_eq!(scraped.get(&of("riverrun_items_total")), 7.0);
    assert_eq!(scraped.get(&of("riverrun_items_failed_total")), 2.0);
    assert_eq!(scraped.get(&of("riverrun_batch_size_sum")), 7.0);
    assert_eq!(scraped.get(&of("riverrun_batch_cost_sum")), 7.0);
    assert_eq!(scraped.get(&of("riverrun_batch_computed_cost_total")), 7.0);
    assert_eq!(scraped.get(&of("riverrun_batch_efficiency_ratio")), 1.0);
    let cuts = ["alone", "drained", "size", "share", "cost", "method"];
    let cuts = cuts.map(|cut| format!(r#"riverrun_batches_total{{model="labels",version="1",cut="{cut}"}}"#));
    let batches: f64 = cuts.iter().map(|cut| scraped.get(cut)).sum();
    assert_eq!(batches, scraped.get(&of("riverrun_batch_size_count")));
    assert_eq!(batches, scraped.get(&of("riverrun_batch_seconds_count")));
    assert_eq!(scraped.get(&of("riverrun_queue_seconds_count")), 6.0);
    assert_eq!(scraped.get(&of("riverrun_compute_seconds_count")), 6.0);
    for none in ["riverrun_requests_rejected_total", "riverrun_requests_expired_total", "riverrun_queue_length"] {
        assert_eq!(scraped.get(&of(none)), 0.0, "{none}");
    }
    assert_eq!(scraped.get(&of("riverrun_model_info")), 1.0);
    assert_eq!(scraped.get(&of("riverrun_model_weight")), 1.0);
    assert_eq!(scraped.get(r#"riverrun_model_ready{model="labels"}"#), 1.0);
}

#[tokio::test]
async fn calls_of_grpc_are_counted_by_their_own_status() {
    let router = labels().into_router().unwrap();
    let mut client = HealthClient::new(router.clone());
    for service in ["", "", "inference.GRPCInferenceService"] {
        client.check(HealthCheckRequest { service: service.into() }).await.unwrap();
    }
    client.check(HealthCheckRequest { service: "other".into() }).await.unwrap_err();

    let scrape = Request::get("/metrics").body(Body::empty()).unwrap();
    let body = router.oneshot(scrape).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    let scraped = Scraped::read(std::str::from_utf8(&body).unwrap());

    let calls = |code: &str| {
        format!(r#"riverrun_grpc_calls_total{{route="/grpc.health.v1.Health/{{method}}",model="",code="{code}"}}"#)
    };
    assert_eq!((scraped.get(&calls("OK")), scraped.get(&calls("NOT_FOUND"))), (3.0, 1.0));
}

#[tokio::test]
async fn texts_that_a_model_has_cut_are_counted() {
    let runner = Labels { truncated: 7, ..Labels::default() }.runner("labels:1");
    let running = start(Service::new("test").runner("/classify", &runner)).await;

    assert_eq!(metrics(&running).await.get(&of("riverrun_items_truncated_total")), 7.0);
}

#[tokio::test]
async fn texts_that_come_again_are_counted_as_hits_of_the_cache() {
    let runner = Runner::new("labels:1", Labels::default()).cached(100);
    runner.init_local().unwrap();
    let running = start(Service::new("test").runner("/classify", &runner)).await;
    let mut answers = Vec::new();
    for text in ["good", "good", "bad", "good"] {
        answers.push(post(&running, "/classify", "text/plain", text).await.text());
    }

    assert_eq!(answers[0], answers[1]);
    let metrics = metrics(&running).await;
    assert_eq!(metrics.get(&of("riverrun_cache_hits_total")), 2.0);
    assert_eq!(metrics.get(&of("riverrun_cache_misses_total")), 2.0);
    assert_eq!(metrics.get(&of("riverrun_items_total")), 2.0);
}

#[tokio::test]
async fn a_thousand_unknown_paths_and_strange_methods_make_one_series_each() {
    let running = start(labels()).await;
    let stream = TcpStream::connect(address(&running)).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);

    for number in 0..1000 {
        let request = request("GET", &format!("/path/{number}?model=m{number}"), &[], "");
        crate::http_client::collect(sender.send_request(request).await.unwrap()).await;
    }
    for number in 0..20 {
        send(address(&running), request(&format!("METHOD{number}"), "/classify", &[], "")).await;
        post(&running, &format!("/v1/models/m{number}:predict"), JSON, "{}").await;
    }

    let scraped = metrics_when(&running, &requests("/v1/models/{model}", "POST", "", "404"), 20.0).await;
    assert_eq!(scraped.get(&requests("unknown", "GET", "", "404")), 1000.0);
    assert_eq!(scraped.get(&requests("/classify", "_OTHER", "labels", "405")), 20.0);
    let series = scraped.samples.keys().filter(|sample| sample.starts_with("riverrun_http_requests_total")).count();
    // Those, and the scrapes themselves.
    assert!(series <= 4, "{series}");
}

#[tokio::test]
async fn what_is_refused_late_or_given_up_is_counted() {
    let model = Labels::waiting(Duration::from_millis(300));
    let batching = Batching::default().max_batch_size(1).max_queue(1);
    let runner = model.runner_with("labels:1", batching);
    let running = start(Service::new("test").runner("/classify", &runner)).await;
    let to = address(&running);

    let late = [("content-type", TEXT), ("x-timeout-ms", "20")];
    assert_eq!(send(to, request("POST", "/classify", &late, "late")).await.status, 504);
    let many: Vec<_> =
        (0..60).map(|_| tokio::spawn(send(to, request("POST", "/classify", &[("content-type", TEXT)], "a")))).collect();
    let mut refused = 0.0;
    for one in many {
        refused += f64::from(u8::from(one.await.unwrap().status == 429));
    }
    let mut stream = TcpStream::connect(to).await.unwrap();
    let head = "POST /classify HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\ngone";
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stream);

    let scraped = metrics_when(&running, &requests("/classify", "POST", "labels", "gone"), 1.0).await;
    assert!(refused > 0.0);
    assert_eq!(scraped.get(&of("riverrun_requests_rejected_total")), refused);
    assert_eq!(scraped.get(&requests("/classify", "POST", "labels", "429")), refused);
    assert_eq!(scraped.get(&of("riverrun_requests_expired_total")), 1.0);
    assert_eq!(scraped.get(&requests("/classify", "POST", "labels", "504")), 1.0);
    assert_eq!(scraped.get(&of("riverrun_items_abandoned_total")), runner.stats().abandoned as f64);
}

struct Source {
    latest: Arc<AtomicUsize>,
}

impl ModelSource for Source {
    fn latest(&self) -> Result<String, SourceError> {
        Ok(self.latest.load(Ordering::SeqCst).to_string())
    }

    fn load(&self, version: &str) -> Result<Arc<dyn AnyRunner>, SourceError> {
        match version {
            "2" => Err(SourceError::new("its file is gone")),
            "3" => Ok(Labels { broken: true, ..Labels::default() }.runner("labels:3").erased()),
            version => Ok(Labels::default().runner(&format!("labels:{version}")).erased()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_a_model_are_counted_and_a_version_takes_its_series_with_it() {
    let model = ServedModel::unloaded("labels");
    let latest = Arc::new(AtomicUsize::new(1));
    let source = Source { latest: latest.clone() };
    let _following = Follow::new(source).every(Duration::from_millis(10)).start(&model).unwrap();
    let running = start(Service::new("test").model("/classify", &model)).await;
    until("version 1 is served", || model.is_ready()).await;
    post(&running, "/classify", TEXT, "a").await;
    assert_eq!(metrics(&running).await.get(&of("riverrun_items_total")), 1.0);

    let changes = |outcome| format!(r#"riverrun_model_changes_total{{model="labels",outcome="{outcome}"}}"#);
    for (version, ok, failed) in [(2, 1.0, 1.0), (3, 1.0, 2.0), (4, 2.0, 2.0)] {
        latest.store(version, Ordering::SeqCst);
        let which = if version == 4 { ("ok", ok) } else { ("failed", failed) };
        let scraped = metrics_when(&running, &changes(which.0), which.1).await;
        assert_eq!((scraped.get(&changes("ok")), scraped.get(&changes("failed"))), (ok, failed));
    }

    let scraped = metrics(&running).await;
    assert_eq!(scraped.get(r#"riverrun_items_total{model="labels",version="4"}"#), 0.0);
    assert!(!scraped.has(r#"version="1""#) && scraped.has(r#"version="4""#));
    assert!(scraped.get(r#"riverrun_model_load_seconds{model="labels"}"#) > 0.0);
    assert_eq!(scraped.get(&requests("/classify", "POST", "labels", "200")), 1.0);
}

#[tokio::test]
async fn each_input_of_a_stream_has_its_own_times() {
    let running = start(labels()).await;

    let answer = post(&running, "/classify/stream", TEXT, "a\nb\nc\nd\n").await;

    assert_eq!(answer.status, 200);
    let scraped = metrics_when(&running, &requests("/classify/stream", "POST", "labels", "200"), 1.0).await;
    assert_eq!(scraped.get(&of("riverrun_queue_seconds_count")), 4.0);
    assert_eq!(scraped.get(&of("riverrun_items_total")), 4.0);
}

#[tokio::test]
async fn open_connections_are_shown() {
    let running = start(labels()).await;

    let idle =
        [TcpStream::connect(address(&running)).await.unwrap(), TcpStream::connect(address(&running)).await.unwrap()];

    // The third is the scrape's own.
    let scraped = metrics_when(&running, "riverrun_connections_open", 3.0).await;
    assert_eq!(scraped.get("riverrun_connections_limit"), 4096.0);
    drop(idle);
    metrics_when(&running, "riverrun_connections_open", 1.0).await;
}

#[tokio::test]
async fn both_forms_are_well_formed_and_say_the_same() {
    let running = start(labels()).await;
    post(&running, "/classify", TEXT, "a").await;
    get(&running, "/\"quoted\"\\n").await;
    let prometheus = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

    let text = scrape(&running, "text/plain").await;
    let open = scrape(&running, prometheus).await;

    assert_eq!(text.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(open.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let scraped = Scraped::read(&text.text());
    let open = open.text();
    assert!(open.ends_with("# EOF\n") && open.matches("# EOF").count() == 1);
    for (family, kind) in &scraped.kinds {
        let (name, kind) = match (family.strip_suffix("_total"), family.strip_suffix("_info")) {
            (Some(name), _) => (name, "counter"),
            (_, Some(name)) => (name, "info"),
            _ => (&**family, &**kind),
        };
        assert!(open.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
    }
}

#[tokio::test]
async fn every_metric_is_documented_and_every_documented_metric_is_there() {
    const DOCS: &str = include_str!("../../../../docs/observability.md");
    let model = ServedModel::new("labels", "1", Labels::default().runner("labels:1").erased());
    model.set_shadow(Some(riverrun_service::Shadow::new("2", Labels::default().runner("labels:2").erased())));
    model.loaded_in(Duration::from_millis(40));
    let directory = tempfile::tempdir().unwrap();
    let log = riverrun_service::PredictionLog::new(directory.path());
    let service = Service::new("test").model("/classify", &model).prediction_log(log);
    #[cfg(feature = "otlp")]
    let service = service.otlp(riverrun_service::Otlp::new("http://127.0.0.1:9"));
    let running = start(service).await;
    post(&running, "/classify", TEXT, "a").await;

    let kinds = metrics(&running).await.kinds;

    let documented: std::collections::BTreeMap<String, String> = DOCS
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter(|(name, _)| name.starts_with("riverrun_") || name.starts_with("process_"))
        .filter(|(name, _)| cfg!(feature = "otlp") || !name.starts_with("riverrun_trace_"))
        .map(|(name, rest)| (name.to_owned(), rest.split(" |").next().unwrap().to_owned()))
        .collect();
    assert_eq!(kinds, documented);
}

#[tokio::test]
async fn metrics_are_for_those_with_a_token_where_there_are_tokens() {
    let running = start(labels().token("secret")).await;

    assert_eq!(get(&running, "/metrics").await.status, 401);
    let headers = [("authorization", "Bearer secret")];
    assert_eq!(send(address(&running), request("GET", "/metrics", &headers, "")).await.status, 200);
}
