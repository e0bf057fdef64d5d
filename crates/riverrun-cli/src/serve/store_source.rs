//! Versions of a model, from the store.

use std::sync::Arc;

use riverrun::inference::ModelExt;
use riverrun::model::{Model, ModelStore, TagRef};
use riverrun::prelude::*;
use riverrun::runner::{AnyRunner, Batching};
use riverrun::service::{ModelSource, SourceError};

use crate::failure::{Failure, Result};

/// How every version is loaded.
#[derive(Clone)]
pub(super) struct Loading {
    pub(super) options: TextClassificationOptions,
    pub(super) batching: Batching,
}

impl Loading {
    /// A runner of `model`, loaded.
    pub(super) fn load(&self, model: &Model) -> Result<Arc<dyn AnyRunner>> {
        let runner = model.to_runner_with(self.options.clone()).map_err(Failure::failed)?;
        let runner = runner.batching(self.batching.clone());
        runner.ensure_local().map_err(Failure::failed)?;
        Ok(runner.erased())
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
