//! Models of every kind, applied to records of every form.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used)]

mod machine;

use std::fs;
use std::process::Output;

use machine::{Machine, stderr, stdout};
use serde_json::{Value, json};

const TASKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../riverrun-inference/tests/fixtures/tasks");
const TABULAR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../riverrun-tabular/tests/fixtures");
const ONNX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../riverrun-onnx/tests/fixtures");

fn import(machine: &Machine, path: &str, name: &str, more: &[&str]) {
    let import = machine.run(&[&["models", "import", path, "--name", name, "--version", "1"], more].concat());
    assert!(import.status.success(), "{}", stderr(&import));
}

fn task(machine: &Machine, fixture: &str, name: &str) {
    import(machine, &format!("{TASKS}/{fixture}"), name, &[]);
}

fn json_lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", stderr(output));
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The inputs and outputs that `transformers` gave.
fn recorded(fixture: &str) -> Vec<(Value, Value)> {
    let text = fs::read_to_string(format!("{TASKS}/{fixture}/expected.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    cases.into_iter().map(|case| (case["input"].clone(), case["output"].clone())).collect()
}

fn near(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| near(a, b)))
        }
        (Value::Number(a), Value::Number(b)) => (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-4,
        (a, b) => a == b,
    }
}

#[test]
fn every_task_predicts_from_json_lines_what_transformers_gave() {
    let machine = Machine::bare();
    for fixture in ["texts-single", "tokens-pieces", "embeddings", "questions-pieces", "masked-pieces", "ranking"] {
        let more: &[&str] = if fixture == "ranking" { &["--task", "text-ranking"] } else { &[] };
        import(&machine, &format!("{TASKS}/{fixture}"), fixture, more);
        let cases = recorded(fixture);
        let lines: Vec<String> = cases.iter().map(|(input, _)| input.to_string()).collect();
        machine.write("in.jsonl", lines.join("\n"));

        let found = json_lines(&machine.run(&["predict", fixture, "in.jsonl"]));

        assert_eq!(found.len(), cases.len());
        for ((input, output), line) in cases.iter().zip(&found) {
            assert!(near(&line["output"], output), "{fixture} {input}:\n{line}\n{output}");
        }
    }
}

#[test]
fn pairs_come_from_two_columns_or_two_fields_and_what_else_is_there_stays() {
    let machine = Machine::bare();
    task(&machine, "texts-single", "pairs");
    machine.write("a.csv", "id,text,text_pair\n7,I am happy,\"you are,\nnot\"\n8,fine,\n");
    machine.write(
        "a.jsonl",
        "{\"id\": \"7\", \"text\": \"I am happy\", \"text_pair\": \"you are,\\nnot\"}\n\n{\"id\": \"8\", \"text\": \"fine\", \"text_pair\": \"\"}",
    );
    machine.write("alone.txt", "I am happy");

    let table = json_lines(&machine.run(&["classify", "pairs", "a.csv"]));
    let lines = json_lines(&machine.run(&["classify", "pairs", "a.jsonl"]));
    let alone = json_lines(&machine.run(&["classify", "pairs", "alone.txt"]));

    assert_eq!(table[0], lines[0]);
    assert_eq!((&table[0]["id"], &table[0]["text_pair"]), (&json!("7"), &json!("you are,\nnot")));
    assert_ne!(table[0]["score"], alone[0]["score"], "the pair counts");
    assert_eq!(table.len(), 2);
}

#[test]
fn names_are_found_and_texts_become_vectors() {
    let machine = Machine::bare();
    task(&machine, "tokens-pieces", "token-classification");
    task(&machine, "embeddings", "feature-extraction");
    machine.write("a.txt", "Angela Merkel lives in Berlin\nMary");

    let found = json_lines(&machine.run(&["ner", "a.txt", "--aggregation", "first"]));
    let tokens = json_lines(&machine.run(&["ner", "a.txt", "--aggregation", "none"]));
    let vectors = json_lines(&machine.run(&["embed", "a.txt", "--dimensions", "4", "--normalize"]));
    let wrong = machine.run(&["embed", "a.txt", "--dimensions", "100000"]);

    assert!(found[0]["entities"][0]["entity_group"].is_string(), "{found:?}");
    assert!(tokens[0]["entities"][0]["entity"].is_string(), "{tokens:?}");
    let vector: Vec<f64> = vectors[0]["embedding"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    assert_eq!(vector.len(), 4);
    assert!((vector.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-5, "{vector:?}");
    assert!(stderr(&wrong).contains("100000 dimensions are not possible"), "{}", stderr(&wrong));
}

#[test]
fn documents_come_out_best_first_or_beside_their_query() {
    let machine = Machine::bare();
    import(&machine, &format!("{TASKS}/ranking"), "ranking", &[]);
    machine.write("a.txt", "Angela Merkel lives in Berlin\nMary Shelley wrote\nParis is the capital");
    let line = json!({"id": 1, "query": "who wrote it", "documents": ["Angela Merkel lives in Berlin", "Mary Shelley wrote", "Paris is the capital"]});
    machine.write("q.jsonl", line.to_string());

    let ranked = json_lines(&machine.run(&["rerank", "ranking", "--query", "who wrote it", "a.txt"]));
    let best = json_lines(&machine.run(&["rerank", "ranking", "--query", "who wrote it", "--top-k", "1", "a.txt"]));
    let beside = json_lines(&machine.run(&["rerank", "ranking", "q.jsonl"]));

    let scores: Vec<f64> = ranked.iter().map(|line| line["score"].as_f64().unwrap()).collect();
    assert!(scores.len() == 3 && scores.is_sorted_by(|a, b| a >= b), "{ranked:?}");
    assert_eq!(best, ranked[..1]);
    let ranking = beside[0]["ranking"].as_array().unwrap();
    let texts: Vec<&Value> =
        ranking.iter().map(|one| &line["documents"][one["corpus_id"].as_u64().unwrap() as usize]).collect();
    assert_eq!(texts, ranked.iter().map(|line| &line["text"]).collect::<Vec<_>>());
    assert_eq!(beside[0]["id"], 1);
}

#[test]
fn rows_of_tables_are_predicted_by_name_by_place_and_as_json() {
    let machine = Machine::bare();
    import(&machine, &format!("{TABULAR}/lightgbm-multiclass.txt"), "named", &[]);
    let model = &json_lines(&machine.run(&["models", "get", "named", "--output", "json"]))[0];
    let names: Vec<String> =
        model["inputs"].as_array().unwrap().iter().map(|input| input["name"].as_str().unwrap().into()).collect();
    let row: Vec<String> =
        names.iter().enumerate().map(|(n, _)| if n == 2 { String::new() } else { format!("0.{n}") }).collect();
    machine.write(
        "by-name.csv",
        format!("id,{}\n9,{}\n10,{}\n", names.join(","), row.join(","), row.join(",").replace("0.0", "x")),
    );
    let object: serde_json::Map<String, Value> = names
        .iter()
        .zip(&row)
        .map(|(name, cell)| (name.clone(), cell.parse::<f64>().map_or(Value::Null, Value::from)))
        .collect();
    let list: Vec<Value> = names.iter().map(|name| object[name].clone()).collect();
    machine.write("by-place.jsonl", format!("{}\n{}", Value::Object(object), json!(list)));

    let by_name = machine.run(&["predict", "named", "by-name.csv"]);
    let by_place = json_lines(&machine.run(&["predict", "named", "by-place.jsonl"]));
    machine.write("short.csv", "id,age\n1,2\n");
    let short = machine.run(&["predict", "named", "short.csv"]);

    let found = json_lines(&by_name);
    assert_eq!(found[0]["id"], "9");
    assert_eq!(found[0]["output"], by_place[0]["output"]);
    assert_eq!(by_place[0]["output"], by_place[1]["output"]);
    assert_eq!(found[0]["output"][0].as_array().unwrap().len(), 3);
    assert_eq!(found.len(), 1);
    assert!(
        stderr(&by_name).contains("line 3 of by-name.csv: column `") && stderr(&by_name).contains("\"x\" is no number"),
        "{}",
        stderr(&by_name)
    );
    assert_eq!(short.status.code(), Some(1));
    assert!(stderr(&short).contains("short.csv has no column"), "{}", stderr(&short));
}

#[test]
fn tensors_of_an_onnx_model_come_as_json_or_columns() {
    let machine = Machine::bare();
    import(&machine, &format!("{ONNX}/two-inputs.onnx"), "sums", &[]);
    machine.write("a.jsonl", "{\"left\": [1, 2], \"right\": [3, 4], \"id\": 5}\n{\"left\": [1, 2]}\n[1]\n{");

    let found = machine.run(&["predict", "sums", "a.jsonl"]);

    let lines = json_lines(&found);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["id"], 5);
    assert_eq!(lines[0]["output"]["sum"]["data"]["FP32"], json!([4.0, 6.0]));
    let said = stderr(&found);
    assert!(said.contains("line 2 of a.jsonl: the input `right` is missing"), "{said}");
    assert!(said.contains("line 4 of a.jsonl: it is not JSON") && said.contains("3 bad lines"), "{said}");
}

#[test]
fn a_command_that_is_not_for_the_model_names_the_one_that_is() {
    let machine = Machine::with_model();
    task(&machine, "tokens-pieces", "ner");
    task(&machine, "questions-pieces", "questions");
    import(&machine, &format!("{TABULAR}/lightgbm-binary.txt"), "trees", &[]);
    import(&machine, &format!("{ONNX}/two-inputs.onnx"), "sums", &[]);
    let cases = [
        ("classify", "ner", "`riverrun ner` does"),
        ("ner", "text-classification", "`riverrun classify` does"),
        ("classify", "questions", "`riverrun predict` does"),
        ("embed", "trees", "`riverrun predict` does"),
        ("classify", "sums", "`riverrun predict` does"),
        ("rerank", "questions", "`riverrun predict` does"),
    ];
    for (command, model, right) in cases {
        let output = machine.run(&[command, model]);
        assert_eq!(output.status.code(), Some(2), "{command} {model}: {}", stderr(&output));
        assert!(stderr(&output).contains(right), "{command} {model}: {}", stderr(&output));
    }
}

#[test]
fn what_does_not_fit_together_is_said_before_anything_is_read() {
    let machine = Machine::with_model();
    task(&machine, "questions-pieces", "questions");
    machine.write("a.txt", "one");
    machine.write("a.csv", "txt\none\n");
    let cases: [(&[&str], i32, &str); 8] = [
        (&["classify", "a.txt", "a.csv"], 2, "a.txt and a.csv are of different formats"),
        (&["classify", "a.csv"], 1, "a.csv has no column `text`; its columns are `txt`"),
        (&["predict", "a.txt"], 2, "`riverrun predict` needs a model"),
        (
            &["predict", "questions", "a.txt", "--format", "text"],
            2,
            "the model takes objects with `context`, `question`, not lines of text",
        ),
        (
            &["predict", "text-classification", "a.txt", "--option", "topk=1"],
            2,
            "`topk` is not possible: there is none of that name",
        ),
        (&["predict", "text-classification", "a.txt", "--option", "topk"], 2, "write `name=value`"),
        (&["classify", "a.txt", "--precision", "f16"], 2, "`f16` is no precision"),
        (&["classify", "a.txt", "--precision", "int8", "--service", "http://localhost:1"], 2, "cannot be used with"),
    ];
    for (arguments, code, part) in cases {
        let output = machine.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(part), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn a_precision_changes_scores_a_little_and_labels_not() {
    let machine = Machine::with_model();
    machine.write("a.txt", "what a lovely day\nI hate this\n");

    let exact = json_lines(&machine.run(&["classify", "a.txt"]));
    let rounded = machine.run(&["classify", "a.txt", "--precision", "int8"]);

    let said = stderr(&rounded);
    assert!(said.contains("int8, "), "{said}");
    let rounded = json_lines(&rounded);
    for (exact, rounded) in exact.iter().zip(&rounded) {
        assert_eq!(exact["label"], rounded["label"]);
        assert_ne!(exact["score"], rounded["score"]);
    }
}

#[test]
fn another_task_than_the_stores_is_done_where_the_model_can() {
    let machine = Machine::bare();
    task(&machine, "zero-shot", "nli");
    machine.write("a.txt", "Berlin is the capital");

    let found = machine.run(&[
        "predict",
        "nli",
        "a.txt",
        "--task",
        "zero-shot-classification",
        "--option",
        "candidate_labels=[\"x\", \"y\"]",
    ]);
    let wrong = machine.run(&["predict", "nli", "a.txt", "--task", "question-answering"]);

    let labels = json_lines(&found)[0]["output"]["labels"].clone();
    assert_eq!(labels.as_array().unwrap().len(), 2);
    assert_eq!(wrong.status.code(), Some(2), "{}", stderr(&wrong));
}

#[test]
fn a_text_model_in_onnx_gives_the_labels_of_the_same_model_in_safetensors() {
    let exported = concat!(env!("CARGO_MANIFEST_DIR"), "/../riverrun-inference/tests/fixtures/onnx/texts-single");
    let machine = Machine::bare();
    import(&machine, exported, "exported", &[]);
    task(&machine, "texts-single", "native");
    machine.write("a.txt", "what a lovely day\nI hate this");

    let exported = json_lines(&machine.run(&["classify", "exported", "a.txt"]));
    let native = json_lines(&machine.run(&["classify", "native", "a.txt"]));
    let int8 = machine.run(&["classify", "exported", "a.txt", "--precision", "int8"]);

    assert!(exported.iter().zip(&native).all(|(a, b)| near(a, b)), "{exported:?} {native:?}");
    assert!(stderr(&int8).contains("an ONNX model has the precision that it was exported in"), "{}", stderr(&int8));
}
