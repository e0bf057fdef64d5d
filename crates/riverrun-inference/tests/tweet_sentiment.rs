//! The packed encoder against what `transformers` gave for the same texts.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used)]

use riverrun_inference::kernels::{Cpu, CpuLevel};
use riverrun_inference::{TextClassification, TextClassificationOptions, TopK};
use riverrun_runner::{Compute, Runnable};
use serde::Deserialize;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment");

#[derive(Deserialize)]
struct Fixture {
    meta: Meta,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Meta {
    labels: Vec<String>,
    truncation: usize,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    untruncated_tokens: usize,
    input_ids: Vec<u32>,
    probabilities: Vec<f32>,
    label: String,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/tweet-sentiment.json")).unwrap()
}

fn task(cpu: Cpu) -> TextClassification {
    let options = TextClassificationOptions::new().cpu(cpu).top_k(TopK::All).max_length(fixture().meta.truncation);
    TextClassification::load(MODEL, options).unwrap()
}

#[test]
fn tokens_and_scores_are_those_of_transformers_on_every_level() {
    let fixture = fixture();
    for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
        let task = task(cpu);
        let tokens: Vec<_> =
            fixture.cases.iter().map(|case| task.prepare(case.text.as_str().into()).unwrap().value).collect();

        let results = task.run(tokens.clone(), &Compute::single()).unwrap();

        for ((case, tokens), result) in fixture.cases.iter().zip(&tokens).zip(results) {
            let result = result.unwrap();
            assert_eq!(tokens.tokens().ids, case.input_ids, "{}", case.text);
            assert_eq!(result[0].label, case.label.as_str(), "{}", case.text);
            for (label, expected) in fixture.meta.labels.iter().zip(&case.probabilities) {
                let score = result.iter().find(|result| result.label == label.as_str()).unwrap().score;
                assert!((score - expected).abs() < 1e-4, "{cpu:?} {label}: {score} for {expected}: {}", case.text);
            }
        }
        let cut = fixture.cases.iter().filter(|case| case.untruncated_tokens > fixture.meta.truncation).count();
        assert_eq!(task.truncated(), cut as u64);
    }
}

#[test]
fn a_text_has_the_same_bits_alone_and_in_any_batch_at_any_place() {
    let fixture = fixture();
    for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
        let task = task(cpu);
        let tokens: Vec<_> =
            fixture.cases.iter().map(|case| task.prepare(case.text.as_str().into()).unwrap().value).collect();
        let run = |batch: Vec<_>| task.run(batch, &Compute::single()).unwrap();
        let alone: Vec<_> = tokens.iter().flat_map(|tokens| run(vec![tokens.clone()])).collect();

        for (first, size) in [(0, 64), (1, 63), (5, 8), (12, 3), (30, 17), (50, 2)] {
            let together = run(tokens[first..first + size].to_vec());
            assert_eq!(together, alone[first..first + size], "{cpu:?}: {size} from {first} on");
        }
        let mut reversed = run(tokens.iter().rev().cloned().collect());
        reversed.reverse();
        assert_eq!(reversed, alone, "{cpu:?}: reversed");
    }
}
