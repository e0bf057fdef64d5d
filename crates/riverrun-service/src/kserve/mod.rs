//! The Open Inference Protocol (KServe V2), over HTTP and gRPC on the same port.
//!
//! <https://github.com/kserve/open-inference-protocol>; binary tensors, the index of models and the stream of requests are Triton's
//! extensions of it. A model takes and gives the tensors that its runnable declares: see
//! [`Portable`](riverrun_runner::wire::Portable).

mod asked;
mod failure;
mod grpc;
mod infer;
mod json;
mod metadata;
mod raw;

use axum::Router;
use axum::routing::{get, post};

use crate::state::SharedState;

/// The routes of the protocol.
pub(crate) fn routes() -> Router<SharedState> {
    let model = |tail: &str| {
        [format!("/v2/models/{{model}}{tail}"), format!("/v2/models/{{model}}/versions/{{version}}{tail}")]
    };
    let mut router = Router::new()
        .route("/v2", get(metadata::server))
        .route("/v2/health/live", get(metadata::live))
        .route("/v2/health/ready", get(metadata::ready))
        .route("/v2/repository/index", post(metadata::index))
        .route("/v2/repository/models/{model}/load", post(metadata::fixed))
        .route("/v2/repository/models/{model}/unload", post(metadata::fixed))
        .route(grpc::ROUTE, post(grpc::serve))
        .route(grpc::health::ROUTE, post(grpc::health::serve));
    for path in model("") {
        router = router.route(&path, get(metadata::model));
    }
    for path in model("/ready") {
        router = router.route(&path, get(metadata::model_ready));
    }
    for path in model("/infer") {
        router = router.route(&path, post(infer::infer));
    }
    router
}
