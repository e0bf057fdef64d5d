//! Riverrun's binary form.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use riverrun_runner::wire::{self, Map, Portable, WireRequest, WireResponse};

use super::{Decoded, Encoded, Protocol, describe, wrong_count};
use crate::http::Reply;

pub(crate) struct Riverrun;

impl<R: Portable> Protocol<R> for Riverrun {
    fn max_items(&self) -> usize {
        usize::MAX
    }

    fn encode(&self, method: Option<&str>, inputs: &[R::Input], parameters: &Map) -> Result<Encoded, String> {
        let inputs = inputs.iter().map(|input| R::beside(R::to_payload(input), parameters)).collect();
        let request = WireRequest { method: method.map(str::to_owned), inputs };
        let body = request.encode().map_err(|error| format!("an item can't be written: {error}"))?.into();
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(wire::CONTENT_TYPE));
        headers.insert(ACCEPT, HeaderValue::from_static(wire::CONTENT_TYPE));
        Ok(Encoded { headers, body })
    }

    fn decode(&self, reply: &Reply, items: usize) -> Result<Decoded<R::Output>, String> {
        if reply.media_type().as_deref() != Some(wire::CONTENT_TYPE) {
            return Err(format!("`{}` was expected, and {} came", wire::CONTENT_TYPE, describe(reply)));
        }
        let response = WireResponse::<R::Output>::decode(&reply.body)
            .map_err(|error| format!("its reply can't be read as the runner's results: {error}"))?;
        if response.outputs.len() != items {
            return Err(wrong_count(response.outputs.len(), items));
        }
        Ok(response.outputs)
    }
}
