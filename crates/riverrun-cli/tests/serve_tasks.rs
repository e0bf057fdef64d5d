//! A service of every task answers what the model in a process of one's own does.

// The lints exempt tests, not the functions they share.
#![allow(clippy::panic, clippy::unwrap_used)]

mod machine;

use std::fs;
use std::process::Output;

use machine::served::{SOON, Served};
use machine::{Machine, stderr, stdout};
use serde_json::{Value, json};

const TASKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../riverrun-inference/tests/fixtures/tasks");
const IMAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../riverrun-inference/tests/fixtures/images");

fn import(machine: &Machine, path: &str, name: &str, more: &[&str]) {
    let import = machine.run(&[&["models", "import", path, "--name", name, "--version", "1"], more].concat());
    assert!(import.status.success(), "{}", stderr(&import));
}

/// Status and body of what is sent.
fn send(url: &str, media_type: &str, body: &[u8]) -> (u16, Value) {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(SOON)).build();
    let mut response = ureq::Agent::from(agent).post(url).content_type(media_type).send(body).unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn ask(url: &str, input: &Value) -> Value {
    let (status, answer) = send(url, "application/json", input.to_string().as_bytes());
    assert_eq!(status, 200, "{input}: {answer}");
    answer
}

/// The message of a refusal, which must be the caller's fault.
fn refused(url: &str, input: &Value) -> String {
    let (status, answer) = send(url, "application/json", input.to_string().as_bytes());
    assert_eq!((status, &answer["error"]["code"]), (422, &json!("invalid_input")), "{input}: {answer}");
    answer["error"]["message"].as_str().unwrap().to_owned()
}

fn outputs(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", stderr(output));
    stdout(output).lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["output"].clone()).collect()
}

/// Compares, to the last bit, what the service answers with what `predict` writes of the same inputs, and gives the answers.
fn as_predicted(machine: &Machine, served: &Served, name: &str, inputs: &[Value]) -> Vec<Value> {
    let lines: Vec<String> = inputs.iter().map(ToString::to_string).collect();
    machine.write("in.jsonl", lines.join("\n"));
    let predicted = outputs(&machine.run(&["predict", name, "in.jsonl"]));
    assert_eq!(predicted.len(), inputs.len(), "{name}");

    let url = format!("{}/{name}", served.url);
    let answers: Vec<Value> = inputs.iter().map(|input| ask(&url, input)).collect();
    for ((input, answer), predicted) in inputs.iter().zip(&answers).zip(&predicted) {
        assert_eq!(answer, predicted, "{name} {input}");
    }
    let list = ask(&url, &json!(inputs));
    for (answer, alone) in list.as_array().unwrap().iter().zip(&answers) {
        // Of a list each text has its best label itself, not a list of one.
        assert!(answer == alone || *answer == alone[0], "{name}: {answer} {alone}");
    }
    assert_eq!(list.as_array().unwrap().len(), inputs.len());
    answers
}

#[test]
fn every_task_on_texts_is_answered_as_predict_answers_it_and_bad_inputs_are_refused() {
    let machine = Machine::bare();
    let fixtures = [
        ("texts-single", "text-classification"),
        ("texts-multi-label", "text-classification"),
        ("tokens-pieces", "token-classification"),
        ("features", "feature-extraction"),
        ("embeddings", "feature-extraction"),
        ("zero-shot", "zero-shot-classification"),
        ("masked-pieces", "fill-mask"),
        ("questions-pieces", "question-answering"),
        ("ranking", "text-ranking"),
    ];
    for (name, task) in fixtures {
        import(&machine, &format!("{TASKS}/{name}"), name, &["--task", task]);
    }
    let names = fixtures.map(|(name, _)| name);
    let served = machine.serve(&[&names[..], &["--port", "0"]].concat());
    let refused = |name: &str, input: Value| refused(&format!("{}/{name}", served.url), &input);

    for name in names {
        let cases: Vec<Value> =
            serde_json::from_str(&fs::read_to_string(format!("{TASKS}/{name}/expected.json")).unwrap()).unwrap();
        let inputs: Vec<Value> = cases.iter().take(12).map(|case| case["input"].clone()).collect();
        as_predicted(&machine, &served, name, &inputs);
    }

    let cases = [
        ("texts-single", json!({"txt": "a"}), "text"),
        ("texts-multi-label", json!({"text": "a", "top_k": 0}), "top_k"),
        ("tokens-pieces", json!({"text": "a", "aggregation_strategy": "best"}), "best"),
        ("features", json!(7), "text"),
        ("embeddings", json!({"text": "a", "prompt_name": "unheard of"}), "unheard of"),
        ("zero-shot", json!({"text": "a", "hypothesis_template": "no place"}), "label"),
        ("masked-pieces", json!("nothing is left out"), "[MASK]"),
        ("questions-pieces", json!({"question": "who?"}), "context"),
        ("ranking", json!({"query": "who?"}), "documents"),
    ];
    for (name, input, part) in cases {
        let message = refused(name, input);
        assert!(message.contains(part), "{name}: {message}");
    }
}

#[test]
fn what_a_request_asks_for_holds_for_that_request() {
    let machine = Machine::bare();
    for (name, task) in [
        ("texts-single", "text-classification"),
        ("zero-shot", "zero-shot-classification"),
        ("masked-pieces", "fill-mask"),
        ("tokens-pieces", "token-classification"),
    ] {
        import(&machine, &format!("{TASKS}/{name}"), name, &["--task", task]);
    }
    let served = machine.serve(&["texts-single", "zero-shot", "masked-pieces", "tokens-pieces", "--port", "0"]);
    let url = |name: &str| format!("{}/{name}", served.url);
    let text = "Angela Merkel lives in Berlin";
    let length = |answer: &Value| answer.as_array().unwrap().len();

    let pair = ask(&url("texts-single"), &json!({"text": text, "text_pair": "you are"}));
    assert_ne!(pair, ask(&url("texts-single"), &json!(text)), "the pair counts");
    let both = ask(&url("texts-single"), &json!({"inputs": [text, text], "parameters": {"top_k": 2}}));
    assert_eq!((length(&both[0]), length(&both[1])), (2, 2));
    assert_eq!(length(&ask(&format!("{}?top_k=all", url("texts-single")), &json!(text))), 3);
    assert_eq!(length(&ask(&url("texts-single"), &json!(text))), 1);

    let labelled = |labels: Value| ask(&url("zero-shot"), &json!({"text": text, "candidate_labels": labels}));
    let mut found = labelled(json!(["cat", "dog"]))["labels"].as_array().unwrap().clone();
    found.sort_by_key(ToString::to_string);
    assert_eq!(found, ["cat", "dog"]);
    assert_eq!(labelled(json!(["one"]))["labels"], json!(["one"]));
    let many =
        json!({"inputs": [text, "Mary"], "parameters": {"candidate_labels": ["a", "b", "c"], "multi_label": true}});
    let many = ask(&url("zero-shot"), &many);
    assert_eq!(many[1]["labels"].as_array().unwrap().len(), 3);
    assert_eq!(many[1]["sequence"], "Mary");

    let masked = json!("the [MASK] sat on the mat .");
    assert_eq!(length(&ask(&format!("{}?top_k=2", url("masked-pieces")), &masked)), 2);
    assert_eq!(length(&ask(&url("masked-pieces"), &masked)), 5);

    let tokens = ask(&format!("{}?aggregation_strategy=none", url("tokens-pieces")), &json!(text));
    let groups = ask(&format!("{}?aggregation_strategy=simple", url("tokens-pieces")), &json!(text));
    assert!(tokens[0]["entity"].is_string() && groups[0]["entity_group"].is_string(), "{tokens} {groups}");
}

#[test]
fn an_image_is_a_body_of_its_own_or_base64_and_gets_what_predict_gives_it() {
    let machine = Machine::bare();
    import(&machine, &format!("{IMAGES}/vit-bilinear"), "pets", &[]);
    let files = [("wide.png", "image/png"), ("photo.jpg", "image/jpeg"), ("lossless.webp", "image/webp")];
    let paths = files.map(|(name, _)| format!("{IMAGES}/{name}"));
    let mut predict = vec!["predict", "pets"];
    predict.extend(paths.iter().map(String::as_str));
    let predicted = outputs(&machine.run(&predict));
    let served = machine.serve(&["pets", "--port", "0"]);
    let url = format!("{}/predict", served.url);

    for (((name, media_type), path), predicted) in files.iter().zip(&paths).zip(&predicted) {
        let file = fs::read(path).unwrap();
        assert_eq!(send(&url, media_type, &file), (200, predicted.clone()), "{name}");
        let best = json!([predicted[0]]);
        assert_eq!(send(&format!("{url}?top_k=1"), media_type, &file), (200, best.clone()), "{name}");
        let base64 = base64(&file);
        assert_eq!(ask(&url, &json!(base64)), *predicted, "{name}");
        assert_eq!(ask(&format!("{url}?top_k=1"), &json!(base64)), best, "{name}");
        let list = ask(&url, &json!([{"image": base64, "top_k": 1}, base64]));
        assert_eq!(list, json!([best, predicted]), "{name}");
    }
}

#[test]
fn an_image_that_cannot_be_classified_is_refused_with_what_to_do() {
    let machine = Machine::bare();
    import(&machine, &format!("{IMAGES}/vit-bilinear"), "pets", &[]);
    let served = machine.serve(&["pets", "--port", "0", "--max-body", "64KiB"]);
    let url = format!("{}/predict", served.url);
    let whole = fs::read(format!("{IMAGES}/wide.png")).unwrap();
    let mut bomb = whole.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let crc = !bomb[12..29].iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    });
    bomb[29..33].copy_from_slice(&crc.to_be_bytes());
    let cases = [
        ("image/png", &whole[..whole.len() / 2], 422, "the image is not a whole Png"),
        ("image/png", b"no image", 422, "an image in JPEG, PNG or WebP is wanted"),
        ("image/png", b"", 422, "an image in JPEG, PNG or WebP is wanted"),
        ("image/png", &bomb, 413, "it has 65535 x 65535 pixels"),
        ("image/png", &[0; 65 << 10][..], 413, "bytes"),
        ("image/gif", &whole, 415, "`image/jpeg`, `image/png`, `image/webp`, `application/json`"),
        ("application/json", b"\"no base64!\"", 422, "an image is wanted"),
    ];
    for (media_type, body, status, part) in cases {
        let (found, answer) = send(&url, media_type, body);
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(found == status && message.contains(part), "{media_type} {}: {found} {answer}", body.len());
    }
    assert_eq!(send(&url, "image/png", &whole).0, 200, "and it goes on");

    let agent = ureq::Agent::new_with_defaults();
    let document = agent.get(format!("{}/docs.json", served.url)).call().unwrap().body_mut().read_to_string().unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let content = document["paths"]["/predict"]["post"]["requestBody"]["content"].as_object().unwrap();
    let kinds: Vec<&str> = content.keys().map(String::as_str).collect();
    for kind in ["image/jpeg", "image/png", "image/webp", "application/json"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert!(!kinds.contains(&"text/plain"), "{kinds:?}");
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = char::from(DIGITS[(bits >> (18 - 6 * place)) as usize & 63]);
            text.push(if place > three.len() { '=' } else { digit });
        }
    }
    text
}
