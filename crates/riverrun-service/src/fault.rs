//! What a request can be refused or failed with: one declaration each of status, code and message.

use std::fmt;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use riverrun_runner::RunnerError;
use serde_json::json;

/// Why a request has no answer. On HTTP it is a status with the body `{"error": {"code": …, "message": …}}`.
///
/// Its `Display` is the message that the caller gets; what only the operator may know ([`Internal`](Self::Internal)) goes to
/// the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// 400: the request is not what its content type says.
    #[error("{reason}")]
    Malformed {
        /// What is wrong, where, and what to do.
        reason: String,
    },
    /// 401: no bearer token, or none that is known.
    #[error("this service needs a bearer token and the request has no valid one; send `Authorization: Bearer TOKEN`")]
    Unauthorized,
    /// 404: nothing is served there.
    #[error("nothing is served at {path}; there is {}", list(routes))]
    UnknownRoute {
        /// What was asked for.
        path: String,
        /// What there is.
        routes: Vec<String>,
    },
    /// 404: no model of this name.
    #[error("no model `{model}` is served here; there is {}", list(models))]
    UnknownModel {
        /// What was asked for.
        model: String,
        /// What there is.
        models: Vec<String>,
    },
    /// 404: the model is not served in this version.
    #[error("model `{model}` is not served in version `{version}`; there is {}", list(versions))]
    UnknownVersion {
        /// The model.
        model: String,
        /// What was asked for.
        version: String,
        /// What there is.
        versions: Vec<String>,
    },
    /// 405: the route takes other methods.
    #[error("{path} does not take {method}; use {allowed}")]
    MethodNotAllowed {
        /// What was used.
        method: String,
        /// On what.
        path: String,
        /// What it takes, as in the header `Allow`.
        allowed: String,
    },
    /// 408: the body came too slowly.
    #[error("the body was not there within {limit:?}; send it faster, or in smaller requests")]
    BodyTooSlow {
        /// How long it could take.
        limit: Duration,
    },
    /// 413: more bytes, or more inputs, than a request may have.
    #[error("{what} is more than the {limit} that one request may have; split it into several")]
    TooLarge {
        /// What there is of it, in the words of a sentence.
        what: String,
        /// The limit, with its unit.
        limit: String,
    },
    /// 415: a body of another kind.
    #[error("this route does not read {given}; send {accepted}")]
    UnsupportedMediaType {
        /// What the request says it is.
        given: String,
        /// What is read.
        accepted: String,
    },
    /// 422: well formed, but not what the model takes.
    #[error("{}{message}", of_input(*index))]
    InvalidInput {
        /// Which of several inputs, from 0.
        index: Option<usize>,
        /// What is wrong with it.
        message: String,
    },
    /// 429: more requests wait than may.
    #[error("{reason}; try again in {} s", retry_after.as_secs().max(1))]
    Overloaded {
        /// What is full.
        reason: String,
        /// When there is likely to be room.
        retry_after: Duration,
    },
    /// 500: the fault is the service's.
    #[error("the service failed to answer this request; its log says why")]
    Internal {
        /// For the log, never for the caller.
        detail: String,
    },
    /// 503: the model is not loaded yet, or what it runs on is away.
    #[error("model `{model}` is not ready; try again when /readyz says so")]
    NotReady {
        /// The model.
        model: String,
    },
    /// 503: the service is shutting down.
    #[error("this service is shutting down; send the request to another instance")]
    Draining,
    /// 503: there are as many connections as there may be.
    #[error("this service has all the {limit} connections that it may have; try again, or send it to another instance")]
    TooManyConnections {
        /// How many it may have.
        limit: usize,
    },
    /// 504: the answer was not there in time.
    #[error("there was no answer within {timeout:?}; give it more time with `X-Timeout-Ms`, or send less at a time")]
    DeadlineExceeded {
        /// How long the request could take.
        timeout: Duration,
    },
    /// Another status, of a layer or a handler that has its own.
    #[error("{message}")]
    Other {
        /// The status.
        status: StatusCode,
        /// What the caller is told.
        message: String,
    },
}

impl Fault {
    /// 400 with this reason.
    pub fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed { reason: reason.into() }
    }

    /// 422 with this message.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::InvalidInput { index: None, message: message.into() }
    }

    /// 500; `detail` is for the log alone.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::Internal { detail: detail.into() }
    }

    /// The status on HTTP.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.declaration().0
    }

    /// The code in the body, which programs may rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.declaration().1
    }

    fn declaration(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Malformed { .. } => (StatusCode::BAD_REQUEST, "malformed"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::UnknownRoute { .. } => (StatusCode::NOT_FOUND, "unknown_route"),
            Self::UnknownModel { .. } => (StatusCode::NOT_FOUND, "unknown_model"),
            Self::UnknownVersion { .. } => (StatusCode::NOT_FOUND, "unknown_version"),
            Self::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::BodyTooSlow { .. } => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::UnsupportedMediaType { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::InvalidInput { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_input"),
            Self::Overloaded { .. } => (StatusCode::TOO_MANY_REQUESTS, "overloaded"),
            Self::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Self::NotReady { .. } => (StatusCode::SERVICE_UNAVAILABLE, "not_ready"),
            Self::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
            Self::TooManyConnections { .. } => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::DeadlineExceeded { .. } => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
            Self::Other { status, .. } => (*status, code_of(*status)),
        }
    }

    /// The same, about the input at this place of a list.
    #[must_use]
    pub fn at(self, place: usize) -> Self {
        match self {
            Self::InvalidInput { index: None, message } => Self::InvalidInput { index: Some(place), message },
            Self::Internal { detail } => Self::Internal { detail: format!("input {place}: {detail}") },
            Self::Other { status, message } => {
                Self::Other { status, message: format!("{}{message}", of_input(Some(place))) }
            }
            other => other,
        }
    }

    /// The body: the code and the message.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        json!({ "error": { "code": self.code(), "message": self.to_string() } })
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Unauthorized => Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::MethodNotAllowed { allowed, .. } if allowed.starts_with(|c: char| c.is_ascii_uppercase()) => {
                HeaderValue::from_str(allowed).ok().map(|value| (ALLOW, value))
            }
            Self::Overloaded { retry_after, .. } => {
                Some((RETRY_AFTER, HeaderValue::from(retry_after.as_secs_f64().ceil().max(1.0) as u64)))
            }
            Self::NotReady { .. } | Self::Draining | Self::TooManyConnections { .. } => {
                Some((RETRY_AFTER, HeaderValue::from_static("1")))
            }
            _ => None,
        }
    }

    /// The answer, with what the operator is told as an extension: see [`crate::middleware::faults`].
    pub(crate) fn response(self, message: Option<String>) -> Response {
        let message = message.unwrap_or_else(|| self.to_string());
        let body = json!({ "error": { "code": self.code(), "message": message } }).to_string();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(self.header());
        let mut response = (self.status(), headers, body).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        self.response(None)
    }
}

impl From<RunnerError> for Fault {
    fn from(error: RunnerError) -> Self {
        match error {
            RunnerError::InvalidInput { error, .. } if error.is_too_large() => {
                Self::Other { status: StatusCode::PAYLOAD_TOO_LARGE, message: error.to_string() }
            }
            RunnerError::InvalidInput { error, .. } => Self::invalid_input(error.to_string()),
            RunnerError::UnknownMethod { method, methods, .. } => {
                Self::invalid_input(format!("the model has no method `{method}`; it has {}", list(&methods)))
            }
            RunnerError::QueueFull { runner, waiting, .. } => Self::Overloaded {
                reason: format!("model `{runner}` has no room: {waiting} inputs wait"),
                retry_after: Duration::from_secs(1),
            },
            RunnerError::TimedOut { timeout, .. } => Self::DeadlineExceeded { timeout },
            RunnerError::NotInitialised { runner } | RunnerError::Closed { runner } => {
                Self::NotReady { model: runner.to_string() }
            }
            RunnerError::Remote { runner, retryable: true, .. } => Self::NotReady { model: runner.to_string() },
            other => Self::internal(other.to_string()),
        }
    }
}

pub(crate) fn code_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "unauthorized",
        403 => "forbidden",
        404 => "unknown_route",
        405 => "method_not_allowed",
        406 => "not_acceptable",
        408 | 504 => "timeout",
        409 => "conflict",
        413 => "too_large",
        414 => "uri_too_long",
        415 => "unsupported_media_type",
        422 => "invalid_input",
        429 => "overloaded",
        431 => "headers_too_large",
        501 => "not_implemented",
        503 => "not_ready",
        400..=499 => "malformed",
        _ => "internal",
    }
}

fn of_input(index: Option<usize>) -> impl fmt::Display {
    index.map_or_else(String::new, |index| format!("input {index} of the list: "))
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "without a message",
    }
}
