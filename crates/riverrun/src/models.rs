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

/// Imports a Hugging Face directory under a name; its `latest` is this version from then on.
///
/// # Errors
/// The directory is not a model, or the store can't be written.
pub fn import(directory: impl AsRef<Path>, name: &str) -> Result<Imported, Error> {
    ModelStore::open_default()?.import_directory(directory, ImportOptions::new(name))
}
