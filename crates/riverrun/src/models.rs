//! The models of the default store, in one call each.

use std::path::Path;

use riverrun_model::{Error, ImportOptions, Imported, ListEntry, Model, ModelStore, TagRef};

/// The model of this tag: `name`, `name:latest` or `name:version`.
///
/// # Errors
/// The tag is malformed, or the store at `$RIVERRUN_HOME` (by default the platform's place for application data) does not
/// have it.
pub fn get(tag: &str) -> Result<Model, Error> {
    ModelStore::open_default()?.get(&TagRef::parse(tag)?)
}

/// All models of the store.
///
/// # Errors
/// The store can't be read.
pub fn list() -> Result<Vec<ListEntry>, Error> {
    ModelStore::open_default()?.list()
}

/// Imports a Hugging Face directory, an ONNX file or directory, a booster, a directory of BentoML's store, or an exported
/// archive under a name; its `latest` is this version from then on.
///
/// # Errors
/// What is there is no model, or the store can't be written.
pub fn import(path: impl AsRef<Path>, name: &str) -> Result<Imported, Error> {
    ModelStore::open_default()?.import(path, ImportOptions::new(name))
}

/// Brings a model from the Hugging Face hub into the store, `hf:org/name` or `hf:org/name@revision`, with what
/// `HF_TOKEN`, `HF_ENDPOINT` and the other variables of `huggingface_hub` say.
///
/// # Errors
/// The reference is malformed, the hub doesn't give the model, or what it gives can't be run or trusted.
#[cfg(feature = "pull")]
pub fn pull(reference: &str) -> Result<riverrun_model::Pulled, Error> {
    let options = riverrun_model::PullOptions::new(riverrun_model::HubSettings::from_environment()?);
    ModelStore::open_default()?.pull(&reference.parse()?, options)
}
