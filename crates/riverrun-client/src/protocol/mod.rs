//! What a service is asked in, and what it answers: one protocol a file, behind [`Protocol`].

mod bentoml;
mod json;
mod kserve;
mod openapi;
mod plain;
mod riverrun;
mod tensor_json;

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use riverrun_runner::wire::{Map, Portable, WireError};

pub(crate) use bentoml::{Api, Bentoml};
pub(crate) use kserve::{Kserve, Metadata};
pub(crate) use openapi::OpenApi;
pub(crate) use plain::Plain;
pub(crate) use riverrun::Riverrun;

use crate::http::Reply;

/// A protocol that services are called in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolKind {
    /// Riverrun's binary form: many items a request, an error for each item that fails.
    Riverrun,
    /// The Open Inference Protocol (KServe V2) over HTTP, in JSON: many items a request.
    Kserve,
    /// A BentoML service's JSON API: an item or a list of items a request, as its OpenAPI document says.
    Bentoml,
    /// One text a request as `text/plain`, answered by a text or by JSON.
    Plain,
}

impl fmt::Display for ProtocolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Riverrun => "Riverrun",
            Self::Kserve => "KServe V2",
            Self::Bentoml => "BentoML",
            Self::Plain => "plain text",
        })
    }
}

/// A batch as it is sent; made once, however often it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// One result per item.
pub(crate) type Decoded<O> = Vec<Result<O, WireError>>;

/// How a batch becomes a request and a reply becomes results.
pub(crate) trait Protocol<R: Portable>: Send + Sync {
    /// How many items a request can have.
    fn max_items(&self) -> usize;

    /// The request for these items; `method` is the runner's, if the service knows methods.
    ///
    /// # Errors
    /// An item can't be written, or not in this protocol; the reason says which and why.
    fn encode(&self, method: Option<&str>, inputs: &[R::Input], parameters: &Map) -> Result<Encoded, String>;

    /// The results in a reply with a status of success.
    ///
    /// # Errors
    /// It is no reply to `items` items; the reason says what came instead.
    fn decode(&self, reply: &Reply, items: usize) -> Result<Decoded<R::Output>, String>;
}

/// What came, for a message about it: the media type and how the body begins.
pub(crate) fn describe(reply: &Reply) -> String {
    const SHOWN: usize = 120;
    let kind = match reply.media_type().as_deref() {
        Some("text/html") => "an HTML page".to_owned(),
        Some(media_type) => format!("`{media_type}`"),
        None => "no media type".to_owned(),
    };
    let text = String::from_utf8_lossy(&reply.body[..reply.body.len().min(SHOWN)]);
    let text: String =
        text.chars().map(|c| if c.is_control() || c == char::REPLACEMENT_CHARACTER { ' ' } else { c }).collect();
    let text = text.trim();
    match text {
        "" => format!("{kind}, {} bytes", reply.body.len()),
        _ if reply.body.len() > SHOWN => format!("{kind}, beginning with `{text}…`"),
        _ => format!("{kind}, `{text}`"),
    }
}

/// The results do not match the items.
fn wrong_count(came: usize, items: usize) -> String {
    format!("{came} results came for {items} items; none of them can be trusted to belong to its item")
}
