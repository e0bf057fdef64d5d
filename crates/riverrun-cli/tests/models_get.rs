//! `riverrun models get` of every kind of model.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used)]

mod machine;

use machine::{Machine, stderr, stdout};
use serde_json::{Value, json};

const CRATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What is shown of the model at `path` below the crates, to people and to programs.
fn shown(path: &str, more: &[&str]) -> (String, Value) {
    let machine = Machine::bare();
    let path = format!("{CRATES}/{path}");
    let import = machine.run(&[&["models", "import", &path, "--name", "it", "--version", "1"], more].concat());
    assert!(import.status.success(), "{}", stderr(&import));
    let (text, json) =
        (machine.run(&["models", "get", "it"]), machine.run(&["models", "get", "it", "--output", "json"]));
    assert!(text.status.success() && json.status.success(), "{}{}", stderr(&text), stderr(&json));
    (stdout(&text), serde_json::from_str(&stdout(&json)).unwrap())
}

/// The values of the rows with this name.
fn rows(text: &str, name: &str) -> Vec<String> {
    let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix("  ")?.trim_start().to_owned());
    text.lines().filter_map(value).collect()
}

fn names(tensors: &Value) -> Vec<&str> {
    tensors.as_array().unwrap().iter().map(|tensor| tensor["name"].as_str().unwrap()).collect()
}

#[test]
fn a_text_classifier_shows_its_classes_and_the_precisions_that_it_can_be_computed_in() {
    let (text, json) = shown("../models/tweet-sentiment", &[]);

    assert_eq!(rows(&text, "task"), ["text-classification"]);
    assert_eq!(rows(&text, "class"), ["negative", "neutral", "positive"], "{text}");
    assert_eq!(rows(&text, "precision"), ["f32, or with `--precision` bf16, int8-faithful, int8"]);
    assert_eq!(json["classes"], json!(["negative", "neutral", "positive"]));
    assert_eq!(json["precisions"], json!(["f32", "bf16", "int8-faithful", "int8"]));
    assert_eq!((names(&json["inputs"]), names(&json["outputs"])), (vec!["text", "text_pair"], vec!["label", "score"]));
}

#[test]
fn tasks_on_texts_show_what_a_service_of_them_takes_and_gives() {
    let tasks = "riverrun-inference/tests/fixtures/tasks";
    let cases: [(&str, &str, &[&str], &[&str]); 5] = [
        ("tokens-pieces", "token-classification", &["text"], &["entity", "score", "word", "start", "end"]),
        ("zero-shot", "zero-shot-classification", &["text", "candidate_labels"], &["sequence", "labels", "scores"]),
        ("masked-pieces", "fill-mask", &["text"], &["score", "token", "token_str", "sequence"]),
        ("questions-pieces", "question-answering", &["question", "context"], &["answer", "score", "start", "end"]),
        ("ranking", "text-ranking", &["query", "documents"], &["corpus_id", "score"]),
    ];
    for (fixture, task, inputs, outputs) in cases {
        let (text, json) = shown(&format!("{tasks}/{fixture}"), &["--task", task]);

        assert_eq!(json["task"], task);
        assert_eq!((names(&json["inputs"]), names(&json["outputs"])), (inputs.to_vec(), outputs.to_vec()), "{task}");
        let has_classes = !rows(&text, "class").is_empty();
        assert_eq!(has_classes, task == "token-classification", "{text}");
    }
}

#[test]
fn an_image_classifier_and_tensors_in_onnx_show_what_their_graphs_declare() {
    let (text, json) = shown("riverrun-inference/tests/fixtures/images/vit-bilinear", &[]);
    let (bare, bare_json) = shown("riverrun-onnx/tests/fixtures/two-inputs.onnx", &[]);

    assert_eq!(json["task"], "image-classification");
    assert_eq!(rows(&text, "class").len(), 6, "{text}");
    assert!(rows(&text, "class").contains(&"dog".to_owned()), "{text}");
    assert!(json["inputs"].as_array().is_some_and(|inputs| !inputs.is_empty()), "{json}");
    assert!(rows(&bare, "class").is_empty() && rows(&bare, "precision").is_empty(), "{bare}");
    assert_eq!(
        (names(&bare_json["inputs"]), names(&bare_json["outputs"])),
        (vec!["left", "right"], vec!["sum", "best", "more"])
    );
    assert_eq!((&bare_json["precisions"], &bare_json["backend"]), (&json!([]), &Value::Null));
}

#[test]
fn tree_ensembles_show_their_features_and_the_numbers_of_their_classes() {
    let (text, json) = shown("riverrun-tabular/tests/fixtures/lightgbm-multiclass.txt", &[]);
    let (binary, _) = shown("riverrun-tabular/tests/fixtures/lightgbm-binary.txt", &[]);

    assert_eq!(json["task"], "tabular-classification");
    assert_eq!(rows(&text, "class"), ["0", "1", "2"], "{text}");
    assert_eq!(rows(&binary, "class"), ["0", "1"], "{binary}");
    assert!(!names(&json["inputs"]).is_empty());
    assert_eq!(names(&json["outputs"]), ["output"]);
}
