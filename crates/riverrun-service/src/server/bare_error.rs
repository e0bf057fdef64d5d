//! A body for the errors that the HTTP library answers without asking anybody.

use http::StatusCode;
use serde_json::json;

use crate::fault::code_of;

/// The answer to be sent instead, if `head` is an HTTP/1 error without a body that did not come through the service,
/// whose own answers all carry a request id.
///
/// hyper answers a head that it cannot read with a bare 400, 414 or 431.
pub(super) fn with_body(head: &[u8]) -> Option<Vec<u8>> {
    if !head.starts_with(b"HTTP/1.") || head.get(8..10) != Some(b" 4") || head.len() > 512 {
        return None;
    }
    let head = std::str::from_utf8(head).ok()?;
    if !head.ends_with("\r\n\r\n") || head.contains("x-request-id:") || !head.contains("content-length: 0\r\n") {
        return None;
    }
    let status = StatusCode::from_bytes(head.as_bytes().get(9..12)?).ok()?;
    let message = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "the request has more headers, or longer ones, than this service reads"
        }
        StatusCode::URI_TOO_LONG => {
            "the request's URL is longer than this service reads; put what is long into the body"
        }
        _ => "the request's head is not HTTP",
    };
    Some(answer(head.get(..8)?, status, message))
}

/// What a client is told whose head is not there in time.
pub(super) fn head_too_slow() -> Vec<u8> {
    let message = "the head of the request was not there in time; send it faster";
    answer("HTTP/1.1", StatusCode::REQUEST_TIMEOUT, message)
}

fn answer(version: &str, status: StatusCode, message: &str) -> Vec<u8> {
    let body = json!({ "error": { "code": code_of(status), "message": message } }).to_string();
    let (code, reason) = (status.as_u16(), status.canonical_reason().unwrap_or_default());
    let length = body.len();
    format!(
        "{version} {code} {reason}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_error_of_the_http_library_gets_a_body_and_an_answer_of_the_service_stays() {
        let bare = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let own = b"HTTP/1.1 404 Not Found\r\nx-request-id: a\r\ncontent-length: 0\r\n\r\n";

        let answer = String::from_utf8(with_body(bare).unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        assert!(answer.ends_with("}}"), "{answer}");
        assert_eq!(with_body(own), None);
        assert_eq!(with_body(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), None);
    }
}
