//! A runner that moves on when its model's `latest` does.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use riverrun_inference::{FollowLatest, Following, ModelChange, ModelExt, TextClassification};
use riverrun_model::{ImportOptions, ModelStore, TagRef};
use riverrun_runner::Runner;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment");
const SOON: Duration = Duration::from_secs(60);

/// The model, with another name for its label `positive`.
fn variant(directory: &Path, positive: &str) {
    for file in std::fs::read_dir(MODEL).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), directory.join(file.file_name())).unwrap();
    }
    let config = std::fs::read_to_string(directory.join("config.json")).unwrap();
    std::fs::remove_file(directory.join("config.json")).unwrap();
    std::fs::write(directory.join("config.json"), config.replace("positive", positive)).unwrap();
}

fn import(store: &ModelStore, version: &str, options: impl FnOnce(ImportOptions) -> ImportOptions) {
    let directory = tempfile::tempdir().unwrap();
    variant(directory.path(), version);
    store.import_directory(directory.path(), options(ImportOptions::new("sentiment").version(version))).unwrap();
}

fn follow(store: &ModelStore) -> (Runner<TextClassification>, Following, Receiver<ModelChange>) {
    let runner = store.get(&TagRef::latest("sentiment").unwrap()).unwrap().to_runner().unwrap();
    runner.init_local().unwrap();
    let (told, changes) = channel();
    let following = FollowLatest::new(store, "sentiment")
        .unwrap()
        .every(Duration::from_millis(10))
        .on_change(move |change| told.send(change.clone()).unwrap_or(()))
        .start(&runner)
        .unwrap();
    (runner, following, changes)
}

fn label(runner: &Runner<TextClassification>) -> String {
    runner.run("I love this, best day ever!").unwrap()[0].label.to_string()
}

#[test]
fn a_runner_that_follows_answers_by_the_version_that_latest_moved_to() {
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::at(home.path()).unwrap();
    import(&store, "v1", |options| options);
    let (runner, _following, changes) = follow(&store);
    assert_eq!(label(&runner), "v1");

    import(&store, "v2", |options| options);
    let change = changes.recv_timeout(SOON).unwrap();

    assert_eq!(change.to_string(), "sentiment:v2 has taken the place of sentiment:v1");
    assert_eq!(label(&runner), "v2");
}

#[test]
fn a_version_that_cannot_be_loaded_leaves_the_runner_where_it_is_and_the_next_one_is_tried() {
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::at(home.path()).unwrap();
    import(&store, "v1", |options| options);
    import(&store, "broken", ImportOptions::no_promote);
    let broken = store.get(&"sentiment:broken".parse().unwrap()).unwrap();
    std::fs::remove_file(broken.path().join("config.json")).unwrap();
    std::fs::write(broken.path().join("config.json"), "{").unwrap();
    let (runner, _following, changes) = follow(&store);

    store.promote(broken.tag()).unwrap();
    let change = changes.recv_timeout(SOON).unwrap().to_string();
    assert!(change.starts_with("sentiment:broken cannot take the place of sentiment:v1: "), "{change}");
    assert_eq!(label(&runner), "v1");

    import(&store, "v2", |options| options);
    assert!(matches!(changes.recv_timeout(SOON).unwrap(), ModelChange::Changed { .. }), "tried once, then passed over");
    assert_eq!(label(&runner), "v2");
}

#[test]
fn a_runner_that_is_not_initialised_or_is_no_model_of_the_store_cannot_follow() {
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::at(home.path()).unwrap();
    import(&store, "v1", |options| options);
    let runner = store.get(&TagRef::latest("sentiment").unwrap()).unwrap().to_runner().unwrap();
    let error = FollowLatest::new(&store, "sentiment").unwrap().start(&runner).unwrap_err().to_string();
    assert!(error.contains("`sentiment:v1` is not initialised"), "{error}");

    let other = Runner::new("mine", TextClassification::load(MODEL, Default::default()).unwrap());
    other.init_local().unwrap();
    let error = FollowLatest::new(&store, "sentiment").unwrap().start(&other).unwrap_err().to_string();
    assert!(error.starts_with("runner `mine` cannot follow"), "{error}");
}
