//! Text models in ONNX against what `transformers` gave with the same models in safetensors.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(feature = "onnx")]

mod recorded;

use std::path::{Path, PathBuf};

use recorded::{Case, cases, run, same};
use riverrun_inference::backend::AskedBackend;
use riverrun_inference::{
    FeatureExtraction, QuestionAnswering, Task, TextClassification, TextClassificationOptions, TokenClassification,
};
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx").join(name)
}

fn check<T: Task>(name: &str) {
    let task = T::load(fixture(name), T::Options::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let cases: Vec<Case> = cases(&fixture(name).join("expected.json"));
    let inputs: Vec<Value> = cases.iter().map(|case| case.input.clone()).collect();
    let together = run(&task, &inputs);
    for (case, result) in cases.iter().zip(&together) {
        let result = result.as_ref().unwrap();
        assert!(same(result, &case.output), "{name} {}:\n{result}\nfor\n{}", case.input, case.output);
    }
    for (input, together) in inputs.iter().zip(together) {
        assert_eq!(run(&task, std::slice::from_ref(input)).remove(0), together, "alone as in a batch: {input}");
    }
}

#[test]
fn every_kind_of_head_gives_what_transformers_gives() {
    check::<TextClassification>("texts-single");
    check::<TokenClassification>("tokens-pieces");
    check::<QuestionAnswering>("questions-pieces");
    check::<FeatureExtraction>("features");
}

#[test]
fn a_task_that_the_graph_has_no_head_for_is_refused() {
    let error = TokenClassification::load(fixture("texts-single"), Default::default()).err().unwrap().to_string();

    assert!(error.contains("can't do token-classification"), "{error}");
}

#[test]
fn the_native_encoders_options_are_refused_and_a_native_model_has_no_backends() {
    let options = TextClassificationOptions::new().precision(riverrun_inference::Precision::Int8);
    let precision = TextClassification::load(fixture("texts-single"), options).err().unwrap().to_string();
    let options = TextClassificationOptions::new().backend(AskedBackend::Rten);
    let native = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tasks/texts-single");
    let backend = TextClassification::load(native, options).err().unwrap().to_string();

    assert!(precision.contains("`precision` is not possible: an ONNX model has"), "{precision}");
    assert!(backend.contains("`backend` is not possible: weights in safetensors"), "{backend}");
}

#[test]
fn what_is_missing_beside_the_graph_is_named() {
    for (file, part) in
        [("tokenizer.json", "tokenizer.json cannot be read"), ("config.json", "config.json cannot be read")]
    {
        let directory = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(fixture("texts-single")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != file {
                std::fs::copy(entry.path(), directory.path().join(entry.file_name())).unwrap();
            }
        }

        let error = TextClassification::load(directory.path(), Default::default()).err().unwrap().to_string();

        assert!(error.contains(part), "{error}");
    }
}
