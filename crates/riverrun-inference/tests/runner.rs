//! A model of the store as a runner: batched and on several threads, it gives what it gives alone.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used)]

use riverrun_inference::{ModelExt, TextClassification, TextClassificationOptions, TopK};
use riverrun_model::{ImportOptions, ModelStore, TagRef};
use riverrun_runner::{Compute, Runnable};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment");

fn texts() -> Vec<String> {
    (0..48).map(|n| format!("{} it is number {n} and I {} it", "really ".repeat(n), ["love", "hate"][n % 2])).collect()
}

#[test]
fn threads_and_batches_of_a_runner_do_not_change_a_bit() {
    let home = tempfile::tempdir().unwrap();
    let model = ModelStore::at(home.path()).unwrap().import_directory(MODEL, ImportOptions::new("sentiment")).unwrap();
    let options = TextClassificationOptions::new().top_k(TopK::All);
    let task = TextClassification::load(MODEL, options.clone()).unwrap();
    let alone = |text: &str| {
        let tokens = task.prepare(text.into()).unwrap().value;
        task.run(vec![tokens], &Compute::single()).unwrap().remove(0).unwrap()
    };
    let expected: Vec<_> = texts().iter().map(|text| alone(text)).collect();

    let runner = model.model.to_runner_with(options).unwrap();
    runner.init_local().unwrap();

    // A lone request has every idle thread lent to it.
    for (text, expected) in texts().iter().zip(&expected) {
        assert_eq!(&runner.run(text.as_str()).unwrap(), expected);
    }
    let batch: Vec<_> = runner.run_batch(texts()).unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(batch, expected);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (text, expected) in texts().iter().zip(&expected) {
                    assert_eq!(&runner.run(text.as_str()).unwrap(), expected);
                }
            });
        }
    });
}

#[test]
fn a_file_that_changed_in_the_store_is_named_when_the_runner_is_initialised() {
    let home = tempfile::tempdir().unwrap();
    let model = ModelStore::at(home.path()).unwrap().import_directory(MODEL, ImportOptions::new("broken")).unwrap();
    let config = model.model.path().join("config.json");
    // The store may have made its files read-only, so it is replaced.
    std::fs::remove_file(&config).unwrap();
    std::fs::write(&config, "{").unwrap();

    let message = model.model.to_runner().unwrap().init_local().unwrap_err().to_string();

    assert!(message.contains("config.json") && message.contains("SHA-256"), "{message}");
}

#[test]
fn a_model_in_another_format_is_refused_with_what_runs_it() {
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::at(home.path()).unwrap();
    let model = store.import_directory(MODEL, ImportOptions::new("trees")).unwrap().model;
    let metadata = model.path().join("model.toml");
    let text =
        std::fs::read_to_string(&metadata).unwrap().replace(r#"format = "safetensors""#, r#"format = "xgboost""#);
    std::fs::remove_file(&metadata).unwrap();
    std::fs::write(&metadata, text).unwrap();

    let message = store.get(&TagRef::parse("trees").unwrap()).unwrap().to_runner().unwrap_err().to_string();

    assert!(
        message.contains("`trees:") && message.contains("xgboost") && message.contains("riverrun predict"),
        "{message}"
    );
}

#[test]
fn a_model_for_another_task_is_refused_by_name() {
    let home = tempfile::tempdir().unwrap();
    let model =
        ModelStore::at(home.path()).unwrap().import_directory(MODEL, ImportOptions::new("other")).unwrap().model;
    let metadata = model.path().join("model.toml");
    let text = std::fs::read_to_string(&metadata).unwrap().replace("text-classification", "feature-extraction");
    std::fs::remove_file(&metadata).unwrap();
    std::fs::write(&metadata, text).unwrap();
    let model = ModelStore::at(home.path()).unwrap().get(&TagRef::parse("other").unwrap()).unwrap();

    let message = model.to_runner().unwrap_err().to_string();

    assert!(
        message.contains("`other:") && message.contains("feature-extraction, not text-classification"),
        "{message}"
    );
}
