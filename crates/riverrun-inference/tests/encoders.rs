//! Small random models of every architecture against what `transformers` gave, and against themselves in other batches.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use riverrun_inference::backend::{Backend, Output, PackedBatch, Rows, Tokens};
use riverrun_inference::encoder::{Arithmetic, Encoder, EncoderConfig, Precision};
use riverrun_inference::kernels::{Cpu, CpuLevel};
use riverrun_inference::{TextTokenizer, Truncation};
use riverrun_runner::Compute;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    text: String,
    text_pair: Option<String>,
    input_ids: Vec<u32>,
    logits: Option<Vec<f32>>,
    hidden: Option<Vec<f32>>,
}

fn fixtures() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/architectures");
    let mut fixtures: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    fixtures.sort();
    assert!(fixtures.len() >= 40, "{} fixtures", fixtures.len());
    fixtures
}

fn cases(fixture: &Path) -> Vec<Case> {
    serde_json::from_str(&std::fs::read_to_string(fixture.join("expected.json")).unwrap()).unwrap()
}

fn encoder(fixture: &Path, arithmetic: impl Into<Arithmetic>) -> Encoder {
    let config = EncoderConfig::read(fixture).unwrap_or_else(|error| panic!("{error}"));
    Encoder::load(fixture, config, arithmetic.into()).unwrap_or_else(|error| panic!("{error}"))
}

fn tokens(fixture: &Path, encoder: &Encoder, cases: &[Case]) -> Vec<Tokens> {
    let (vocabulary, most) = (encoder.vocabulary(), encoder.max_tokens());
    let tokenizer = TextTokenizer::load(fixture, vocabulary, most, None, Truncation::On).unwrap();
    cases.iter().map(|case| tokenizer.tokenize(&case.text, case.text_pair.as_deref()).unwrap()).collect()
}

fn compute(encoder: &Encoder, batch: &[&Tokens], output: Output<'_>) -> Vec<f32> {
    let packed = PackedBatch::new(batch.iter().copied());
    encoder.compute(&packed, output, &Compute::single()).unwrap_or_else(|error| panic!("{error}"))
}

/// What the model's head gives, if it has one.
fn logits_of(encoder: &Encoder) -> Option<Output<'static>> {
    let outputs = [Output::TextLogits, Output::TokenLogits(Rows::EveryToken)];
    outputs.into_iter().find(|&output| encoder.width(output).is_some())
}

fn agree(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        // The records are rounded to five places.
        assert!((found - expected).abs() < 1e-4, "{what}: {found} for {expected} at {index}");
    }
}

#[test]
fn tokens_hidden_states_and_logits_are_those_of_transformers() {
    for fixture in fixtures() {
        let cases = cases(&fixture);
        for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
            let encoder = encoder(&fixture, cpu);
            let mut compared = 0;
            for (case, tokens) in cases.iter().zip(tokens(&fixture, &encoder, &cases)) {
                let what = format!("{} {cpu:?} {:?}", fixture.file_name().unwrap().display(), case.text);
                assert_eq!(tokens.ids, case.input_ids, "{what}");
                if let Some(expected) = &case.logits {
                    agree(&compute(&encoder, &[&tokens], logits_of(&encoder).unwrap()), expected, &what);
                    compared += 1;
                }
                if let Some(expected) = &case.hidden {
                    agree(&compute(&encoder, &[&tokens], Output::Hidden(Rows::EveryToken)), expected, &what);
                    compared += 1;
                }
            }
            assert!(compared >= 4, "{}: {compared}", fixture.display());
        }
    }
}

/// Rows of `output` for each text of `batch`.
fn rows_of(encoder: &Encoder, batch: &[&Tokens], output: Output<'_>) -> Vec<Vec<u32>> {
    let width = encoder.width(output).unwrap();
    let all = compute(encoder, batch, output);
    let mut all = all.iter().map(|value| value.to_bits());
    let rows = |tokens: &&Tokens| match output {
        Output::TextLogits => 1,
        _ => tokens.ids.len(),
    };
    batch.iter().map(|tokens| all.by_ref().take(rows(tokens) * width).collect()).collect()
}

#[test]
fn a_text_has_the_same_bits_alone_and_in_any_batch_for_every_architecture() {
    for (fixture, precision) in
        fixtures().iter().flat_map(|fixture| Precision::ALL.map(|precision| (fixture, precision)))
    {
        let encoder = encoder(fixture, Arithmetic { cpu: Cpu::highest(), precision });
        let texts = tokens(fixture, &encoder, &cases(fixture));
        let outputs: Vec<_> = logits_of(&encoder).into_iter().chain([Output::Hidden(Rows::EveryToken)]).collect();
        for output in outputs {
            let alone: Vec<_> = texts.iter().map(|text| rows_of(&encoder, &[text], output).remove(0)).collect();
            let batches = prop::collection::vec(0..texts.len(), 1..40);
            let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(8) });
            let same = runner.run(&batches, |batch| {
                let together = rows_of(&encoder, &batch.iter().map(|&text| &texts[text]).collect::<Vec<_>>(), output);
                for (&text, rows) in batch.iter().zip(&together) {
                    prop_assert!(*rows == alone[text], "text {} of {:?}", text, batch);
                }
                Ok(())
            });
            same.unwrap_or_else(|error| panic!("{} {precision}: {error}", fixture.display()));
        }
    }
}

#[test]
fn chosen_tokens_have_the_rows_that_they_have_among_all() {
    let cpu = Cpu::highest();
    for fixture in fixtures() {
        let encoder = encoder(&fixture, cpu);
        let texts = tokens(&fixture, &encoder, &cases(&fixture));
        let batch: Vec<&Tokens> = texts.iter().collect();
        let packed = PackedBatch::new(batch.iter().copied());
        let offsets = packed.offsets();
        let last: Vec<usize> = offsets[1..].iter().map(|end| end - 1).collect();
        let some: Vec<usize> = (0..packed.ids().len()).filter(|token| token % 7 == 3 || token % 11 == 0).collect();
        for output in [Output::Hidden, Output::TokenLogits] {
            let Some(width) = encoder.width(output(Rows::EveryToken)) else { continue };
            let all = compute(&encoder, &batch, output(Rows::EveryToken));
            for chosen in [last.as_slice(), &some, &[]] {
                let rows = compute(&encoder, &batch, output(Rows::Chosen(chosen)));
                assert_eq!(rows.len(), chosen.len() * width);
                for (&token, row) in chosen.iter().zip(rows.chunks(width)) {
                    assert_eq!(row, &all[token * width..][..width], "{} token {token}", fixture.display());
                }
            }
        }
    }
}

#[test]
fn a_text_of_the_most_tokens_is_computed_and_one_more_is_refused() {
    for fixture in fixtures() {
        let encoder = encoder(&fixture, Cpu::highest());
        let text = |tokens: usize| {
            let ids = (0..tokens).map(|token| 5 + (token * 13 % 60) as u32).collect();
            Tokens { ids, type_ids: vec![0; tokens] }
        };
        let most = encoder.max_tokens();
        let hidden = compute(&encoder, &[&text(most)], Output::Hidden(Rows::EveryToken));
        assert!(hidden.iter().all(|value| value.is_finite()), "{}", fixture.display());

        for (tokens, part) in [(text(most + 1), "is the most"), (text(0), "no tokens at all")] {
            let packed = PackedBatch::new([&tokens]);
            let refused = encoder.compute(&packed, Output::Hidden(Rows::EveryToken), &Compute::single()).unwrap_err();
            assert!(refused.to_string().contains(part), "{refused}");
        }
    }
}

#[test]
fn ids_and_rows_beyond_the_model_are_refused() {
    let fixture = &fixtures()[0];
    let encoder = encoder(fixture, Cpu::highest());
    let run = |ids: Vec<u32>, rows: Rows<'_>| {
        let types = vec![0; ids.len()];
        let packed = PackedBatch::new([&Tokens { ids, type_ids: types }]);
        encoder.compute(&packed, Output::Hidden(rows), &Compute::single()).map_err(|error| error.to_string())
    };
    let vocabulary = encoder.vocabulary() as u32;
    assert!(run(vec![2, vocabulary], Rows::EveryToken).unwrap_err().contains("beyond the vocabulary"));
    assert!(run(vec![2, 3], Rows::Chosen(&[2])).unwrap_err().contains("lie beyond the batch"));
    assert!(run(vec![2, 3], Rows::Chosen(&[1, 0])).unwrap_err().contains("do not ascend"));
    assert_eq!(run(vec![2, 3], Rows::Chosen(&[])), Ok(Vec::new()));
}
