//! `grpc.health.v1`, which the probes of gRPC and Kubernetes ask: <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>.

use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use tonic::{Status, async_trait};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::Service as _;

use super::status;
use crate::predict::{self, ReadBody};
use crate::state::SharedState;

/// Where the probes send their requests.
pub(crate) const ROUTE: &str = "/grpc.health.v1.Health/{method}";

/// The services that have a health, beside the whole one, which has no name.
const SERVICE: &str = "inference.GRPCInferenceService";

/// How often somebody who watches is looked after.
const INTERVAL: Duration = Duration::from_millis(250);

/// Answers a call, whose only message is read like any other body.
pub(crate) async fn serve(State(state): State<SharedState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match predict::read(&state, &parts.headers, body, None).await.map(ReadBody::into_bytes) {
        Ok(body) => Body::from(body),
        Err(fault) => return status::of(&fault, None).into_http::<Body>().into_response(),
    };
    match HealthServer::new(Probe(state)).call(Request::from_parts(parts, body)).await {
        Ok(response) => status::of_caller(response.map(Body::new)),
        Err(never) => match never {},
    }
}

struct Probe(SharedState);

impl Probe {
    /// Whether requests should be sent here; nothing of a service that there is not.
    fn status(&self, service: &str) -> Option<ServingStatus> {
        let known = service.is_empty() || service == SERVICE;
        known.then(|| if self.0.is_ready() { ServingStatus::Serving } else { ServingStatus::NotServing })
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[async_trait]
impl Health for Probe {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(
        &self, request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        let status = self.status(service).ok_or_else(|| {
            Status::not_found(format!(
                "there is no service `{service}` here; ask for `{SERVICE}`, or for all without a name"
            ))
        })?;
        Ok(tonic::Response::new(answer(status)))
    }

    /// Its status now and whenever it changes, until the shutdown has begun.
    async fn watch(
        &self, request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<Self::WatchStream>, Status> {
        let (probe, service) = (Probe(self.0.clone()), request.into_inner().service);
        let changes = stream::unfold((probe, None, false), move |(probe, told, ended)| {
            let service = service.clone();
            async move {
                if ended {
                    return None;
                }
                loop {
                    let ending = probe.0.is_draining();
                    // One that may come later is no error.
                    let status = probe.status(&service).unwrap_or(ServingStatus::ServiceUnknown);
                    if told != Some(status) || ending {
                        return Some((Ok(answer(status)), (probe, Some(status), ending)));
                    }
                    tokio::select! {
                        () = tokio::time::sleep(INTERVAL) => {}
                        () = probe.0.drained() => {}
                    }
                }
            }
        });
        Ok(tonic::Response::new(Box::pin(changes)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tonic::Code;
    use tonic_health::pb::health_client::HealthClient;

    use super::*;
    use crate::Service;

    fn about(service: &str) -> HealthCheckRequest {
        HealthCheckRequest { service: service.to_owned() }
    }

    #[tokio::test]
    async fn a_probe_is_told_whether_requests_should_come_without_a_token() {
        let (router, state) = Service::new("test").token("secret").build().unwrap();
        let mut client = HealthClient::new(router);

        for service in ["", SERVICE] {
            let answered = client.check(about(service)).await.unwrap().into_inner();
            assert_eq!(answered.status(), ServingStatus::Serving, "{service:?}");
        }
        let unknown = client.check(about("other.Service")).await.unwrap_err();
        assert_eq!(unknown.code(), Code::NotFound);
        assert!(unknown.message().contains(SERVICE), "{}", unknown.message());
        state.drain();
        assert_eq!(client.check(about("")).await.unwrap().into_inner().status(), ServingStatus::NotServing);
    }

    #[tokio::test]
    async fn who_watches_is_told_of_changes_and_does_not_hold_up_the_end() {
        let (router, state) = Service::new("test").build().unwrap();
        let mut client = HealthClient::new(router);

        let mut known = client.watch(about("")).await.unwrap().into_inner();
        let mut unknown = client.watch(about("other.Service")).await.unwrap().into_inner();
        let first = known.next().await.unwrap().unwrap().status();
        assert_eq!(first, ServingStatus::Serving);
        assert_eq!(unknown.next().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
        state.drain();

        assert_eq!(known.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert!(known.next().await.is_none());
        assert_eq!(unknown.collect::<Vec<_>>().await.len(), 1);
    }
}
