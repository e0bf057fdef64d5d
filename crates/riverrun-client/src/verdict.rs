//! What a status says about a request: whether to send it again, to split it, or to give up.

use std::time::Duration;

use http::StatusCode;
use http::header::LOCATION;
use serde_json::Value;

use crate::endpoint::Outcome;
use crate::http::{Failure, Reply};
use crate::retry::retry_after;

/// What to do about a request that was not answered with success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Send it again.
    Again {
        reason: String,
        after: Option<Duration>,
        /// The service may fail because of this very request, so it is not sent again for ever.
        suspect: bool,
    },
    /// Nobody is there; nothing was sent.
    Away { reason: String },
    /// An item of it is at fault: alone if it is alone, otherwise halves tell which.
    Culprit { reason: String, invalid: bool },
    /// It would be refused again.
    Refused { reason: String },
}

/// What to do about a reply with any other status than success, and what it says about the endpoint.
pub(crate) fn of_status(reply: &Reply) -> (Verdict, Outcome) {
    let status = reply.status;
    let said = said(reply);
    let reason = |next: &str| format!("it answered {status}{said}{next}");
    let again = |reason: String, suspect| Verdict::Again { reason, after: retry_after(&reply.headers), suspect };
    let refused = |next: &str| (Verdict::Refused { reason: reason(next) }, Outcome::Refused);
    match status {
        StatusCode::TOO_MANY_REQUESTS => {
            (again(reason("; send less, or add endpoints"), false), Outcome::Overloaded(reason("")))
        }
        StatusCode::SERVICE_UNAVAILABLE => (again(reason(""), false), Outcome::Unavailable(reason(""))),
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => (again(reason(""), true), Outcome::Failed(reason(""))),
        StatusCode::REQUEST_TIMEOUT => (again(reason(""), true), Outcome::Refused),
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::PAYLOAD_TOO_LARGE => {
            (Verdict::Culprit { reason: reason(""), invalid: true }, Outcome::Refused)
        }
        StatusCode::INTERNAL_SERVER_ERROR => {
            (Verdict::Culprit { reason: reason("; its log says more"), invalid: false }, Outcome::Refused)
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => refused("; set `ClientOptions::bearer_token`"),
        StatusCode::NOT_FOUND => refused("; correct the route in the URL"),
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::NOT_ACCEPTABLE => {
            refused("; say what it speaks with `ClientOptions::protocol`, or correct the route")
        }
        status if status.is_redirection() => {
            let to = reply.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            let reason =
                format!("it answered {status} and points to `{to}`; redirects are not followed, so give that URL");
            (Verdict::Refused { reason }, Outcome::Refused)
        }
        status if status.is_server_error() => (again(reason(""), true), Outcome::Failed(reason(""))),
        _ => refused("; this is no answer of an inference service"),
    }
}

/// What to do without a reply, and what that says about the endpoint.
pub(crate) fn of_failure(failure: &Failure) -> (Verdict, Outcome) {
    let reason = failure.reason().to_owned();
    match failure {
        Failure::Unreachable(_) => (Verdict::Away { reason: reason.clone() }, Outcome::Failed(reason)),
        Failure::Broken(_) => {
            (Verdict::Again { reason: reason.clone(), after: None, suspect: true }, Outcome::Failed(reason))
        }
        Failure::Malformed(_) => (Verdict::Again { reason, after: None, suspect: true }, Outcome::Refused),
        Failure::Late => (Verdict::Again { reason: reason.clone(), after: None, suspect: true }, Outcome::Late(reason)),
    }
}

/// The message in an error's body, as far as there is one.
fn said(reply: &Reply) -> String {
    const SHOWN: usize = 300;
    let value: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let message = value.as_ref().and_then(|value| {
        let error = &value["error"];
        let found = [&error["message"], error, &value["message"], &value["detail"]].into_iter().find_map(Value::as_str);
        found.map(str::to_owned)
    });
    let html = reply.media_type().is_some_and(|media_type| media_type == "text/html");
    let text = match message {
        Some(message) => message,
        None if html => return " with an HTML page".to_owned(),
        None => String::from_utf8_lossy(&reply.body[..reply.body.len().min(SHOWN)]).into_owned(),
    };
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect();
    match text.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    fn reply(status: u16, body: &'static str) -> Reply {
        let status = StatusCode::from_u16(status).unwrap();
        Reply { status, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn what_is_refused_by_what_it_is_is_not_sent_again() {
        for status in [301, 308, 400, 401, 403, 404, 405, 413, 415, 418, 422, 204] {
            let (verdict, _) = of_status(&reply(status, ""));
            assert!(!matches!(verdict, Verdict::Again { .. }), "{status}: {verdict:?}");
        }
    }

    #[test]
    fn a_service_that_is_busy_or_away_is_asked_again_when_it_says() {
        for status in [408, 429, 502, 503, 504, 521] {
            let mut reply = reply(status, "");
            reply.headers.insert(http::header::RETRY_AFTER, "7".parse().unwrap());
            let (verdict, _) = of_status(&reply);
            let Verdict::Again { after, .. } = verdict else { panic!("{status}: {verdict:?}") };
            assert_eq!(after, Some(Duration::from_secs(7)));
        }
    }

    #[test]
    fn the_message_of_any_servers_error_is_shown() {
        for (body, shown) in [
            (r#"{"error": {"code": "invalid_input", "message": "no text"}}"#, "no text"),
            (r#"{"error": "unexpected shape"}"#, "unexpected shape"),
            (r#"{"detail": "Not Found"}"#, "Not Found"),
            ("Bad\nGateway", "Bad Gateway"),
        ] {
            let Verdict::Culprit { reason, .. } = of_status(&reply(422, body)).0 else { panic!() };
            assert!(reason.contains(shown), "{reason}");
        }
    }
}
