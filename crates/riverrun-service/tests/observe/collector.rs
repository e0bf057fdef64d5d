//! A collector that keeps what it gets, read with OpenTelemetry's own messages.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

#[derive(Clone, Default)]
pub(crate) struct Collector {
    requests: Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>,
    /// What it answers with, the next first, instead of taking the spans.
    pub(crate) refusals: Arc<Mutex<Vec<u16>>>,
    /// How many spans of each request it says that it has refused.
    pub(crate) rejects: Arc<Mutex<i64>>,
}

impl Collector {
    pub(crate) async fn start(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let collector = self.clone();
        let take = move |headers: HeaderMap, body: Bytes| {
            let collector = collector.clone();
            async move { collector.take(headers, body) }
        };
        let router = Router::new().route("/v1/traces", post(take));
        // The library's own server is not among its features here.
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = hyper_util::service::TowerToHyperService::new(router.clone());
                let io = hyper_util::rt::TokioIo::new(stream);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
            }
        });
        address
    }

    fn take(&self, headers: HeaderMap, body: Bytes) -> Response {
        if let Some(status) = self.refusals.lock().unwrap().pop() {
            return StatusCode::from_u16(status).unwrap().into_response();
        }
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        self.requests.lock().unwrap().push((headers, request));
        let rejected_spans = *self.rejects.lock().unwrap();
        let partial = ExportTracePartialSuccess { rejected_spans, error_message: "no".into() };
        let answer = ExportTraceServiceResponse { partial_success: (rejected_spans > 0).then_some(partial) };
        ([("content-type", "application/x-protobuf")], answer.encode_to_vec()).into_response()
    }

    pub(crate) fn requests(&self) -> Vec<(HeaderMap, ExportTraceServiceRequest)> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = self.requests();
        let resources = requests.into_iter().flat_map(|(_, request)| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }
}

/// The attributes as texts.
pub(crate) fn attributes(list: &[KeyValue]) -> HashMap<String, String> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    list.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect()
}
