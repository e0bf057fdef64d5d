//! The OpenAPI document of a service, made of its models' schemas and the routes that it has.

mod endpoints;
mod kserve;
mod models;
mod own;
mod responses;

use serde_json::{Map, Value, json};

use crate::endpoint::Endpoint;
use crate::models::Models;

/// What the document is made of.
pub(crate) struct Parts<'a> {
    pub(crate) name: &'a str,
    pub(crate) models: &'a Models,
    pub(crate) endpoints: &'a [(String, Endpoint)],
    pub(crate) secured: bool,
    pub(crate) max_items: usize,
}

const ABOUT: &str = "Every error has the body `{\"error\": {\"code\", \"message\"}}`.\n\n\
A request may have the headers `X-Request-Id` (given back, and logged), `X-Timeout-Ms` (how many milliseconds it may take; \
then 504), `X-Priority` (`low`, `normal`, `high`) and `traceparent`. A model's answer has `X-Model` (the exact version) and \
`Server-Timing` (how long the request was queued and computed). 429 and 503 come with `Retry-After` in seconds. \
Bodies may be sent in gzip with `Content-Encoding`.";

/// The document.
pub(crate) fn document(parts: &Parts<'_>) -> Value {
    let mut paths = Map::new();
    for (route, model) in parts.models.routes() {
        models::describe(&mut paths, parts, route, model);
    }
    for (route, endpoint) in parts.endpoints {
        endpoints::describe(&mut paths, parts, route, endpoint);
    }
    own::describe(&mut paths, parts);
    kserve::describe(&mut paths, parts);
    let mut components = json!({ "schemas": { "Error": responses::error_schema() }, "responses": responses::all() });
    let mut document = json!({
        "openapi": "3.1.0",
        "info": { "title": parts.name, "version": env!("CARGO_PKG_VERSION"), "description": ABOUT },
        "servers": [{ "url": "/" }],
        "paths": paths,
    });
    if parts.secured {
        components["securitySchemes"] = json!({ "bearer": { "type": "http", "scheme": "bearer" } });
        document["security"] = json!([{ "bearer": [] }]);
    }
    document["components"] = components;
    document
}

/// The part of a route that stands in an operation's id.
fn id_of(route: &str) -> String {
    let id: String = route.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let id = id.trim_matches('_').to_owned();
    if id.is_empty() { "root".to_owned() } else { id }
}
