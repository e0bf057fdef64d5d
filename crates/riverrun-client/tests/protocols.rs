//! What each protocol sends, and what it makes of the answers.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use riverrun_client::{ClientError, ClientExt, ClientOptions, ProtocolKind};
use riverrun_runner::RunnerError;
use serde_json::{Value, json};
use support::{Answer, Seen, Server, label, riverrun_service, runner};

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("text {index}")).collect()
}

#[test]
fn a_riverrun_service_is_found_from_its_base_and_called_in_batches() {
    let server = Server::start(riverrun_service);
    let runner = runner();
    let client = runner.init_client(server.url("")).unwrap();

    let results = runner.run_batch(texts(50)).unwrap();

    for (text, result) in texts(50).iter().zip(results) {
        assert_eq!(result, Ok(label(text)));
    }
    assert!(server.seen("/classify").len() < 10, "{} requests", server.seen("/classify").len());
    let info = client.info();
    assert_eq!((info.protocol, info.route.as_deref()), (Some(ProtocolKind::Riverrun), Some("/classify")));
    assert_eq!(info.model.as_deref(), Some("labels:3"));
    assert_eq!(client.stats().items, 50);
}

#[test]
fn one_bad_text_in_a_batch_fails_alone() {
    let server = Server::start(riverrun_service);
    let runner = runner();
    runner.init_client(server.url("/classify")).unwrap();

    let results = runner.run_batch(vec!["a", "bad one", "c"]).unwrap();

    assert_eq!((&results[0], &results[2]), (&Ok(label("a")), &Ok(label("c"))));
    let Err(RunnerError::InvalidInput { error, .. }) = &results[1] else { panic!("{:?}", results[1]) };
    assert!(error.to_string().contains("`bad one` is bad"), "{error}");
}

#[test]
fn a_route_that_is_not_there_is_an_error_that_lists_those_that_are() {
    let server = Server::start(riverrun_service);

    let error = runner().init_client(server.url("/classfy")).unwrap_err();

    let message = error.to_string();
    assert!(message.contains("`/classfy`") && message.contains("`/classify`"), "{message}");
}

fn kserve(request: &Seen) -> Answer {
    match request.path.as_str() {
        "/v2/health/live" | "/v2/models/labels/ready" => Answer::reply(200, "application/json", "{}"),
        // Other names than the runner's, and a second dimension, as Triton has it.
        "/v2/models/labels" => Answer::json(&json!({
            "name": "labels", "versions": ["1", "2"], "platform": "python",
            "inputs": [{"name": "TEXT", "datatype": "BYTES", "shape": [-1, 1]}],
            "outputs": [{"name": "LABEL", "datatype": "BYTES", "shape": [-1, 1]}],
        })),
        "/v2/models/labels/infer" => {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let input = &body["inputs"][0];
            let texts: Vec<&str> =
                input["data"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
            assert_eq!(input["name"], "TEXT");
            assert_eq!(input["shape"], json!([texts.len(), 1]));
            assert_eq!(body["outputs"], json!([{"name": "LABEL"}]));
            if texts.iter().any(|text| text.contains("bad")) {
                return Answer::reply(400, "application/json", r#"{"error": "a text is bad"}"#);
            }
            let data: Vec<String> = texts.iter().map(|text| serde_json::to_string(&label(text)).unwrap()).collect();
            Answer::json(&json!({
                "model_name": "labels", "model_version": "2",
                "outputs": [{"name": "LABEL", "datatype": "BYTES", "shape": [texts.len(), 1], "data": data}],
            }))
        }
        _ => Answer::reply(404, "application/json", "{}"),
    }
}

#[test]
fn a_kserve_server_is_found_and_its_names_and_shapes_are_used() {
    let server = Server::start(kserve);
    let runner = runner();
    let client = runner.init_client(server.url("")).unwrap();

    let results = runner.run_batch(texts(20)).unwrap();

    for (text, result) in texts(20).iter().zip(results) {
        assert_eq!(result, Ok(label(text)));
    }
    assert_eq!(client.info().protocol, Some(ProtocolKind::Kserve));
    assert_eq!(client.info().model.as_deref(), Some("labels:2"));
}

#[test]
fn a_batch_that_a_kserve_server_refuses_is_split_until_the_culprit_stands_alone() {
    let server = Server::start(kserve);
    let runner = runner();
    let client = runner.init_client(server.url("/v2/models/labels")).unwrap();
    let mut texts = texts(20);
    texts[13] = "bad".to_owned();

    let results = runner.run_batch(texts.clone()).unwrap();

    for (index, result) in results.iter().enumerate() {
        if index == 13 {
            assert!(matches!(result, Err(RunnerError::InvalidInput { .. })), "{result:?}");
        } else {
            assert_eq!(result, &Ok(label(&texts[index])));
        }
    }
    assert!(client.stats().splits > 0);
    assert_eq!(client.stats().failed_items, 1);
}

#[test]
fn a_model_that_the_server_does_not_have_is_named() {
    let server = Server::start(kserve);

    let options = ClientOptions::new(server.url("")).model("lables").protocol(ProtocolKind::Kserve);
    let message = runner().init_client(options).unwrap_err().to_string();

    assert!(message.contains("/v2/models/lables") && message.contains("ClientOptions::model"), "{message}");
}

/// BentoML 1.2 and later: an object of arguments, described by a reference.
fn bentoml_list(request: &Seen) -> Answer {
    match request.path.as_str() {
        "/docs.json" => Answer::json(&json!({
            "openapi": "3.0.2",
            "info": {"title": "Classifier", "contact": {"name": "BentoML Team"}},
            "components": {"schemas": {"classify__Input": {
                "type": "object", "required": ["texts"],
                "properties": {
                    "texts": {"type": "array", "items": {"type": "string"}},
                    "top_k": {"type": "integer", "default": 1},
                },
            }}},
            "paths": {
                "/readyz": {"get": {}},
                "/classify": {"post": {"x-bentoml-name": "classify", "requestBody": {"content": {"application/json": {
                    "schema": {"$ref": "#/components/schemas/classify__Input"}}}}}},
            },
        })),
        "/classify" => {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let texts = body["texts"].as_array().unwrap();
            let labels: Option<Vec<_>> =
                texts.iter().map(|text| text.as_str().filter(|text| !text.contains("bad")).map(label)).collect();
            match labels {
                Some(labels) => Answer::json(&json!(labels)),
                None => Answer::reply(500, "application/json", r#"{"error": "an unexpected error has occurred"}"#),
            }
        }
        "/readyz" => Answer::reply(200, "text/plain", ""),
        _ => Answer::reply(404, "text/plain", ""),
    }
}

#[test]
fn a_bentoml_api_that_takes_a_list_gets_batches_and_the_culprit_is_found() {
    let server = Server::start(bentoml_list);
    let runner = runner();
    let client = runner.init_client(server.url("")).unwrap();

    let results = runner.run_batch(vec!["a", "b", "bad", "d"]).unwrap();

    assert_eq!(client.info().protocol, Some(ProtocolKind::Bentoml));
    assert_eq!((&results[0], &results[1], &results[3]), (&Ok(label("a")), &Ok(label("b")), &Ok(label("d"))));
    let Err(RunnerError::Remote { reason, retryable, .. }) = &results[2] else { panic!("{:?}", results[2]) };
    assert!(reason.contains("unexpected error") && !retryable, "{reason}");
}

/// BentoML 1.0 and 1.1: the body is the input, and nothing says of which shape.
#[test]
fn a_bentoml_api_of_the_first_kind_gets_an_item_a_request() {
    let server = Server::start(|request| match request.path.as_str() {
        "/docs.json" => Answer::json(&json!({
            "openapi": "3.0.2",
            "info": {"title": "classifier", "contact": {"name": "BentoML Team"}},
            "paths": {"/classify": {"post": {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}}},
        })),
        "/classify" => {
            let text: String = serde_json::from_slice(&request.body).unwrap();
            Answer::json(&json!(label(&text)))
        }
        _ => Answer::reply(404, "text/plain", ""),
    });
    let runner = runner();
    runner.init_client(server.url("/classify")).unwrap();

    let results = runner.run_batch(texts(9)).unwrap();

    for (text, result) in texts(9).iter().zip(results) {
        assert_eq!(result, Ok(label(text)));
    }
    assert_eq!(server.seen("/classify").len(), 9);
}

/// The seed's service: text in, JSON out.
#[test]
fn a_bentoml_api_that_takes_text_gets_text() {
    let server = Server::start(|request| match request.path.as_str() {
        "/docs.json" => Answer::json(&json!({
            "openapi": "3.0.2",
            "info": {"title": "classifier", "contact": {"name": "BentoML Team"}},
            "paths": {"/classify": {"post": {"requestBody": {"content": {"text/plain": {"schema": {"type": "string"}}}}}}},
        })),
        "/classify" => {
            assert!(request.headers["content-type"].starts_with("text/plain"));
            Answer::json(&json!(label(std::str::from_utf8(&request.body).unwrap())))
        }
        _ => Answer::reply(404, "text/plain", ""),
    });
    let runner = runner();
    let client = runner.init_client(server.url("")).unwrap();

    assert_eq!(runner.run("so it goes").unwrap(), label("so it goes"));
    assert_eq!(client.info().protocol, Some(ProtocolKind::Bentoml));
}

#[test]
fn several_arguments_are_an_error_until_one_is_named() {
    let document = json!({
        "openapi": "3.0.2",
        "info": {"contact": {"name": "BentoML Team"}},
        "paths": {"/classify": {"post": {"requestBody": {"content": {"application/json": {"schema": {
            "type": "object", "required": ["text", "language"],
            "properties": {"text": {"type": "string"}, "language": {"type": "string"}}}}}}}}},
    });
    let server = Server::start(move |request| match request.path.as_str() {
        "/docs.json" => Answer::json(&document),
        "/classify" => {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            Answer::json(&json!(label(body["text"].as_str().unwrap())))
        }
        _ => Answer::reply(404, "text/plain", ""),
    });
    let runner = runner();

    let message = runner.init_client(server.url("")).unwrap_err().to_string();
    assert!(message.contains("`language`") && message.contains("ClientOptions::argument"), "{message}");
    runner.init_client(ClientOptions::new(server.url("")).argument("text")).unwrap();
    assert_eq!(runner.run("a").unwrap(), label("a"));
}

#[test]
fn a_route_that_says_nothing_of_itself_gets_texts_one_by_one() {
    let server = Server::start(|request| match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/label?lang=en") => {
            let text = std::str::from_utf8(&request.body).unwrap();
            Answer::reply(200, "application/json; charset=utf-8", serde_json::to_string(&label(text)).unwrap())
        }
        _ => Answer::reply(404, "text/html", "<html>"),
    });
    let runner = runner();
    let client = runner.init_client(server.url("/label?lang=en")).unwrap();

    let results = runner.run_batch(texts(30)).unwrap();

    for (text, result) in texts(30).iter().zip(results) {
        assert_eq!(result, Ok(label(text)));
    }
    assert_eq!(client.info().protocol, Some(ProtocolKind::Plain));
    assert_eq!(server.seen("/label?lang=en").len(), 30);
}

#[test]
fn a_server_that_speaks_nothing_known_is_an_error_that_says_what_to_set() {
    let server = Server::start(|_| Answer::reply(404, "text/html", "<html>nothing here</html>"));

    let error = runner().init_client(server.url("")).unwrap_err();

    assert!(matches!(error, ClientError::Negotiation { .. }), "{error:?}");
    assert!(error.to_string().contains("ClientOptions::protocol"), "{error}");
}

#[test]
fn a_runner_is_bound_once() {
    let server = Server::start(riverrun_service);
    let runner = runner();
    runner.init_client(server.url("")).unwrap();

    let again = runner.clone().init_client(server.url("")).unwrap_err();

    assert!(matches!(again, ClientError::Runner(RunnerError::AlreadyInitialised { .. })), "{again:?}");
    assert!(matches!(runner.init_local(), Err(RunnerError::AlreadyInitialised { .. })));
}

#[tokio::test]
async fn it_works_from_inside_a_runtime() {
    let server = tokio::task::spawn_blocking(|| Server::start(riverrun_service)).await.unwrap();
    let runner = runner();
    runner.async_init_client(server.url("")).await.unwrap();

    assert_eq!(runner.async_run("inside").await.unwrap(), label("inside"));
    tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
}

#[test]
fn a_lazy_runner_finds_its_service_at_the_first_call() {
    let server = Server::start(riverrun_service);
    let address = server.address.unwrap();
    let url = server.url("");
    drop(server);
    let runner = runner();
    let client = runner.init_client(ClientOptions::new(url).lazy()).unwrap();
    assert_eq!(client.info().protocol, None);
    let caller = std::thread::spawn({
        let runner = runner.clone();
        move || runner.run("early")
    });

    let _server = Server::start_at(address, riverrun_service);

    assert_eq!(caller.join().unwrap(), Ok(label("early")));
    assert_eq!(client.info().protocol, Some(ProtocolKind::Riverrun));
}
