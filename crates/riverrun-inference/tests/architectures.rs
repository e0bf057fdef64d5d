//! Small random models of several architectures, formats and naming habits against what `transformers` gave.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use riverrun_inference::kernels::{Cpu, CpuLevel};
use riverrun_inference::{FunctionToApply, TextClassification, TextClassificationOptions, TextInput, TopK};
use riverrun_runner::{Compute, Runnable};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    text: String,
    text_pair: Option<String>,
    input_ids: Vec<u32>,
    token_type_ids: Vec<u32>,
    logits: Vec<f32>,
}

fn agrees_with_transformers(name: &str) {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let expected = std::fs::read_to_string(directory.join("expected.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&expected).unwrap();
    for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
        let options =
            TextClassificationOptions::new().cpu(cpu).top_k(TopK::All).function_to_apply(FunctionToApply::None);
        let task = TextClassification::load(&directory, options).unwrap();
        assert_eq!(task.max_length(), 48, "model_max_length is below max_position_embeddings");
        let mut batch = Vec::new();
        for case in &cases {
            let input =
                TextInput { text: case.text.clone(), text_pair: case.text_pair.clone(), ..TextInput::default() };
            let prepared = task.prepare(input).unwrap();
            assert_eq!(prepared.value.tokens().ids, case.input_ids, "{}", case.text);
            assert_eq!(prepared.value.tokens().type_ids, case.token_type_ids, "{}", case.text);
            assert_eq!(prepared.cost, case.input_ids.len());
            batch.push(prepared.value);
        }

        let results = task.run(batch, &Compute::single()).unwrap();

        for (case, result) in cases.iter().zip(results) {
            let result = result.unwrap();
            for (label, expected) in task.labels().iter().zip(&case.logits) {
                let logit = result.iter().find(|result| result.label == *label).unwrap().score;
                assert!((logit - expected).abs() < 1e-4, "{cpu:?} {label}: {logit} for {expected}: {}", case.text);
            }
        }
    }
}

#[test]
fn distilbert_agrees_with_transformers() {
    agrees_with_transformers("distilbert");
}

#[test]
fn shards_named_by_an_index_agree_with_transformers() {
    agrees_with_transformers("bert-sharded");
}

#[test]
fn bf16_weights_agree_with_transformers() {
    agrees_with_transformers("bert-bf16");
}

#[test]
fn names_without_prefix_gamma_and_beta_and_gelu_new_agree_with_transformers() {
    agrees_with_transformers("bert-bare-names-gelu-new");
}
