//! What the options and the model's configuration make of the logits.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used)]

mod copied_model;

use copied_model::CopiedModel;
use riverrun_inference::{
    Classification, FunctionToApply, TextClassification, TextClassificationOptions, TextInput, TopK,
};
use riverrun_runner::{Compute, Runnable};
use serde_json::json;

const TEXT: &str = "the dog was happy !";

fn classify(model: &CopiedModel, options: TextClassificationOptions) -> Vec<Classification> {
    let task = TextClassification::load(model.path(), options).unwrap();
    let tokens = task.prepare(TEXT.into()).unwrap().value;
    task.run(vec![tokens], &Compute::single()).unwrap().remove(0).unwrap()
}

fn all() -> TextClassificationOptions {
    TextClassificationOptions::new().top_k(TopK::All)
}

fn logits(model: &CopiedModel) -> Vec<Classification> {
    classify(model, all().function_to_apply(FunctionToApply::None))
}

fn assert_sigmoid(scores: &[Classification], logits: &[Classification]) {
    for (score, logit) in scores.iter().zip(logits) {
        assert_eq!(score.label, logit.label);
        assert!((score.score - 1.0 / (1.0 + (-logit.score).exp())).abs() < 1e-6);
    }
}

#[test]
fn softmax_is_the_default_and_sums_up_to_one() {
    let model = CopiedModel::new("bert-sharded");

    let scores = classify(&model, all());

    assert_eq!(scores.len(), 3);
    assert!((scores.iter().map(|score| score.score).sum::<f32>() - 1.0).abs() < 1e-6);
}

#[test]
fn several_labels_at_once_take_the_sigmoid() {
    let model = CopiedModel::new("bert-sharded");
    model.edit_config(|config| config["problem_type"] = json!("multi_label_classification"));

    assert_sigmoid(&classify(&model, all()), &logits(&model));
}

#[test]
fn a_regression_gives_the_logits() {
    let model = CopiedModel::new("bert-sharded");
    model.edit_config(|config| config["problem_type"] = json!("regression"));

    assert_eq!(classify(&model, all()), logits(&model));
}

#[test]
fn the_users_function_wins_over_the_configuration() {
    let model = CopiedModel::new("bert-sharded");
    model.edit_config(|config| config["problem_type"] = json!("regression"));

    let scores = classify(&model, all().function_to_apply(FunctionToApply::Sigmoid));

    assert_sigmoid(&scores, &logits(&model));
}

#[test]
fn an_empty_second_text_is_none() {
    let model = CopiedModel::new("bert-sharded");
    let task = TextClassification::load(model.path(), all()).unwrap();
    let scores = |input: TextInput| task.run(vec![task.prepare(input).unwrap().value], &Compute::single()).unwrap();

    let pair = |second: &str| TextInput::from((TEXT.to_owned(), second.to_owned()));
    assert_eq!(scores(pair("")), scores(TEXT.into()));
    assert_ne!(scores(pair(" ")), scores(TEXT.into()));
}

#[test]
fn top_k_gives_the_best_the_n_best_or_all_in_order() {
    let model = CopiedModel::new("bert-sharded");
    let every = classify(&model, all());

    assert!(every.windows(2).all(|pair| pair[0].score >= pair[1].score));
    assert_eq!(classify(&model, TextClassificationOptions::new()), every[..1]);
    assert_eq!(classify(&model, TextClassificationOptions::new().top_k(TopK::Some(2))), every[..2]);
    assert_eq!(classify(&model, TextClassificationOptions::new().top_k(TopK::Some(9))), every);
}

#[test]
fn a_model_without_label_names_gets_those_of_transformers() {
    let model = CopiedModel::new("bert-sharded");
    model.edit_config(|config| {
        config.as_object_mut().unwrap().remove("id2label");
        config["num_labels"] = json!(3);
    });

    let mut labels: Vec<String> = classify(&model, all()).iter().map(|score| score.label.to_string()).collect();

    labels.sort();
    assert_eq!(labels, ["LABEL_0", "LABEL_1", "LABEL_2"]);
}

#[test]
fn a_sentinel_as_maximum_means_that_of_the_positions() {
    let model = CopiedModel::new("bert-sharded");
    model.write("tokenizer_config.json", r#"{"model_max_length": 1000000000000000019884624838656}"#);

    let task = TextClassification::load(model.path(), TextClassificationOptions::new()).unwrap();

    assert_eq!(task.max_length(), 64);
}

#[test]
fn a_long_text_is_cut_and_counted_or_an_error_without_truncation() {
    let model = CopiedModel::new("bert-sharded");
    let text = "the cat sat . ".repeat(30);
    let cutting = TextClassification::load(model.path(), TextClassificationOptions::new()).unwrap();
    let strict = TextClassification::load(model.path(), TextClassificationOptions::new().truncation(false)).unwrap();

    assert_eq!(cutting.prepare(text.as_str().into()).unwrap().cost, 48);
    assert_eq!((cutting.truncated(), strict.truncated()), (1, 0));
    let message = strict.prepare(text.as_str().into()).unwrap_err().to_string();
    assert_eq!(message, "the text has 122 tokens and the model takes 48; shorten it, or set `truncation` to true");
    assert!(strict.prepare(TEXT.into()).is_ok());
}

#[test]
fn a_classification_is_plain_json() {
    let value = Classification { label: "positive".into(), score: 0.5 };

    let json = serde_json::to_string(&value).unwrap();

    assert_eq!(json, r#"{"label":"positive","score":0.5}"#);
    assert_eq!(serde_json::from_str::<Classification>(&json).unwrap(), value);
}
