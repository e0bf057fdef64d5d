//! The answers that are errors.

use serde_json::{Map, Value, json};

/// Status, name and sentence of the errors that routes refer to.
const ERRORS: [(&str, &str, &str); 13] = [
    ("400", "Malformed", "The body is not what its content type says, or a header is not what it should be."),
    ("401", "Unauthorized", "The request has no bearer token that is known."),
    ("404", "NotFound", "There is nothing of this name."),
    ("405", "MethodNotAllowed", "The route does not take this method; `Allow` says which it takes."),
    ("408", "BodyTooSlow", "The body was not there in time."),
    ("413", "TooLarge", "The body has more bytes, or more inputs, than a request may have."),
    ("415", "UnsupportedMediaType", "The route does not read bodies of this kind."),
    ("422", "InvalidInput", "The body is well formed, but not what the model takes."),
    ("429", "Overloaded", "As many requests wait as may; try again after `Retry-After` seconds."),
    ("431", "HeadersTooLarge", "The request has more headers, or longer ones, than are read."),
    ("500", "Internal", "The fault is the service's; its log says more under the request's id."),
    ("503", "NotReady", "The model is not ready, or the service is shutting down."),
    ("504", "DeadlineExceeded", "The answer was not there in time."),
];

/// As components.
pub(super) fn all() -> Value {
    let error = |(status, name, description): &(&str, &str, &str)| {
        let mut response = json!({
            "description": description,
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
        });
        if matches!(*status, "429" | "503") {
            let schema = json!({ "type": "integer", "minimum": 1 });
            response["headers"] = json!({ "Retry-After": { "description": "In seconds.", "schema": schema } });
        }
        ((*name).to_owned(), response)
    };
    Value::Object(ERRORS.iter().map(error).collect())
}

/// The responses of an operation: one that it succeeds with, and references to these errors.
pub(super) fn with_errors(success: Value, errors: &[&str], secured: bool) -> Value {
    let mut responses = Map::from_iter([("200".to_owned(), success)]);
    let always = ["405", "431", "500"];
    for (status, name, _) in &ERRORS {
        if errors.contains(status) || always.contains(status) || (secured && *status == "401") {
            responses.insert((*status).to_owned(), json!({ "$ref": format!("#/components/responses/{name}") }));
        }
    }
    Value::Object(responses)
}

pub(super) fn error_schema() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "required": ["error"],
        "properties": { "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": { "code": text, "message": text },
        } },
    })
}
