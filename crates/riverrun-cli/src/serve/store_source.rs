//! Versions of a model, from the store.

use std::sync::Arc;

use riverrun::inference::{AnyRunnerOptions, ModelExt};
use riverrun::model::{Model, ModelStore, TagRef};
use riverrun::runner::AnyRunner;
use riverrun::service::{ModelSource, SourceError};

use crate::apply::of_inference;
use crate::failure::Result;

/// How every version is loaded.
#[derive(Clone)]
pub(super) struct Loading {
    pub(super) options: AnyRunnerOptions,
}

impl Loading {
    /// A runner of `model` for what it is for, loaded.
    pub(super) fn load(&self, model: &Model) -> Result<Arc<dyn AnyRunner>> {
        model.to_any_runner(&self.options).map_err(of_inference)
    }
}

/// The latest version of one name.
pub(super) struct StoreSource {
    pub(super) store: ModelStore,
    pub(super) name: TagRef,
    pub(super) loading: Loading,
}

impl ModelSource for StoreSource {
    fn latest(&self) -> std::result::Result<String, SourceError> {
        let model = self.store.get(&self.name).map_err(|error| SourceError::new(error.to_string()))?;
        Ok(model.tag().version().to_owned())
    }

    fn load(&self, version: &str) -> std::result::Result<Arc<dyn AnyRunner>, SourceError> {
        let tag = TagRef::parse(&format!("{}:{version}", self.name.name()));
        let model = tag.and_then(|tag| self.store.get(&tag)).map_err(|error| SourceError::new(error.to_string()))?;
        self.loading.load(&model).map_err(|failure| SourceError::new(failure.message()))
    }
}
