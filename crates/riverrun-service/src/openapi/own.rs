//! The service's own routes.

use serde_json::{Map, Value, json};

use super::responses::with_errors;
use super::{Parts, models};

pub(super) fn describe(paths: &mut Map<String, Value>, parts: &Parts<'_>) {
    health(paths);
    models_v1(paths, parts);
    pages(paths, parts);
}

fn get(id: &str, summary: &str, tag: &str, responses: Value) -> Value {
    json!({ "get": { "operationId": id, "summary": summary, "tags": [tag], "responses": responses } })
}

fn json_answer(description: &str, schema: Value) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

fn health(paths: &mut Map<String, Value>) {
    let status =
        |word: &str| json!({ "type": "object", "required": ["status"], "properties": { "status": { "const": word } } });
    // Open to all, whatever the service is behind.
    let open = |mut item: Value| {
        item["get"]["security"] = json!([]);
        item
    };
    let live = with_errors(json_answer("The process lives.", status("live")), &[], false);
    paths.insert("/livez".into(), open(get("livez", "Whether the process lives", "health", live)));
    for (route, id) in [("/readyz", "readyz"), ("/healthz", "healthz")] {
        let ready = with_errors(json_answer("Requests should be sent here.", status("ready")), &["503"], false);
        paths.insert(route.into(), open(get(id, "Whether requests should be sent here", "health", ready)));
    }
}

fn models_v1(paths: &mut Map<String, Value>, parts: &Parts<'_>) {
    let string = json!({ "type": "string" });
    let version = json!({
        "type": "object",
        "required": ["version", "tag", "weight", "ready"],
        "properties": {
            "version": string, "tag": string, "weight": { "type": "integer" }, "ready": { "type": "boolean" },
            "methods": { "type": "array", "items": string },
            "queued": { "type": "integer" }, "items": { "type": "integer" },
        },
    });
    let model = json!({
        "type": "object",
        "required": ["name", "ready", "routes", "versions"],
        "properties": {
            "name": string, "ready": { "type": "boolean" },
            "routes": { "type": "array", "items": string },
            "versions": { "type": "array", "items": version },
            "shadow": { "type": ["object", "null"] },
            "failed_version": { "type": ["object", "null"] },
        },
    });
    let list = json!({
        "type": "object",
        "required": ["models"],
        "properties": { "models": { "type": "array", "items": model } },
    });
    let listed = with_errors(json_answer("Every model.", list), &[], parts.secured);
    paths.insert("/v1/models".into(), get("models", "What is served, and in which versions", "models", listed));
    if parts.models.iter().next().is_none() {
        return;
    }
    let names: Vec<&str> = parts.models.iter().map(|model| model.name()).collect();
    let name = json!({ "name": "name", "in": "path", "required": true, "schema": { "type": "string", "enum": names } });
    let one = with_errors(json_answer("The model.", model), &["404"], parts.secured);
    let mut one = get("model", "One model", "models", one);
    one["parameters"] = json!([name]);
    paths.insert("/v1/models/{name}".into(), one);

    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for served in parts.models.iter() {
        let (input, output) = models::schemas(served);
        outputs.extend(output.get("items").cloned());
        inputs.push(input);
        outputs.push(output);
    }
    let instances = json!({ "type": "array", "items": { "anyOf": inputs }, "maxItems": parts.max_items });
    let body = json!({
        "type": "object",
        "required": ["instances"],
        "additionalProperties": false,
        "properties": { "instances": instances },
    });
    let predictions = json!({
        "type": "object",
        "required": ["predictions"],
        "properties": { "predictions": { "type": "array", "items": { "anyOf": outputs } } },
    });
    let errors = ["400", "404", "408", "413", "415", "422", "429", "503", "504"];
    paths.insert(
        "/v1/models/{name}:predict".into(),
        json!({ "parameters": [name], "post": {
            "operationId": "predict_v1",
            "summary": "Asks a model, as in version 1 of KServe's protocol",
            "tags": ["models"],
            "requestBody": { "required": true, "content": { "application/json": { "schema": body } } },
            "responses": with_errors(json_answer("One prediction per instance.", predictions), &errors, parts.secured),
        } }),
    );
}

fn pages(paths: &mut Map<String, Value>, parts: &Parts<'_>) {
    let html = |description: &str| json!({ "description": description, "content": { "text/html": { "schema": { "type": "string" } } } });
    let open = |mut item: Value| {
        item["get"]["security"] = json!([]);
        item
    };
    let page = with_errors(html("A page."), &[], false);
    paths.insert("/".into(), open(get("page", "A page to try the models", "documentation", page.clone())));
    paths.insert("/docs".into(), open(get("docs", "This documentation, for people", "documentation", page)));
    let content = json!({ "text/plain": { "schema": { "type": "string" } }, "application/openmetrics-text": { "schema": { "type": "string" } } });
    let metrics = json!({ "description": "The metrics.", "content": content });
    let metrics = with_errors(metrics, &[], parts.secured);
    paths.insert("/metrics".into(), get("metrics", "What the service counts, for Prometheus", "health", metrics));
    let document = with_errors(json_answer("The document.", json!({ "type": "object" })), &[], parts.secured);
    paths.insert("/docs.json".into(), get("docs_json", "This documentation, for programs", "documentation", document));
}
