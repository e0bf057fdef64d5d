//! Results in JSON.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::describe;
use crate::http::Reply;

pub(super) const JSON: &str = "application/json";

/// The headers of a request with `content_type` that is to be answered in JSON.
pub(super) fn headers(content_type: &'static str, accept: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers
}

pub(super) fn is_json(reply: &Reply) -> bool {
    reply.media_type().is_some_and(|media_type| media_type == JSON || media_type.ends_with("+json"))
}

/// The reply's body as JSON.
pub(super) fn read(reply: &Reply) -> Result<Value, String> {
    serde_json::from_slice(&reply.body)
        .map_err(|error| format!("JSON was expected ({error}), and {} came", describe(reply)))
}

/// One result. Services differ in whether a result that is a list of one stands alone or in its list.
pub(super) fn result<O: DeserializeOwned>(value: Value) -> Result<O, String> {
    match O::deserialize(&value) {
        Ok(output) => Ok(output),
        Err(error) if value.is_array() => Err(unlike(&error)),
        Err(error) => serde_json::from_value(Value::Array(vec![value])).map_err(|_| unlike(&error)),
    }
}

fn unlike(error: &serde_json::Error) -> String {
    format!("a result is not what the runner gives: {error}")
}
