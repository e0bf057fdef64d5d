//! Where a runner runs, whatever its types are.

use std::sync::Arc;

use riverrun::client::{Client, ClientError, ClientExt, ClientOptions};
use riverrun::inference::{AnyRunnerOptions, InferenceError, ModelExt};
use riverrun::model::Model;
use riverrun::runner::wire::Portable;
use riverrun::runner::{AnyRunner, Runner, RunnerError};
use std::pin::Pin;
use std::sync::OnceLock;

pub(super) type Connecting = Pin<Box<dyn Future<Output = Result<Client, ClientError>> + Send>>;
pub(super) type Loading = Box<dyn FnOnce() -> Result<(), RunnerError> + Send>;

/// A runner that is not bound yet, or is.
pub(super) trait Binding: Send + Sync {
    fn name(&self) -> &str;

    /// What loads it into this process.
    fn loading(&self) -> Loading;

    /// What binds it to a service.
    fn connecting(&self, options: ClientOptions) -> Connecting;

    /// The runner, once it is bound.
    fn runner(&self) -> Result<Arc<dyn AnyRunner>, RunnerError>;
}

impl<R: Portable> Binding for Runner<R> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn loading(&self) -> Loading {
        let runner = self.clone();
        Box::new(move || runner.init_local())
    }

    fn connecting(&self, options: ClientOptions) -> Connecting {
        let runner = self.clone();
        Box::pin(async move { runner.async_init_client(options).await })
    }

    fn runner(&self) -> Result<Arc<dyn AnyRunner>, RunnerError> {
        if self.is_initialised() { Ok(self.erased()) } else { Err(not_initialised(self.name())) }
    }
}

fn not_initialised(name: &str) -> RunnerError {
    RunnerError::NotInitialised { runner: name.into() }
}

/// A model without a task: what it is computed by is known once it is loaded. `R` is what a service of such models speaks.
pub(super) struct WithoutTask<R: Portable> {
    model: Model,
    options: AnyRunnerOptions,
    remote: Runner<R>,
    local: Arc<OnceLock<Arc<dyn AnyRunner>>>,
}

impl<R: Portable> WithoutTask<R> {
    pub(super) fn new(model: Model, options: AnyRunnerOptions) -> Self {
        let name = model.tag().to_string();
        let runner: Arc<str> = name.as_str().into();
        let remote = Runner::lazy(name.clone(), format!("{name} elsewhere"), move || {
            Err(RunnerError::NotInitialised { runner: runner.clone() })
        });
        Self { model, options, remote, local: Arc::default() }
    }
}

impl<R: Portable> Binding for WithoutTask<R> {
    fn name(&self) -> &str {
        self.remote.name()
    }

    fn loading(&self) -> Loading {
        let (model, options, local) = (self.model.clone(), self.options.clone(), self.local.clone());
        let (name, is_bound): (Arc<str>, _) = (self.name().into(), self.remote.is_initialised());
        Box::new(move || {
            let taken = || RunnerError::AlreadyInitialised { runner: name.clone() };
            if is_bound || local.get().is_some() {
                return Err(taken());
            }
            let loaded = model.to_any_runner(&options).map_err(|error| match error {
                InferenceError::Runner(error) => error,
                error => RunnerError::Load { runner: name.clone(), reason: error.to_string() },
            })?;
            local.set(loaded).map_err(|_| taken())
        })
    }

    fn connecting(&self, options: ClientOptions) -> Connecting {
        let (remote, local) = (self.remote.clone(), self.local.clone());
        Box::pin(async move {
            if local.get().is_some() {
                return Err(RunnerError::AlreadyInitialised { runner: remote.name().into() }.into());
            }
            remote.async_init_client(options).await
        })
    }

    fn runner(&self) -> Result<Arc<dyn AnyRunner>, RunnerError> {
        self.local.get().cloned().map_or_else(|| Binding::runner(&self.remote), Ok)
    }
}
