//! A damaged or unsuitable model is refused with a message that names what is wrong and what to do.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used)]

mod copied_model;

use copied_model::CopiedModel;
use riverrun_inference::{TextClassification, TextClassificationOptions};
use serde_json::json;

fn refusal(model: &CopiedModel, parts: &[&str]) {
    let message = TextClassification::load(model.path(), TextClassificationOptions::new()).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

fn distilbert() -> CopiedModel {
    CopiedModel::new("distilbert")
}

/// Replaces text of the safetensors header by other text of the same length.
fn edit_header(model: &CopiedModel, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let mut bytes = model.read("model.safetensors");
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    model.write("model.safetensors", bytes);
}

#[test]
fn an_unknown_architecture_is_refused_with_the_known_ones() {
    let model = distilbert();
    model.edit_config(|config| *config = json!({"architectures": ["GPT2LMHeadModel"]}));

    refusal(
        &model,
        &[
            "GPT2LMHeadModel",
            "supported are Bert, DistilBert, Roberta, ",
            "ForSequenceClassification, ForTokenClassification",
        ],
    );
}

#[test]
fn a_configuration_that_is_missing_or_malformed_is_named() {
    let model = distilbert();
    model.write("config.json", "{");
    refusal(&model, &["config.json is not a valid model configuration"]);

    model.remove("config.json");
    refusal(&model, &["config.json cannot be read"]);
}

#[test]
fn values_that_no_model_can_have_are_refused() {
    for (key, value, part) in [
        ("n_heads", json!(5), "does not divide into 5 attention heads"),
        ("n_heads", json!(0), "the number of attention heads is 0"),
        ("activation", json!("mish"), "activation `mish` is not implemented"),
        ("position_embedding_type", json!("relative_key"), "`relative_key` is not implemented"),
        ("n_layers", json!(0), "number of layers is 0"),
    ] {
        let model = distilbert();
        model.edit_config(|config| config[key] = value);
        refusal(&model, &["config.json", part]);
    }
}

#[test]
fn numbers_that_no_memory_could_hold_are_refused_before_any_is_asked_for() {
    for (fixture, key, part) in [
        ("distilbert", "n_layers", "is no number of layers"),
        ("architectures/modernbert-texts", "max_position_embeddings", "is no number of positions"),
        ("architectures/gte-texts", "max_position_embeddings", "is no number of positions"),
        ("architectures/albert-texts", "inner_group_num", "can't be"),
    ] {
        let model = CopiedModel::new(fixture);
        model.edit_config(|config| config[key] = json!(1_000_000_000_000_u64));

        refusal(&model, &[part]);
    }
}

#[test]
fn buckets_of_distances_that_would_not_ascend_are_refused() {
    for most in [100, 129] {
        let model = CopiedModel::new("architectures/deberta-v3-texts");
        model.edit_config(|config| {
            config["position_buckets"] = json!(256);
            config["max_relative_positions"] = json!(most);
        });

        refusal(&model, &["256 position_buckets", &format!("not {most}")]);
    }
}

#[test]
fn labels_that_do_not_fit_the_classifier_are_refused() {
    let model = distilbert();
    model.edit_config(|config| config["id2label"] = json!({"0": "a", "1": "b"}));
    refusal(&model, &["2 labels", "`classifier.weight` has 4 rows"]);

    model.edit_config(|config| config["id2label"] = json!({"0": "a", "1": "b", "2": "c", "4": "d"}));
    refusal(&model, &["none for 3", "without a gap"]);
}

#[test]
fn a_missing_tensor_is_named() {
    let model = distilbert();
    edit_header(&model, "transformer.layer.1.ffn.lin2.weight", "transformer.layer.1.ffn.lin9.weight");

    refusal(&model, &["no tensor `transformer.layer.1.ffn.lin2.weight`", "model.safetensors"]);
}

#[test]
fn a_tensor_of_another_shape_is_named_with_both_shapes() {
    let model = distilbert();
    model.edit_config(|config| config["hidden_dim"] = json!(48));

    refusal(&model, &["ffn.lin1.weight", "[40, 32]", "[48, 32]"]);
}

#[test]
fn a_tensor_of_an_unknown_type_is_named() {
    let model = distilbert();
    edit_header(&model, r#""dtype":"F32""#, r#""dtype":"I32""#);

    refusal(&model, &["is of type I32", "F32, F16 and BF16"]);
}

#[test]
fn a_weight_that_is_no_number_is_refused_with_its_tensor() {
    for (value, name) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let model = distilbert();
        let mut bytes = model.read("model.safetensors");
        let last = bytes.len() - 4;
        bytes[last..].copy_from_slice(&value.to_le_bytes());
        model.write("model.safetensors", bytes);

        refusal(&model, &["tensor `", "in ", "model.safetensors holds ", name, "diverged"]);
    }
}

#[test]
fn a_damaged_safetensors_file_is_named() {
    let model = distilbert();
    let whole = model.read("model.safetensors");
    for (bytes, part) in [
        (whole[..whole.len() - 9].to_vec(), "ends at byte"),
        (whole[..100].to_vec(), "its header should have"),
        (vec![1, 2, 3], "3 bytes"),
        ([vec![255; 8], whole[8..].to_vec()].concat(), "its header should have"),
        ([whole[..8].to_vec(), vec![b'x'; whole.len() - 8]].concat(), "not valid JSON"),
    ] {
        model.write("model.safetensors", bytes);
        refusal(&model, &["model.safetensors is not a whole safetensors file", part]);
    }
}

#[test]
fn a_pickle_alone_is_refused_with_how_to_convert_it() {
    let model = distilbert();
    model.remove("model.safetensors");
    refusal(&model, &["neither model.safetensors nor model.safetensors.index.json"]);

    model.write("pytorch_model.bin", "");
    refusal(&model, &["pytorch_model.bin is a Python pickle", "convert it", "safe_serialization=True"]);
}

#[test]
fn an_index_that_points_outside_is_refused() {
    let model = CopiedModel::new("bert-sharded");
    model.write("model.safetensors.index.json", r#"{"weight_map": {"a": "../model.safetensors"}}"#);
    refusal(&model, &["the shard `../model.safetensors` is not a file name"]);

    model.write("model.safetensors.index.json", r#"{"weight_map": {"a": "gone.safetensors"}}"#);
    refusal(&model, &["gone.safetensors cannot be read"]);
}

#[test]
fn a_tokenizer_that_is_missing_damaged_or_of_another_model_is_named() {
    let model = distilbert();
    model.edit_config(|config| config["vocab_size"] = json!(50));
    refusal(&model, &["embeddings.word_embeddings.weight", "[50, 32]"]);

    let model = distilbert();
    let other = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment/tokenizer.json"));
    model.write("tokenizer.json", other.unwrap());
    refusal(&model, &["tokenizer.json knows 7500 tokens", "the model embeds"]);

    // Few tokens, one of them with an id beyond the embedding.
    let model = distilbert();
    let mut tokenizer: serde_json::Value = serde_json::from_slice(&model.read("tokenizer.json")).unwrap();
    tokenizer["model"]["vocab"]["far"] = json!(50_000);
    model.write("tokenizer.json", tokenizer.to_string());
    refusal(&model, &["tokenizer.json knows 50001 tokens"]);

    model.write("tokenizer.json", "{}");
    refusal(&model, &["tokenizer.json is not a tokenizer that can be used"]);

    model.remove("tokenizer.json");
    refusal(&model, &["tokenizer.json cannot be read"]);
}

#[test]
fn an_impossible_maximum_is_refused_with_the_possible_ones() {
    for tokens in [3, 65] {
        let options = TextClassificationOptions::new().max_length(tokens);
        let message = TextClassification::load(distilbert().path(), options).unwrap_err().to_string();

        assert!(message.contains(&format!("max_length {tokens}")) && message.contains("from 4 to 64"), "{message}");
    }
}
