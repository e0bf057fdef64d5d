//! Faults as gRPC has them.

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
