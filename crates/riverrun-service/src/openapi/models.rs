//! The routes of models.

use riverrun_runner::wire;
use serde_json::{Map, Value, json};

use super::responses::with_errors;
use super::{Parts, id_of};
use crate::routes::stream_of;
use crate::served_model::ServedModel;

const ERRORS: [&str; 9] = ["400", "408", "413", "415", "422", "429", "503", "504", "404"];

const EVENTS: &str = "Events `result`, `error` and, at the end, `end`; `data` is JSON, `id` the input's number.";

/// The schemas of a model's inputs and outputs; anything while it is not loaded.
pub(super) fn schemas(model: &ServedModel) -> (Value, Value) {
    match model.versions().first() {
        Some(served) => (served.runner().input_schema(), served.runner().output_schema()),
        None => (json!({}), json!({})),
    }
}

pub(super) fn describe(paths: &mut Map<String, Value>, parts: &Parts<'_>, route: &str, model: &ServedModel) {
    let name = model.name();
    let (input, output) = schemas(model);
    let one_of_list = match output.get("items") {
        Some(items) => json!({ "anyOf": [output, items] }),
        None => output.clone(),
    };
    let answer = json!({ "anyOf": [output, { "type": "array", "items": one_of_list }] });
    let headers = json!({
        "X-Model": { "description": "The exact version that answered.", "schema": { "type": "string" } },
        "Server-Timing": { "description": "How long it was queued and computed.", "schema": { "type": "string" } },
    });
    let parameters = query_parameters(&input);
    let mut predict = json!({
        "operationId": format!("predict_{}", id_of(route)),
        "summary": format!("Asks model {name}"),
        "description": "One input is answered by its output, a list of inputs by a list. Parameters in the query or beside `inputs` \
            hold for every input that does not say otherwise. With `Accept: text/event-stream` the answer is a stream of events, as \
            that of the route's `/stream`.",
        "tags": ["models"],
        "x-riverrun-model": name,
        "parameters": parameters,
        "requestBody": { "required": true, "content": {
            "text/plain": { "schema": { "type": "string" }, "example": "one text" },
            "application/json": { "schema": body(&input, parts.max_items) },
            (wire::CONTENT_TYPE): { "schema": { "description": "MessagePack with field names: `{inputs, method?}`." } },
        } },
        "responses": with_errors(json!({
            "description": "The output, or the list of outputs.",
            "headers": headers,
            "content": {
                "application/json": { "schema": answer },
                (wire::CONTENT_TYPE): { "schema": { "description": "MessagePack with field names: `{outputs: [{Ok} or {Err}]}`." } },
                "text/event-stream": { "schema": { "description": EVENTS } },
            },
        }), &ERRORS, parts.secured),
    });
    let files = model.versions().first().map_or(&[][..], |served| served.runner().media_types());
    if let Some(content) = predict.pointer_mut("/requestBody/content").and_then(Value::as_object_mut) {
        // A file as it is: in OpenAPI 3.1 what has no schema is bytes.
        content.extend(files.iter().map(|file| ((*file).to_owned(), json!({}))));
    }
    let takes_text = files.is_empty() && takes_text(&input);
    if !takes_text {
        without_text(&mut predict);
    }
    paths.insert(route.to_owned(), json!({ "post": predict }));
    let lines = json!({ "schema": { "type": "string", "description": "One input per line." } });
    let mut stream = json!({
        "operationId": format!("stream_{}", id_of(route)),
        "summary": format!("Asks model {name} about a stream of inputs"),
        "description": "One event per input, in their order and as soon as each is there: `result` with the output, or `error` with \
            the body of an error, and the input's number as id. The event `end` comes last; a stream without it was cut off.",
        "tags": ["models"],
        "parameters": parameters,
        "requestBody": { "required": true, "content": {
            "text/plain": { "schema": { "type": "string", "description": "One text per line." }, "example": "one text\nanother text\n" },
            "application/x-ndjson": lines,
            "application/json": { "schema": body(&input, parts.max_items) },
        } },
        "responses": with_errors(json!({
            "description": "Server-sent events.",
            "content": { "text/event-stream": { "schema": { "description": EVENTS } } },
        }), &ERRORS, parts.secured),
    });
    if !takes_text {
        without_text(&mut stream);
    }
    paths.insert(stream_of(route), json!({ "post": stream }));
}

/// Whether an input can be a text alone.
fn takes_text(input: &Value) -> bool {
    let is_text = |schema: &Value| schema.get("type").is_none_or(|kind| kind == "string");
    match input.get("oneOf").or_else(|| input.get("anyOf")).and_then(Value::as_array) {
        Some(kinds) => kinds.iter().any(is_text),
        None => is_text(input),
    }
}

fn without_text(operation: &mut Value) {
    if let Some(content) = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut) {
        content.remove("text/plain");
    }
}

fn body(input: &Value, max_items: usize) -> Value {
    let list = json!({ "type": "array", "items": input, "maxItems": max_items });
    json!({ "anyOf": [
        input,
        list,
        {
            "type": "object",
            "required": ["inputs"],
            "additionalProperties": false,
            "properties": { "inputs": { "anyOf": [input, list] }, "parameters": parameters_object(input), "method": { "type": "null" } },
        },
    ] })
}

/// What an input that is an object may say beside what it must.
fn optional_properties(input: &Value) -> Map<String, Value> {
    let objects = match input.get("oneOf").or_else(|| input.get("anyOf")).and_then(Value::as_array) {
        Some(kinds) => kinds.iter().collect(),
        None => vec![input],
    };
    let mut properties = Map::new();
    for object in objects {
        let required = object.get("required").and_then(Value::as_array);
        let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|required| required == name));
        for (name, schema) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if !is_required(name) {
                properties.insert(name.clone(), schema.clone());
            }
        }
    }
    properties
}

fn parameters_object(input: &Value) -> Value {
    json!({ "type": ["object", "null"], "additionalProperties": false, "properties": optional_properties(input) })
}

fn query_parameters(input: &Value) -> Vec<Value> {
    let parameter = |(name, schema): (String, Value)| {
        let description = schema.get("description").cloned().unwrap_or_else(|| json!("For every input."));
        json!({ "name": name, "in": "query", "required": false, "description": description, "schema": schema })
    };
    optional_properties(input).into_iter().map(parameter).collect()
}
