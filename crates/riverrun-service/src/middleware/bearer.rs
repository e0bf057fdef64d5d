//! Bearer tokens.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use subtle::{Choice, ConstantTimeEq};

use super::faults::is_grpc;
use crate::error::ServiceError;
use crate::fault::Fault;
use crate::routes::is_page;

/// Routes that need no token, beside the pages: what an orchestrator probes.
const OPEN: [&str; 7] = [
    "/livez",
    "/readyz",
    "/healthz",
    "/v2/health/live",
    "/v2/health/ready",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
];

/// The tokens that are let in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tokens(Arc<[Box<[u8]>]>);

impl Tokens {
    pub(crate) fn new(tokens: &[String]) -> Result<Self, ServiceError> {
        for token in tokens {
            if token.is_empty() {
                return Err(ServiceError::BadToken { reason: "is empty" });
            }
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(ServiceError::BadToken { reason: "has a character that no header may have" });
            }
        }
        Ok(Self(tokens.iter().map(|token| token.as_bytes().into()).collect()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares with every token, and every byte of one as long, so that the time says nothing about how much was right.
    fn admit(&self, authorization: Option<&HeaderValue>) -> bool {
        let Some(value) = authorization.map(HeaderValue::as_bytes) else { return false };
        let Some((scheme, token)) = value.split_at_checked(7) else { return false };
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return false;
        }
        let token = token.trim_ascii();
        self.0.iter().fold(Choice::from(0), |known, own| known | own.ct_eq(token)).into()
    }
}

/// Refuses requests without a known token.
pub(crate) async fn bearer(State(tokens): State<Tokens>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if OPEN.contains(&path) || is_page(path) || tokens.admit(request.headers().get(AUTHORIZATION)) {
        return next.run(request).await;
    }
    if is_grpc(request.headers()) {
        // gRPC's UNAUTHENTICATED, as an answer of trailers alone.
        const STATUS: HeaderName = HeaderName::from_static("grpc-status");
        const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
        let headers =
            [(http::header::CONTENT_TYPE, "application/grpc"), (STATUS, "16"), (MESSAGE, "a bearer token is needed")];
        return headers.into_response();
    }
    Fault::Unauthorized.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(authorization: &str) -> bool {
        let tokens = Tokens::new(&["alpha".into(), "beta-beta".into()]).unwrap();
        tokens.admit(Some(&HeaderValue::from_str(authorization).unwrap()))
    }

    #[test]
    fn each_of_several_tokens_is_let_in_and_nothing_like_them() {
        assert!(admits("Bearer alpha"));
        assert!(admits("bearer beta-beta"));
        for wrong in
            ["Bearer alph", "Bearer alphaa", "Bearer ALPHA", "Basic alpha", "Bearer", "", "Bearer alphabeta-beta"]
        {
            assert!(!admits(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_token_that_no_request_could_send_is_an_error_at_the_start() {
        assert!(Tokens::new(&[String::new()]).is_err());
        assert!(Tokens::new(&["two words".into()]).is_err());
    }
}
