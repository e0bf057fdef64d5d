//! One text a request.

use riverrun_runner::wire::{Map, Payload, Portable};
use serde_json::Value;

use super::json::{self, headers};
use super::{Decoded, Encoded, Protocol, describe};
use crate::http::Reply;

pub(crate) struct Plain;

impl<R: Portable> Protocol<R> for Plain {
    fn max_items(&self) -> usize {
        1
    }

    fn encode(&self, method: Option<&str>, inputs: &[R::Input], parameters: &Map) -> Result<Encoded, String> {
        if let Some(method) = method {
            return Err(format!("a plain-text service has no methods, so `{method}` can't be called"));
        }
        let [input] = inputs else {
            return Err(format!("a plain-text request has one item, not {}", inputs.len()));
        };
        let payload = R::to_payload(input);
        if !parameters.is_empty() {
            let names: Vec<&str> = parameters.keys().map(String::as_str).collect();
            return Err(format!(
                "a plain-text service takes no parameters, so `{}` can't be sent; write them into the URL's query",
                names.join("`, `")
            ));
        }
        let Payload::Text(text) = payload else {
            return Err(format!("a plain-text service takes a text, and the item is {}", payload.kind()));
        };
        let headers = headers("text/plain; charset=utf-8", "application/json, text/plain;q=0.9");
        Ok(Encoded { headers, body: text.into() })
    }

    fn decode(&self, reply: &Reply, _items: usize) -> Result<Decoded<R::Output>, String> {
        if json::is_json(reply) {
            return Ok(vec![Ok(json::result(json::read(reply)?)?)]);
        }
        if reply.media_type().is_some_and(|media_type| media_type != "text/plain") {
            return Err(format!("a text or JSON was expected, and {} came", describe(reply)));
        }
        let text = std::str::from_utf8(&reply.body).map_err(|error| format!("its reply is not UTF-8: {error}"))?;
        // A text that is the result, or JSON without saying so.
        let as_text = json::result::<R::Output>(Value::String(text.to_owned()));
        let output = as_text.or_else(|reason| match serde_json::from_str(text) {
            Ok(value) => json::result(value),
            Err(_) => Err(format!("{reason}; {} came", describe(reply))),
        });
        Ok(vec![Ok(output?)])
    }
}
