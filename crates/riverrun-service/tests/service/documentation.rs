//! `/docs.json` and the pages.

use riverrun_service::{Endpoint, Fault, RequestContext};
use serde_json::{Value, json};

use crate::fixture::{labels, start};
use crate::http_client::{get, post};

async fn shout(_: RequestContext, text: String) -> Result<String, Fault> {
    Ok(text.to_uppercase())
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(path) if name == "$ref" => found.push(path.clone()),
                    value => references(value, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_has_every_route_and_no_loose_end() {
    let endpoint = Endpoint::new(shout).summary("Shouts").output_schema(json!({"type": "string"}));
    let running = start(labels().token("secret").endpoint("/shout", endpoint)).await;
    let headers = [("authorization", "Bearer secret")];
    let request = crate::http_client::request("GET", "/docs.json", &headers, "");
    let document = crate::http_client::send(crate::http_client::address(&running), request).await.json();

    assert_eq!(document["openapi"], "3.1.0");
    for (path, method) in [
        ("/classify", "post"),
        ("/classify/stream", "post"),
        ("/shout", "post"),
        ("/livez", "get"),
        ("/v1/models/{name}:predict", "post"),
    ] {
        let operation = &document["paths"][path][method];
        assert!(operation["responses"]["200"].is_object(), "{path}: {operation}");
    }
    let predict = &document["paths"]["/classify"]["post"];
    for status in ["400", "401", "413", "415", "422", "429", "503", "504"] {
        assert!(predict["responses"][status].is_object(), "{status}");
    }
    assert_eq!(predict["parameters"].as_array().unwrap().len(), 2, "text_pair and top_k");
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for path in found {
        assert!(document.pointer(path.trim_start_matches('#')).is_some(), "{path}");
    }
    let mut ids: Vec<&str> = Vec::new();
    for item in document["paths"].as_object().unwrap().values() {
        ids.extend(item.as_object().unwrap().values().filter_map(|operation| operation["operationId"].as_str()));
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "an operation's id is there twice");
}

#[tokio::test]
async fn what_the_document_promises_is_served() {
    let running = start(labels()).await;
    let document = get(&running, "/docs.json").await.json();

    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{name}", "labels");
        for (method, operation) in item.as_object().unwrap().iter().filter(|(method, _)| *method != "parameters") {
            let answer =
                if method == "get" { get(&running, &path).await } else { post(&running, &path, "text/html", "").await };
            let status = answer.status.as_u16().to_string();
            assert!(operation["responses"][&status].is_object(), "{method} {path}: {status}");
            assert!(matches!(&*status, "200" | "400" | "415"), "{method} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn the_pages_fetch_nothing_from_elsewhere_and_forbid_it() {
    let running = start(labels()).await;

    for path in ["/", "/docs"] {
        let page = get(&running, path).await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert!(page.header("content-security-policy").contains("default-src 'none'"));
        assert!(page.text().contains("<html lang=\"en\">"));
        for reference in ["src=\"", "href=\""] {
            for target in page.text().split(reference).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()) {
                assert!(target.starts_with('/') || target == "data:,", "{target}");
                if target.starts_with('/') {
                    assert_eq!(get(&running, &target).await.status, 200, "{target}");
                }
            }
        }
    }
    for script in ["/assets/page.js", "/assets/docs.js", "/assets/service.js", "/assets/style.css"] {
        let text = get(&running, script).await.text();
        assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("innerHTML"), "{script}");
    }
}
