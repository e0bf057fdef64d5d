//! Half-length floats and bytes: the same bits in any batch, close to full precision, and sane whatever the weights are.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used)]

mod copied_model;

use std::collections::HashMap;

use copied_model::CopiedModel;
use riverrun_inference::kernels::{Cpu, CpuLevel};
use riverrun_inference::{
    Classification, FunctionToApply, Precision, TextClassification, TextClassificationOptions, TokenizedText, TopK,
};
use riverrun_runner::{Compute, Runnable, Runner};
use serde_json::Value;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment");

/// Every level of this machine in every precision.
fn arithmetics() -> impl Iterator<Item = (Cpu, Precision)> {
    let cpus = CpuLevel::ALL.into_iter().filter_map(Cpu::new);
    cpus.flat_map(|cpu| Precision::ALL.map(|precision| (cpu, precision)))
}

fn options(cpu: Cpu, precision: Precision) -> TextClassificationOptions {
    TextClassificationOptions::new().cpu(cpu).precision(precision).top_k(TopK::All)
}

fn texts() -> Vec<String> {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/tweet-sentiment.json")).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    cases.iter().map(|case| case["text"].as_str().unwrap().to_owned()).collect()
}

fn tokens(task: &TextClassification, texts: &[String]) -> Vec<TokenizedText> {
    texts.iter().map(|text| task.prepare(text.as_str().into()).unwrap().value).collect()
}

fn run(task: &TextClassification, batch: Vec<TokenizedText>) -> Vec<Vec<Classification>> {
    task.run(batch, &Compute::single()).unwrap().into_iter().map(|result| result.unwrap()).collect()
}

#[test]
fn a_text_has_the_same_bits_alone_and_in_any_batch_at_any_place() {
    let texts = texts();
    for (cpu, precision) in arithmetics() {
        let task = TextClassification::load(MODEL, options(cpu, precision)).unwrap();
        let tokens = tokens(&task, &texts);
        let alone: Vec<_> = tokens.iter().flat_map(|tokens| run(&task, vec![tokens.clone()])).collect();

        for (first, size) in [(0, 64), (1, 63), (5, 8), (12, 3), (50, 2)] {
            let together = run(&task, tokens[first..first + size].to_vec());
            assert_eq!(together, alone[first..first + size], "{cpu:?} {precision}: {size} from {first} on");
        }
    }
}

#[test]
fn a_lone_text_on_all_threads_has_the_bits_that_it_has_on_one() {
    let texts = texts();
    for precision in Precision::ALL {
        let task = TextClassification::load(MODEL, options(Cpu::highest(), precision)).unwrap();
        let alone: Vec<_> = tokens(&task, &texts).into_iter().flat_map(|text| run(&task, vec![text])).collect();
        let runner = Runner::new(format!("threads-{precision}"), task);
        runner.init_local().unwrap();

        for (text, alone) in texts.iter().zip(&alone) {
            assert_eq!(runner.run(text.as_str()).unwrap(), *alone, "{precision}: {text}");
        }
    }
}

#[test]
fn scores_are_close_to_those_of_full_precision() {
    let texts = texts();
    let full = TextClassification::load(MODEL, options(Cpu::highest(), Precision::F32)).unwrap();
    let full = run(&full, tokens(&full, &texts));
    for (cpu, precision) in arithmetics() {
        let task = TextClassification::load(MODEL, options(cpu, precision)).unwrap();
        let results = run(&task, tokens(&task, &texts));

        let mut difference = 0.0;
        for (result, full) in results.iter().zip(&full) {
            let scores: HashMap<_, _> = full.iter().map(|label| (label.label.to_string(), label.score)).collect();
            let one = result.iter().map(|label| (label.score - scores[label.label.as_str()]).abs());
            difference += one.sum::<f32>() / result.len() as f32;
        }
        let mean = difference / results.len() as f32;
        let bound = match precision {
            Precision::F32 => 1e-5,
            Precision::Bf16 => 5e-3,
            Precision::Int8 => 2e-2,
            Precision::Int8Faithful => 6e-3,
        };
        assert!(mean < bound, "{cpu:?} {precision}: {mean} on average");
    }
}

#[test]
fn bytes_give_the_same_scores_on_every_cpu_up_to_rounding_elsewhere() {
    let texts = texts();
    let results: Vec<_> = CpuLevel::ALL
        .into_iter()
        .filter_map(Cpu::new)
        .map(|cpu| {
            let task = TextClassification::load(MODEL, options(cpu, Precision::Int8)).unwrap();
            run(&task, tokens(&task, &texts))
        })
        .collect();

    for result in &results[1..] {
        let same = result.iter().zip(&results[0]).filter(|(a, b)| a[0].label == b[0].label).count();
        assert!(same * 100 >= texts.len() * 95, "{same} of {}", texts.len());
    }
}

/// The fixture with the weights of one layer times `factor`, which has to be exact in the checkpoint's numbers.
fn with_weights(edit: impl Fn(usize, f32) -> f32) -> CopiedModel {
    const TENSOR: &str = "distilbert.transformer.layer.0.ffn.lin1.weight";
    let model = CopiedModel::new("distilbert");
    let mut bytes = model.read("model.safetensors");
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let info: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    assert_eq!(info[TENSOR]["dtype"], "F32");
    let offset = |index: usize| info[TENSOR]["data_offsets"][index].as_u64().unwrap() as usize + 8 + header;
    for (index, value) in bytes[offset(0)..offset(1)].chunks_exact_mut(4).enumerate() {
        let edited = edit(index, f32::from_le_bytes((&*value).try_into().unwrap()));
        value.copy_from_slice(&edited.to_le_bytes());
    }
    model.write("model.safetensors", bytes);
    model
}

/// Every logit of three texts; none of those whose text is an error.
fn logits(model: &CopiedModel, cpu: Cpu, precision: Precision) -> Vec<f32> {
    let options = options(cpu, precision).function_to_apply(FunctionToApply::None);
    let task = TextClassification::load(model.path(), options).unwrap();
    let tokens = tokens(&task, &["the answer is here".to_owned(), "a".to_owned(), String::new()]);
    let results = task.run(tokens, &Compute::single()).unwrap();
    results.into_iter().filter_map(Result::ok).flatten().map(|label| label.score).collect()
}

#[test]
fn channels_of_zeros_and_of_single_large_weights_are_computed() {
    let zeros = with_weights(|_, _| 0.0);
    let outliers = with_weights(|index, value| if index % 37 == 0 { value * 1e4 } else { value });
    for (cpu, precision) in arithmetics() {
        for model in [&zeros, &outliers] {
            let logits = logits(model, cpu, precision);
            assert!(
                !logits.is_empty() && logits.iter().all(|logit| logit.is_finite()),
                "{cpu:?} {precision}: {logits:?}"
            );
        }
        let full = logits(&zeros, cpu, Precision::F32);
        for (logit, full) in logits(&zeros, cpu, precision).iter().zip(&full) {
            assert!((logit - full).abs() < 0.1, "{cpu:?} {precision}: {logit} for {full}");
        }
    }
}

#[test]
fn a_model_whose_numbers_overflow_is_an_error_for_each_text_in_every_precision() {
    let model = with_weights(|_, value| value * 1e38);
    for (cpu, precision) in arithmetics() {
        let logits = logits(&model, cpu, precision);

        assert!(logits.is_empty(), "{cpu:?} {precision}: {logits:?}");
    }
}

#[test]
fn a_precision_has_its_name_and_an_unknown_one_is_an_error_that_lists_them() {
    assert_eq!("int8".parse::<Precision>().unwrap(), Precision::Int8);

    let message = "int4".parse::<Precision>().unwrap_err().to_string();

    assert!(message.contains("`int4`") && message.contains("f32, bf16, int8-faithful and int8"), "{message}");
}
