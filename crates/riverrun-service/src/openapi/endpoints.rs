//! The user's own endpoints.

use serde_json::{Map, Value, json};

use super::responses::with_errors;
use super::{Parts, id_of};
use crate::endpoint::Endpoint;

const ERRORS: [&str; 8] = ["400", "408", "413", "415", "422", "429", "503", "504"];

pub(super) fn describe(paths: &mut Map<String, Value>, parts: &Parts<'_>, route: &str, endpoint: &Endpoint) {
    let summary = if endpoint.summary.is_empty() { route } else { &endpoint.summary };
    let mut operation = json!({
        "operationId": format!("call_{}", id_of(route)),
        "summary": summary,
        "tags": ["endpoints"],
        "requestBody": { "required": true, "content": endpoint.input },
        "responses": with_errors(json!({
            "description": "The output.",
            "content": endpoint.output,
        }), &ERRORS, parts.secured),
    });
    if !endpoint.description.is_empty() {
        operation["description"] = json!(endpoint.description);
    }
    paths.insert(route.to_owned(), json!({ "post": operation }));
}
