//! Faults as gRPC has them.

use axum::response::Response;
use http::HeaderValue;
use tonic::{Code, Status};

use super::super::failure;
use crate::context::RequestContext;
use crate::fault::Fault;

/// The status that gRPC's clients know for it.
pub(super) fn of(fault: &Fault, context: Option<&RequestContext>) -> Status {
    let code = match fault {
        Fault::Malformed { .. } | Fault::InvalidInput { .. } | Fault::UnsupportedMediaType { .. } => {
            Code::InvalidArgument
        }
        Fault::Unauthorized => Code::Unauthenticated,
        Fault::UnknownModel { .. } | Fault::UnknownVersion { .. } => Code::NotFound,
        Fault::UnknownRoute { .. } | Fault::MethodNotAllowed { .. } => Code::Unimplemented,
        Fault::TooLarge { .. } => Code::OutOfRange,
        Fault::Overloaded { .. } => Code::ResourceExhausted,
        Fault::NotReady { .. } | Fault::Draining | Fault::TooManyConnections { .. } => Code::Unavailable,
        Fault::BodyTooSlow { .. } | Fault::DeadlineExceeded { .. } => Code::DeadlineExceeded,
        Fault::Internal { .. } => Code::Internal,
        Fault::Other { status, .. } if status.is_client_error() => Code::InvalidArgument,
        Fault::Other { .. } => Code::Internal,
    };
    Status::new(code, failure::message(fault, context))
}

/// What the library says of a message that it could not read, as the caller's fault that it is: INTERNAL is its word for it.
pub(super) fn of_library(status: Status) -> Status {
    match status.code() {
        Code::Internal => Status::new(Code::InvalidArgument, status.message()),
        _ => status,
    }
}

/// The same of a whole answer.
pub(super) fn of_caller(mut response: Response) -> Response {
    let says = |name: &str, value: &str| {
        response.headers().get(name).is_some_and(|found| found.as_bytes().starts_with(value.as_bytes()))
    };
    if says("grpc-status", "13") && says("grpc-message", "failed%20to%20decode") {
        response.headers_mut().insert("grpc-status", HeaderValue::from_static("3"));
    }
    response
}
