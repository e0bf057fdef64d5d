//! A small model for the tests of the store.

use std::fs;
use std::path::Path;

use super::ModelStore;
use crate::model::Model;
use crate::tag::Tag;

/// A directory that can be imported.
pub(crate) fn a_model() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let header = r#"{"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#;
    let mut weights = (header.len() as u64).to_le_bytes().to_vec();
    weights.extend_from_slice(header.as_bytes());
    weights.extend_from_slice(&[1, 2, 3, 4]);
    let config = r#"{"architectures": ["BertForSequenceClassification"]}"#;
    for (name, content) in
        [("config.json", config.as_bytes()), ("tokenizer.json", b"{}"), ("model.safetensors", &weights)]
    {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

/// Imports a directory under a tag, as the latest version.
pub(crate) fn import(store: &ModelStore, directory: &Path, tag: &str) -> Model {
    let tag: Tag = tag.parse().unwrap();
    store.import_directory(directory, tag.into()).unwrap().model
}
