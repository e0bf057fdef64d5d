//! What a collector gets of requests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use riverrun_service::{Fault, Otlp, RequestContext, Running, Server, ServiceError};

use crate::collector::{Collector, attributes};
use crate::exposition::metrics_when;
use crate::fixture::{labels, start};
use crate::http_client::{Answer, address, request, send};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn traced(otlp: impl FnOnce(Otlp) -> Otlp) -> (Collector, Running) {
    let collector = Collector::default();
    let address = collector.start().await;
    (collector, start(labels().otlp(otlp(Otlp::new(format!("http://{address}"))))).await)
}

async fn classify(running: &Running, traceparent: Option<&str>, body: &str) -> Answer {
    let mut headers = vec![("content-type", "application/json"), ("tracestate", "vendor=1")];
    headers.extend(traceparent.map(|traceparent| ("traceparent", traceparent)));
    send(address(running), request("POST", "/classify", &headers, body.to_owned())).await
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
}

#[tokio::test]
async fn a_request_continues_its_callers_trace_with_spans_for_queue_and_compute() {
    let (collector, running) = traced(|otlp| otlp.header("x-key", "secret")).await;
    let nanos = || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    let before = nanos();

    classify(&running, Some(TRACE), r#"["a", "b"]"#).await;
    running.shutdown().await;

    let after = nanos();
    let (headers, request) = &collector.requests()[0];
    assert_eq!(headers["x-key"], "secret");
    let resource = attributes(&request.resource_spans[0].resource.as_ref().unwrap().attributes);
    assert_eq!(resource["service.name"], "test");
    let spans = collector.spans();
    assert_eq!(spans.len(), 3);
    let server = named(&spans, "POST /classify");
    assert_eq!((server.kind, hex(&server.parent_span_id)), (SpanKind::Server as i32, "00f067aa0ba902b7".into()));
    let own = attributes(&server.attributes);
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/classify"),
        ("http.response.status_code", "200"),
        ("url.path", "/classify"),
        ("riverrun.model", "labels:1"),
        ("riverrun.items", "2"),
    ] {
        assert_eq!(own.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(server.status, None);
    for span in &spans {
        assert_eq!((hex(&span.trace_id), &*span.trace_state), ("4bf92f3577b34da6a3ce929d0e0e4736".into(), "vendor=1"));
        assert!(before <= span.start_time_unix_nano && span.end_time_unix_nano <= after);
        assert!(span.span_id.len() == 8 && span.flags & 1 == 1);
    }
    let (queue, compute) = (named(&spans, "queue"), named(&spans, "compute"));
    for child in [queue, compute] {
        assert_eq!((child.kind, &child.parent_span_id), (SpanKind::Internal as i32, &server.span_id));
        assert!(server.start_time_unix_nano <= child.start_time_unix_nano);
        assert!(child.end_time_unix_nano <= server.end_time_unix_nano);
    }
    assert_eq!(queue.end_time_unix_nano, compute.start_time_unix_nano);
    assert!(attributes(&compute.attributes)["riverrun.batch.items"].parse::<u32>().unwrap() >= 1);
    assert_ne!(queue.span_id, compute.span_id);
}

#[tokio::test]
async fn a_request_without_a_caller_begins_a_trace_and_an_unsampled_one_is_not_sent() {
    let (collector, running) = traced(|otlp| otlp.service_name("other")).await;

    classify(&running, Some(&TRACE.replace("-01", "-00")), r#""a""#).await;
    classify(&running, Some("00-nonsense"), r#""a""#).await;
    classify(&running, None, r#""a""#).await;
    running.shutdown().await;

    let resource = collector.requests()[0].1.resource_spans[0].resource.clone().unwrap();
    assert_eq!(attributes(&resource.attributes)["service.name"], "other");
    let spans = collector.spans();
    let servers: Vec<_> = spans.iter().filter(|span| span.kind == SpanKind::Server as i32).collect();
    assert_eq!((servers.len(), spans.len()), (2, 6));
    assert!(servers.iter().all(|span| span.parent_span_id.is_empty() && span.trace_state.is_empty()));
    assert_ne!(servers[0].trace_id, servers[1].trace_id);
}

#[tokio::test]
async fn a_share_of_nothing_sends_only_what_callers_have_sampled() {
    let (collector, running) = traced(|otlp| otlp.sample(0.0)).await;

    for _ in 0..20 {
        classify(&running, None, r#""a""#).await;
    }
    classify(&running, Some(TRACE), r#""a""#).await;
    running.shutdown().await;

    assert_eq!(collector.spans().len(), 3);
}

#[tokio::test]
async fn faults_of_the_service_are_errors_and_those_of_the_caller_are_not() {
    let (collector, running) = traced(|otlp| otlp).await;

    assert_eq!(classify(&running, None, r#""fail""#).await.status, 500);
    assert_eq!(classify(&running, None, "[1]").await.status, 422);
    send(address(&running), request("GET", "/nothing", &[], "")).await;
    running.shutdown().await;

    let spans = collector.spans();
    let code = |span: &Span| span.status.as_ref().map_or(0, |status| status.code);
    let server = |status: &str| {
        let found = spans.iter().find(|span| {
            attributes(&span.attributes).get("http.response.status_code").is_some_and(|code| code == status)
        });
        found.unwrap()
    };
    assert_eq!(code(server("500")), StatusCode::Error as i32);
    assert_eq!(attributes(&server("500").attributes)["error.type"], "500");
    assert_eq!(code(named(&spans, "compute")), StatusCode::Error as i32);
    assert_eq!((code(server("422")), code(server("404"))), (0, 0));
    assert_eq!(
        (&*server("404").name, attributes(&server("404").attributes).contains_key("http.route")),
        ("GET", false)
    );
}

#[tokio::test]
async fn each_input_of_a_stream_has_spans_of_its_own() {
    let (collector, running) = traced(|otlp| otlp).await;

    let headers = [("content-type", "text/plain"), ("traceparent", TRACE)];
    send(address(&running), request("POST", "/classify/stream", &headers, "a\nb\nc\n")).await;
    running.shutdown().await;

    let spans = collector.spans();
    let count = |name: &str| spans.iter().filter(|span| span.name == name).count();
    assert_eq!((count("POST /classify/stream"), count("queue"), count("compute")), (1, 3, 3));
}

#[tokio::test]
async fn what_a_handler_calls_is_part_of_the_requests_span() {
    let collector = Collector::default();
    let otlp = Otlp::new(format!("http://{}", collector.start().await));
    let handler = |context: RequestContext, (): ()| async move { Ok::<_, Fault>(context.traceparent()) };
    let running = start(labels().endpoint("/own", handler).otlp(otlp)).await;

    let headers = [("content-type", "application/json"), ("traceparent", TRACE)];
    let answer = send(address(&running), request("POST", "/own", &headers, "null")).await;
    running.shutdown().await;

    let own = &collector.spans()[0];
    let expected = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", hex(&own.span_id));
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn a_collector_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let (collector, running) = traced(|otlp| otlp).await;
    collector.refusals.lock().unwrap().push(503);

    classify(&running, None, r#""a""#).await;

    metrics_when(&running, "riverrun_trace_spans_total", 3.0).await;
    collector.refusals.lock().unwrap().push(400);
    classify(&running, None, r#""a""#).await;
    metrics_when(&running, "riverrun_trace_spans_dropped_total", 3.0).await;
    *collector.rejects.lock().unwrap() = 2;
    classify(&running, None, r#""a""#).await;
    let scraped = metrics_when(&running, "riverrun_trace_spans_dropped_total", 5.0).await;
    assert!(scraped.get("riverrun_trace_spans_total") >= 4.0);
}

#[tokio::test]
async fn a_collector_that_is_away_or_never_answers_costs_spans_and_no_request() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    for away in [closed, silent.local_addr().unwrap()] {
        let running = start(labels().otlp(Otlp::new(format!("http://{away}")))).await;

        let requests = async {
            for _ in 0..50 {
                assert_eq!(classify(&running, None, r#""a""#).await.status, 200);
            }
        };
        tokio::time::timeout(Duration::from_secs(20), requests).await.unwrap();
        metrics_when(&running, "riverrun_trace_spans_total", 0.0).await;
        tokio::time::timeout(Duration::from_secs(20), running.shutdown()).await.unwrap();
    }
}

#[tokio::test]
async fn an_endpoint_that_is_none_is_an_error_at_the_start() {
    for (endpoint, part) in [
        ("localhost:4318", "http:// or https://"),
        ("ftp://a", "http:// or https://"),
        ("http://:4318", "traces cannot be sent to http://:4318"),
    ] {
        let server = Server::new().listen(([127, 0, 0, 1], 0).into());
        let error = server.bind(labels().otlp(Otlp::new(endpoint))).await.unwrap_err();
        assert!(matches!(error, ServiceError::Otlp { .. }), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}
