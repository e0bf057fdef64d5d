//! The protocol over gRPC.

mod convert;
pub(super) mod health;
mod service;
mod status;

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use tower::Service as _;

use crate::context::Deadline;
use crate::fault::Fault;
use crate::predict::{self, ReadBody};
use crate::state::SharedState;
use proto::grpc_inference_service_server::GrpcInferenceServiceServer;
use service::Inference;

/// What the definition in `proto/` is made into.
#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub, dead_code, reason = "generated")]
mod proto {
    tonic::include_proto!("inference");
}

/// Where gRPC's clients send their requests.
pub(super) const ROUTE: &str = "/inference.GRPCInferenceService/{method}";

/// Answers a call. The message of a call that has only one is read like any other body: within its limits and in time.
pub(super) async fn serve(State(state): State<SharedState>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let fault = |fault: Fault| {
        let context = predict::context(&parts.extensions).ok();
        status::of(&fault, context.as_ref()).into_http::<Body>().into_response()
    };
    let deadline =
        match predict::context(&parts.extensions).and_then(|context| timeout(&parts.headers, &state, &context)) {
            Ok(deadline) => deadline,
            Err(why) => return fault(why),
        };
    let body = if parts.uri.path().ends_with("/ModelStreamInfer") {
        body
    } else {
        let read = predict::read(&state, &parts.headers, body, Some(deadline)).await;
        match read.map(ReadBody::into_bytes).and_then(|body| one_message(&body).map(|()| body)) {
            Ok(body) => Body::from(body),
            Err(why) => return fault(why),
        }
    };
    parts.extensions.insert(deadline);
    let mut server = GrpcInferenceServiceServer::new(Inference::new(state.clone()))
        .max_decoding_message_size(state.limits.max_body)
        .max_encoding_message_size(usize::MAX);
    match server.call(Request::from_parts(parts, body)).await {
        Ok(response) => status::of_caller(response.map(Body::new)),
        Err(never) => match never {},
    }
}

/// Whether a body is one message as gRPC frames them: a byte for its compression, four for its length.
fn one_message(body: &[u8]) -> Result<(), Fault> {
    let Some((&[compression, ref length @ ..], message)) = body.split_first_chunk::<5>() else {
        return Err(Fault::malformed("the body is no message of gRPC: it has less than five bytes"));
    };
    let (length, there) = (u32::from_be_bytes(*length), message.len());
    if compression != 0 {
        return Err(Fault::malformed("the message is compressed, which this service does not read; send it as it is"));
    }
    if length as usize != there {
        return Err(Fault::malformed(format!("the message says that it has {length} bytes, and {there} came")));
    }
    Ok(())
}

/// That of `grpc-timeout`, or of the service where that is shorter.
fn timeout(
    headers: &HeaderMap, state: &SharedState, context: &crate::context::RequestContext,
) -> Result<Deadline, Fault> {
    let Some(value) = headers.get("grpc-timeout") else { return Deadline::of(headers, &state.limits, context) };
    let timeout = value.to_str().ok().and_then(parse_timeout);
    let timeout = timeout.ok_or_else(|| Fault::malformed("`grpc-timeout` is not a time such as 250m".to_owned()))?;
    Ok(Deadline::within(timeout, &state.limits, context))
}

/// At most eight digits and a unit: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_the_form_of_grpc_is_read_and_anything_else_refused() {
        assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse_timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for wrong in ["", "m", "1", "1x", "-1m", "123456789m", "1.5S", "é"] {
            assert_eq!(parse_timeout(wrong), None, "{wrong}");
        }
    }
}
