//! The Open Inference Protocol (KServe V2), whose own description says the rest.

use serde_json::{Map, Value, json};

use super::Parts;
use super::responses::with_errors;

pub(super) fn describe(paths: &mut Map<String, Value>, parts: &Parts<'_>) {
    let flag =
        |name: &str| json!({ "type": "object", "required": [name], "properties": { name: { "type": "boolean" } } });
    let live = operation("kserve_live", "Whether the service lives", answer(flag("live")), &[], false);
    paths.insert("/v2/health/live".into(), json!({ "get": open(live) }));
    let mut ready = operation("kserve_ready", "Whether every model is ready", answer(flag("ready")), &[], false);
    ready["responses"]["503"] = answer(flag("ready"));
    paths.insert("/v2/health/ready".into(), json!({ "get": open(ready) }));
    let server = answer(json!({ "type": "object", "required": ["name", "version", "extensions"] }));
    let server = operation("kserve_server", "What this server is", server, &[], parts.secured);
    paths.insert("/v2".into(), json!({ "get": server }));
    if parts.models.iter().next().is_none() {
        return;
    }
    let names: Vec<&str> = parts.models.iter().map(|model| model.name()).collect();
    let name = json!({ "name": "name", "in": "path", "required": true, "schema": { "type": "string", "enum": names } });
    let model = answer(json!({ "type": "object", "required": ["name", "versions", "platform", "inputs", "outputs"] }));
    let model = operation("kserve_model", "A model's tensors", model, &["404", "503"], parts.secured);
    paths.insert("/v2/models/{name}".into(), json!({ "parameters": [name], "get": model }));
    let mut ready =
        operation("kserve_model_ready", "Whether a model is ready", answer(flag("ready")), &["404"], parts.secured);
    ready["responses"]["503"] = answer(flag("ready"));
    paths.insert("/v2/models/{name}/ready".into(), json!({ "parameters": [name], "get": ready }));
    let errors = ["400", "404", "408", "413", "415", "422", "429", "503", "504"];
    let outputs = answer(json!({
        "type": "object",
        "required": ["model_name", "outputs"],
        "properties": { "outputs": { "type": "array", "items": tensor() } },
    }));
    let mut infer = operation("kserve_infer", "Asks a model for tensors", outputs, &errors, parts.secured);
    let body = json!({
        "type": "object",
        "required": ["inputs"],
        "properties": { "id": { "type": "string" }, "inputs": { "type": "array", "minItems": 1, "items": tensor() } },
    });
    infer["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": body } } });
    paths.insert("/v2/models/{name}/infer".into(), json!({ "parameters": [name], "post": infer }));
}

fn tensor() -> Value {
    json!({
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": { "type": "string" },
            "shape": { "type": "array", "items": { "type": "integer", "minimum": 0 } },
            "datatype": { "type": "string", "description": "BYTES, FP32, INT64, …" },
            "data": { "type": "array", "description": "As many elements as fill the shape." },
        },
    })
}

fn answer(schema: Value) -> Value {
    json!({ "description": "As the protocol has it.", "content": { "application/json": { "schema": schema } } })
}

/// An operation whose errors, other than those of every route, have the protocol's own form.
fn operation(id: &str, summary: &str, success: Value, errors: &[&str], secured: bool) -> Value {
    let mut responses = with_errors(success, &[], secured);
    let own =
        json!({ "type": "object", "required": ["error"], "properties": { "error": { "type": ["string", "object"] } } });
    for status in errors.iter().chain(&["500"]) {
        responses[*status] = answer(own.clone());
    }
    json!({ "operationId": id, "summary": summary, "tags": ["Open Inference Protocol"], "responses": responses })
}

fn open(mut operation: Value) -> Value {
    operation["security"] = json!([]);
    operation
}
