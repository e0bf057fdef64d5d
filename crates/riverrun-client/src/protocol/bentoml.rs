//! BentoML's JSON APIs, of the 1.0/1.1 kind (the body is the input) and of the 1.2+ kind (an object of arguments).

use bytes::Bytes;
use riverrun_runner::wire::{Map, Portable};
use serde_json::{Map as JsonMap, Value};

use super::json::{self, JSON, headers};
use super::openapi::Post;
use super::{Decoded, Encoded, Plain, Protocol, describe, wrong_count};
use crate::http::Reply;

/// How an API takes its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One item a request.
    Item,
    /// A list of items a request.
    List,
    /// One text a request, as text.
    Text,
}

/// One API of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Api {
    pub(crate) shape: Shape,
    /// The argument that the items are for; none where the body is the input.
    pub(crate) argument: Option<String>,
}

impl Api {
    /// What a route's entry in the OpenAPI document says.
    ///
    /// # Errors
    /// There are several arguments and none was named.
    pub(crate) fn describe(post: &Post<'_>, argument: Option<&str>) -> Result<Self, String> {
        let Some(schema) = post.schema(JSON) else {
            let text = post.takes("text/plain");
            return if text {
                Ok(Self { shape: Shape::Text, argument: None })
            } else {
                Err(format!("its API `{}` takes neither JSON nor text", post.route))
            };
        };
        let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|all| !all.is_empty()) else {
            return Ok(Self { shape: shape(schema), argument: argument.map(str::to_owned) });
        };
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let names: Vec<&str> = properties.keys().map(String::as_str).collect();
        let name = match (argument, &required[..], &names[..]) {
            (Some(name), _, names) if names.contains(&name) => name,
            (None, [name], _) | (None, _, [name]) => name,
            (named, _, names) => {
                let asked = named.map_or_else(String::new, |name| format!(" and not `{name}`"));
                return Err(format!(
                    "its API `{}` has the arguments `{}`{asked}; say which takes the items with `ClientOptions::argument`",
                    post.route,
                    names.join("`, `")
                ));
            }
        };
        let shape = post.property(schema, name).map_or(Shape::Item, shape);
        Ok(Self { shape, argument: Some(name.to_owned()) })
    }

    /// One item as JSON, where nothing says what the API takes.
    pub(crate) fn unknown(argument: Option<&str>) -> Self {
        Self { shape: Shape::Item, argument: argument.map(str::to_owned) }
    }
}

fn shape(schema: &Value) -> Shape {
    let list = schema["type"] == "array"
        || ["anyOf", "oneOf"]
            .iter()
            .any(|of| schema[of].as_array().is_some_and(|all| all.iter().any(|schema| schema["type"] == "array")));
    if list { Shape::List } else { Shape::Item }
}

pub(crate) struct Bentoml {
    pub(crate) api: Api,
}

impl<R: Portable> Protocol<R> for Bentoml {
    fn max_items(&self) -> usize {
        match self.api.shape {
            Shape::List => usize::MAX,
            Shape::Item | Shape::Text => 1,
        }
    }

    fn encode(&self, method: Option<&str>, inputs: &[R::Input], parameters: &Map) -> Result<Encoded, String> {
        if self.api.shape == Shape::Text {
            return Protocol::<R>::encode(&Plain, method, inputs, parameters);
        }
        if let Some(method) = method {
            return Err(format!(
                "a BentoML service has a route per API, so `{method}` can't be called: put it into the URL"
            ));
        }
        // With named arguments, parameters are arguments too; otherwise they can only go into the item.
        let inside = if self.api.argument.is_none() { parameters.clone() } else { Map::new() };
        let mut items = inputs.iter().map(|input| R::beside(R::to_payload(input), &inside).into_value());
        let value = match self.api.shape {
            Shape::List => Value::Array(items.collect()),
            Shape::Item | Shape::Text => items.next().ok_or_else(|| "there is no item".to_owned())?,
        };
        let value = match &self.api.argument {
            Some(argument) => {
                let mut arguments = JsonMap::from_iter([(argument.clone(), value)]);
                for (name, value) in parameters {
                    arguments.entry(name.clone()).or_insert_with(|| value.clone());
                }
                Value::Object(arguments)
            }
            None => value,
        };
        let body = serde_json::to_vec(&value).map_err(|error| format!("an item can't be written: {error}"))?;
        Ok(Encoded { headers: headers(JSON, JSON), body: Bytes::from(body) })
    }

    fn decode(&self, reply: &Reply, items: usize) -> Result<Decoded<R::Output>, String> {
        match self.api.shape {
            Shape::Text => Protocol::<R>::decode(&Plain, reply, items),
            // An API that gives a string answers with a text.
            Shape::Item if !json::is_json(reply) => Protocol::<R>::decode(&Plain, reply, items),
            Shape::Item => Ok(vec![Ok(json::result(json::read(reply)?)?)]),
            Shape::List => {
                let Value::Array(results) = json::read(reply)? else {
                    return Err(format!("a list of {items} results was expected, and {} came", describe(reply)));
                };
                if results.len() != items {
                    return Err(wrong_count(results.len(), items));
                }
                results.into_iter().map(|result| Ok(Ok(json::result(result)?))).collect()
            }
        }
    }
}
