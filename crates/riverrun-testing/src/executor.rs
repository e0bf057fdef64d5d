//! Where the futures of an operator under test run.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use riverrun_stream::operator::{SpawnedFuture, SpawnedTask, Spawner};
use riverrun_stream::{FunctionError, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

/// One Tokio runtime for all harnesses of the process.
pub(crate) struct TestRuntime;

impl Spawner for TestRuntime {
    fn spawn(&self, future: SpawnedFuture) -> Result<Box<dyn SpawnedTask>> {
        Ok(Box::new(Task(runtime()?.spawn(future).abort_handle())))
    }

    fn enter(&self, call: &mut dyn FnMut()) -> Result {
        let _within = runtime()?.enter();
        call();
        Ok(())
    }
}

struct Task(AbortHandle);

impl SpawnedTask for Task {}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(2).enable_all().build());
    runtime.as_ref().map_err(|error| FunctionError::external(format!("no threads for async calls: {error}")))
}

/// A spawner that knows how many of its futures are there.
#[derive(Clone)]
pub(crate) struct Counting {
    spawner: Arc<dyn Spawner>,
    alive: Arc<AtomicUsize>,
}

impl Counting {
    pub(crate) fn new(spawner: Arc<dyn Spawner>) -> Self {
        Self { spawner, alive: Arc::default() }
    }

    /// How many futures were spawned and are neither done nor dropped. What a future sends before its end has arrived by the
    /// time it is no longer counted.
    pub(crate) fn alive(&self) -> usize {
        self.alive.load(Ordering::Acquire)
    }
}

impl Spawner for Counting {
    fn spawn(&self, future: SpawnedFuture) -> Result<Box<dyn SpawnedTask>> {
        self.alive.fetch_add(1, Ordering::AcqRel);
        let counted = Counted(self.alive.clone());
        self.spawner.spawn(Box::pin(async move {
            let _counted = counted;
            future.await;
        }))
    }

    fn enter(&self, call: &mut dyn FnMut()) -> Result {
        self.spawner.enter(call)
    }
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
