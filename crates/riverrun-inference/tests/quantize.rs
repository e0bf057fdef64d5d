//! Models whose weights are rounded ahead: the bits of those that are rounded when they are loaded, or an error that says why not.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod copied_model;

use std::path::{Path, PathBuf};

use copied_model::CopiedModel;
use riverrun_inference::backend::{Backend, Output, PackedBatch, Rows, Tokens};
use riverrun_inference::encoder::{Arithmetic, Encoder, EncoderConfig, computes_bf16};
use riverrun_inference::kernels::{Cpu, CpuLevel};
use riverrun_inference::{
    Compared, InferenceError, ModelConfig, ModelExt, Precision, QuantizationReport, QuantizeOptions,
    TextClassification, TextClassificationOptions, TextTokenizer, Truncation, quantize, quantize_weights,
};
use riverrun_model::{ImportOptions, InferenceTask, Model, ModelStore};
use riverrun_runner::Compute;
use serde_json::{Value, json};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment");

/// Those that this CPU can compute, but for full length.
fn precisions() -> impl Iterator<Item = Precision> {
    let all = [Precision::Int8, Precision::Int8Faithful, Precision::Bf16];
    all.into_iter().filter(|&precision| precision != Precision::Bf16 || computes_bf16())
}

/// Every small random model of an encoder.
fn architectures() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(Path::new(FIXTURES).join("architectures")).unwrap();
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    all.extend(["bert-bf16", "bert-sharded", "bert-bare-names-gelu-new"].map(|name| Path::new(FIXTURES).join(name)));
    assert!(all.len() > 40, "{}", all.len());
    all
}

/// A model in a directory whose weights were rounded ahead.
fn rounded(from: &Path, precision: Precision) -> CopiedModel {
    let to = CopiedModel::of(from);
    for entry in std::fs::read_dir(to.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.contains(".safetensors") {
            to.remove(&name);
        }
    }
    quantize_weights(from, to.path(), precision).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    to
}

/// The bits of all that the model in `directory` gives for some texts.
fn bits(directory: &Path, arithmetic: Arithmetic) -> Vec<u32> {
    let encoder = Encoder::load(directory, EncoderConfig::read(directory).unwrap(), arithmetic)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let (vocabulary, most) = (encoder.vocabulary(), encoder.max_tokens());
    let tokenizer = TextTokenizer::load(directory, vocabulary, most, None, Truncation::On).unwrap();
    let texts = ["the answer is here", "a", "Angela Merkel lives in Berlin, and the cat does not know it."];
    let tokens: Vec<Tokens> = texts.iter().map(|text| tokenizer.tokenize(text, None).unwrap()).collect();
    let batch = PackedBatch::new(&tokens);
    let every = Rows::EveryToken;
    let outputs = [Output::TextLogits, Output::TokenLogits(every), Output::Hidden(every)];
    let given = outputs.into_iter().filter(|&output| encoder.width(output).is_some());
    given.flat_map(|output| encoder.compute(&batch, output, &Compute::single()).unwrap()).map(f32::to_bits).collect()
}

#[test]
fn every_architecture_gives_the_bits_that_it_gives_when_it_is_rounded_at_load() {
    for directory in architectures() {
        for precision in precisions() {
            let stored = rounded(&directory, precision);
            for cpu in [Cpu::highest(), Cpu::new(CpuLevel::Portable).unwrap()] {
                if precision == Precision::Bf16 && cpu.level() < CpuLevel::Avx512Bf16 {
                    continue;
                }
                let arithmetic = Arithmetic { cpu, precision };

                let (found, expected) = (bits(stored.path(), arithmetic), bits(&directory, arithmetic));

                assert!(!expected.is_empty() && found == expected, "{} {precision} {cpu:?}", directory.display());
            }
        }
    }
}

#[test]
fn a_model_in_bytes_is_smaller_and_says_in_what_it_is_stored() {
    let size = |directory: &Path| std::fs::metadata(directory.join("model.safetensors")).unwrap().len();

    let stored = rounded(Path::new(MODEL), Precision::Int8);

    let (from, to) = (size(Path::new(MODEL)), size(stored.path()));
    // Most of the rest are its embeddings.
    assert!(to * 5 < from * 4, "{to} of {from}");
    assert_eq!(ModelConfig::read(stored.path()).unwrap().precision(), Some(Precision::Int8));
    // Who does not know the form must not take the model for one of another form.
    let config: Value = serde_json::from_slice(&stored.read("config.json")).unwrap();
    assert_eq!(config["quantization_config"], json!({"quant_method": "riverrun", "precision": "int8"}));
    assert_eq!(ModelConfig::read(Path::new(MODEL)).unwrap().precision(), None);
}

#[test]
fn half_length_floats_are_computed_in_full_length_where_the_cpu_has_none() {
    if !computes_bf16() {
        return;
    }
    let fixture = Path::new(FIXTURES).join("distilbert");
    let stored = rounded(&fixture, Precision::Bf16);
    let cpu = Cpu::new(CpuLevel::Portable).unwrap();
    let arithmetic = Arithmetic { cpu, precision: Precision::Bf16 };

    let config = EncoderConfig::read(stored.path()).unwrap();
    Encoder::load_shared(stored.path(), config, arithmetic).unwrap();
    let (rounded, full) = (bits(stored.path(), arithmetic), bits(&fixture, cpu.into()));

    assert!(rounded != full, "its weights are rounded");
    for (rounded, full) in rounded.into_iter().map(f32::from_bits).zip(full.into_iter().map(f32::from_bits)) {
        assert!((rounded - full).abs() < 0.1, "{rounded} for {full}");
    }
}

/// The fixture with other weights in one layer.
fn with_weights(tensor: &str, edit: impl Fn(usize, f32) -> f32) -> CopiedModel {
    let model = CopiedModel::new("distilbert");
    edit_tensor(&model, tensor, |bytes| {
        for (index, value) in bytes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *value = edit(index, f32::from_le_bytes(*value)).to_le_bytes();
        }
    });
    model
}

fn edit_tensor(model: &CopiedModel, tensor: &str, edit: impl FnOnce(&mut [u8])) {
    let mut bytes = model.read("model.safetensors");
    let header = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let info: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let offset = |end: usize| {
        let offset = info[tensor]["data_offsets"][end].as_u64();
        usize::try_from(offset.unwrap_or_else(|| panic!("no `{tensor}`"))).unwrap() + 8 + header
    };
    edit(&mut bytes[offset(0)..offset(1)]);
    model.write("model.safetensors", bytes);
}

const UNITS: &str = "distilbert.transformer.layer.0.ffn.lin1.weight";

#[test]
fn channels_of_zeros_outliers_and_the_largest_numbers_are_stored_as_they_are_computed() {
    let models = [
        with_weights(UNITS, |index, value| if index < 64 { 0.0 } else { value }),
        with_weights(UNITS, |_, _| 0.0),
        with_weights(UNITS, |index, value| if index % 37 == 0 { value * 1e4 } else { value }),
        with_weights(UNITS, |index, value| if index == 5 { f32::MAX } else { value }),
        with_weights(UNITS, |_, value| value * 1e-44),
        // One of three layers that are joined is beyond the range of half-length floats: all stay in full length.
        with_weights("distilbert.transformer.layer.0.attention.k_lin.weight", |index, value| {
            if index == 7 { f32::MAX } else { value }
        }),
    ];
    for (number, model) in models.iter().enumerate() {
        for precision in precisions() {
            let arithmetic = Arithmetic { cpu: Cpu::highest(), precision };
            let stored = rounded(model.path(), precision);

            assert!(bits(stored.path(), arithmetic) == bits(model.path(), arithmetic), "model {number} in {precision}");
        }
    }
}

fn load(model: &CopiedModel, precision: Option<Precision>) -> Result<TextClassification, InferenceError> {
    let options = TextClassificationOptions::new();
    TextClassification::load(model.path(), precision.into_iter().fold(options, TextClassificationOptions::precision))
}

#[test]
fn a_stored_precision_is_computed_unasked_and_another_is_refused() {
    let stored = rounded(&Path::new(FIXTURES).join("distilbert"), Precision::Int8);

    assert!(load(&stored, None).is_ok() && load(&stored, Some(Precision::Int8)).is_ok());
    for other in [Precision::F32, Precision::Bf16, Precision::Int8Faithful] {
        let message = load(&stored, Some(other)).unwrap_err().to_string();
        for part in ["config.json", "are stored in int8 ", &format!("computed in {other}"), "quantized from"] {
            assert!(message.contains(part), "{message}");
        }
    }
}

#[test]
fn a_stored_model_that_is_damaged_is_refused_with_its_file_and_its_tensor() {
    let bytes = format!("{UNITS}_int8");
    let scales = format!("{UNITS}_scale");
    let header = |from: &'static str, to: &'static str| {
        move |model: &CopiedModel| {
            assert_eq!(from.len(), to.len());
            let mut bytes = model.read("model.safetensors");
            let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            model.write("model.safetensors", bytes);
        }
    };
    let scale = |value: f32| {
        let scales = scales.clone();
        move |model: &CopiedModel| {
            edit_tensor(model, &scales, |bytes| bytes[4..8].copy_from_slice(&value.to_le_bytes()));
        }
    };
    type Damage<'a> = Box<dyn Fn(&CopiedModel) + 'a>;
    let damages: Vec<(Damage<'_>, Vec<&str>)> = vec![
        (Box::new(header("0.ffn.lin1.weight_scale", "0.ffn.lin1.weight_skale")), vec![&scales[11..], "is missing"]),
        (Box::new(header("0.ffn.lin1.weight_int8", "0.ffn.lin1.weight_int4")), vec![&bytes[11..], "is missing"]),
        (Box::new(header(r#""dtype":"I8""#, r#""dtype":"U8""#)), vec!["weight_int8`", "of type U8 instead of I8"]),
        (
            Box::new(header(
                r#"0.ffn.lin1.weight_int8":{"data_offsets":"#,
                r#"0.ffn.lin9.weight_int8":{"data_offsets":"#,
            )),
            vec![&bytes[11..], "is missing"],
        ),
        (Box::new(header(r#""shape":[40,32]"#, r#""shape":[32,40]"#)), vec!["weight_int8`", "[32, 40]", "[40, 32]"]),
        (Box::new(header(r#""shape":[40]"#, r#""shape":[39]"#)), vec!["[39]", "[40]"]),
        (Box::new(scale(f32::NAN)), vec![&scales, "holds NaN"]),
        (Box::new(scale(f32::INFINITY)), vec![&scales, "holds inf"]),
        (Box::new(scale(-0.5)), vec![&scales, "holds -0.5", "0 or more"]),
        (Box::new(|model| edit_tensor(model, &bytes, |bytes| bytes[3] = 0x80)), vec![&bytes, "holds -128"]),
        (
            Box::new(|model| {
                let whole = model.read("model.safetensors");
                model.write("model.safetensors", &whole[..whole.len() - 5]);
            }),
            vec!["is not a whole safetensors file", "ends at byte"],
        ),
        (
            Box::new(|model| model.edit_config(|config| config["quantization_config"]["precision"] = json!("int4"))),
            vec!["`quantization_config` has the precision `int4`", "quantize the model again"],
        ),
        (
            Box::new(|model| model.edit_config(|config| config["quantization_config"] = json!(null))),
            vec!["no tensor `transformer.layer.", ".weight` in "],
        ),
    ];
    for (number, (damage, parts)) in damages.into_iter().enumerate() {
        let model = rounded(&Path::new(FIXTURES).join("distilbert"), Precision::Int8);
        damage(&model);

        let message = load(&model, None).err().unwrap_or_else(|| panic!("damage {number} was not noticed")).to_string();

        for part in parts.into_iter().chain([model.path().to_str().unwrap()]) {
            assert!(message.contains(part), "damage {number}: `{part}` is not in: {message}");
        }
    }
}

#[test]
fn what_cannot_be_rounded_is_refused_and_nothing_is_written() {
    let fixture = Path::new(FIXTURES).join("distilbert");
    let to = tempfile::tempdir().unwrap();
    let message = |from: &Path, precision| quantize_weights(from, to.path(), precision).unwrap_err().to_string();

    let full = message(&fixture, Precision::F32);
    let twice = message(rounded(&fixture, Precision::Int8).path(), Precision::Int8Faithful);
    let diverged = with_weights(UNITS, |index, value| if index == 9 { f32::NAN } else { value });
    let diverged = message(diverged.path(), Precision::Int8);
    let decoder = CopiedModel::new("distilbert");
    decoder.edit_config(|config| config["architectures"] = json!(["GPT2LMHeadModel"]));
    let decoder = message(decoder.path(), Precision::Int8);

    assert!(full.contains("nothing to round for f32; choose int8, int8-faithful or bf16"), "{full}");
    assert!(twice.contains("stored in int8 already; take the model that it was quantized from"), "{twice}");
    assert!(diverged.contains(UNITS) && diverged.contains("holds NaN"), "{diverged}");
    assert!(decoder.contains("GPT2LMHeadModel"), "{decoder}");
    assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 0);
}

/// A store with the model of a directory as `it:1`.
fn store_with(directory: &Path, options: ImportOptions) -> (tempfile::TempDir, ModelStore, Model) {
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::at(home.path()).unwrap();
    let model = store.import(directory, options.version("1")).unwrap().model;
    (home, store, model)
}

fn is_as_it_was(home: &Path, store: &ModelStore, model: &Model) -> bool {
    let staging = std::fs::read_dir(home.join(".staging")).unwrap().count();
    staging == 0 && store.list().unwrap().len() == 1 && store.get(&"it".parse().unwrap()).unwrap() == *model
}

#[test]
fn a_version_that_gives_the_same_answers_is_stored_with_its_report_and_runs() {
    let (_home, store, model) = store_with(Path::new(MODEL), ImportOptions::new("it"));
    let options = QuantizeOptions::new(Precision::Int8Faithful).min_agreement(0.9).max_difference(0.05);
    let told = std::cell::RefCell::new(Vec::new());

    let quantized = quantize(&store, &model, &options, |done, all| told.borrow_mut().push((done, all))).unwrap();

    let found = store.get(&"it".parse().unwrap()).unwrap();
    assert_eq!((found.tag().to_string().as_str(), &found), ("it:1-int8-faithful", &quantized.model));
    let report = QuantizationReport::of(found.metadata()).unwrap();
    assert_eq!(report, quantized.report);
    assert_eq!((report.from.as_str(), report.precision, report.texts), ("it:1", Precision::Int8Faithful, 2_000));
    assert_eq!(report.compared, Compared::BestLabel);
    assert!(report.different_answers.unwrap() > 1);
    assert!(report.agreement >= 0.9 && report.mean_difference > 0.0);
    assert!(report.mean_difference < report.p99_difference && report.p99_difference <= report.max_difference);
    assert!(found.metadata().size() < model.metadata().size());
    assert_eq!(QuantizationReport::of(model.metadata()), None);
    assert!(told.borrow().is_sorted() && told.borrow().last() == Some(&(2_000, 2_000)));

    let at_load = model.to_runner_with(TextClassificationOptions::new().precision(Precision::Int8Faithful)).unwrap();
    let stored = found.to_runner().unwrap();
    at_load.init_local().unwrap();
    stored.init_local().unwrap();
    assert_eq!(stored.run("what a lovely day").unwrap(), at_load.run("what a lovely day").unwrap());
    let again = quantize(&store, &found, &options, |_, _| ()).unwrap_err().to_string();
    assert!(again.contains("`it:1-int8-faithful` cannot be quantized") && again.contains("already"), "{again}");
    let taken = quantize(&store, &model, &options, |_, _| panic!("the tag is taken")).unwrap_err().to_string();
    assert!(taken.contains("`it:1-int8-faithful` is already in the store"), "{taken}");
}

#[test]
fn below_a_threshold_nothing_is_stored_and_the_error_says_by_how_much() {
    let (home, store, model) = store_with(Path::new(MODEL), ImportOptions::new("it"));
    let texts: Vec<String> = (0..40).map(|number| format!("what a day {number}")).collect();
    let message = |options: QuantizeOptions| {
        let error = quantize(&store, &model, &options.texts(texts.clone()), |_, _| ()).unwrap_err();
        assert!(matches!(error, InferenceError::NotLikeTheOriginal { .. }), "{error}");
        assert!(is_as_it_was(home.path(), &store, &model));
        error.to_string()
    };

    // More than all cannot agree.
    let agreement = message(QuantizeOptions::new(Precision::Int8).min_agreement(1.01));
    let difference = message(QuantizeOptions::new(Precision::Int8Faithful).min_agreement(0.0).max_difference(0.0));

    for part in ["`it:1` in int8 agrees", "of 40 texts", "points below the 101.00 %", "try int8-faithful, lower"] {
        assert!(agreement.contains(part), "{agreement}");
    }
    for part in ["differ from those of f32 by 0.0", "more than the 0 ", "try bf16, lower the threshold"] {
        assert!(difference.contains(part), "{difference}");
    }
}

#[test]
fn a_sample_may_be_of_one_label_and_must_not_be_empty() {
    let (home, store, model) = store_with(Path::new(MODEL), ImportOptions::new("it"));
    let options = |texts: &[&str]| {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        QuantizeOptions::new(Precision::Int8).texts(texts).no_promote().name("other").version("2")
    };

    let empty = quantize(&store, &model, &options(&[]), |_, _| ()).unwrap_err().to_string();
    assert!(empty.contains("the sample has no texts"), "{empty}");
    assert!(is_as_it_was(home.path(), &store, &model));

    let one = quantize(&store, &model, &options(&["what a lovely day", "", "what a lovely day"]), |_, _| ()).unwrap();
    assert_eq!(one.model.tag().to_string(), "other:2");
    assert!(one.report.different_answers.unwrap() <= 2);
    assert!(store.get(&"other".parse().unwrap()).is_err(), "it was not promoted");
}

#[test]
fn results_that_are_no_numbers_are_told_with_their_text() {
    let model = with_weights(UNITS, |_, value| value * 1e38);
    let (home, store, model) = store_with(model.path(), ImportOptions::new("it"));

    let message = quantize(&store, &model, &QuantizeOptions::new(Precision::Int8), |_, _| ()).unwrap_err().to_string();

    assert!(message.contains("text 1 of the sample") && message.contains("in f32: "), "{message}");
    assert!(is_as_it_was(home.path(), &store, &model));
}

#[test]
fn every_task_is_compared_in_what_it_answers() {
    use InferenceTask::{FeatureExtraction, TextRanking, ZeroShotClassification};

    let tasks = |name: &str| Path::new(FIXTURES).join("tasks").join(name);
    for (name, task, compared) in [
        ("texts-single", None, Compared::BestLabel),
        ("texts-multi-label", None, Compared::Labels),
        ("texts-regression", None, Compared::Order),
        ("texts-one-label", None, Compared::Order),
        ("ranking", Some(TextRanking), Compared::Order),
        ("zero-shot", Some(ZeroShotClassification), Compared::BestLabel),
        ("tokens-pieces", None, Compared::TokenLabels),
        ("questions-bytes", None, Compared::Answer),
        ("masked-unigram", None, Compared::Answer),
        ("features", Some(FeatureExtraction), Compared::Cosine),
        ("embeddings", None, Compared::Cosine),
    ] {
        let mut import = ImportOptions::new("it");
        import.task = task;
        let (_home, store, model) = store_with(&tasks(name), import);
        let texts = riverrun_inference::sample_texts().into_iter().take(150).collect();
        let options = QuantizeOptions::new(Precision::Int8Faithful).texts(texts).min_agreement(0.8);

        let quantized = quantize(&store, &model, &options, |_, _| ()).unwrap_or_else(|error| panic!("{name}: {error}"));

        let report = quantized.report;
        assert_eq!(report.compared, compared, "{name}");
        assert!(report.agreement <= 1.0 && report.max_difference > 0.0, "{name}: {report:?}");
        assert_eq!(quantized.model.metadata().task, model.metadata().task, "{name}");
        quantized.model.to_any_runner(&Default::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn what_the_native_encoder_does_not_compute_is_refused() {
    let graph = Path::new(FIXTURES).join("onnx/texts-single");
    let (home, store, model) = store_with(&graph, ImportOptions::new("it"));

    let message = quantize(&store, &model, &QuantizeOptions::new(Precision::Int8), |_, _| ()).unwrap_err().to_string();

    assert!(message.contains("`it:1` cannot be quantized: it is in the format onnx"), "{message}");
    assert!(is_as_it_was(home.path(), &store, &model));
}
