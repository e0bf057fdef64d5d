//! Where the futures of async operators run: one Tokio runtime for the whole process.

use std::sync::OnceLock;

use riverrun_stream::operator::{SpawnedFuture, SpawnedTask, Spawner};
use riverrun_stream::{FunctionError, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

/// Runs futures on the process's runtime, which the first of them starts, with as many threads as there are cores.
pub(crate) struct SharedRuntime;

impl Spawner for SharedRuntime {
    fn spawn(&self, future: SpawnedFuture) -> Result<Box<dyn SpawnedTask>> {
        Ok(Box::new(Task(runtime()?.spawn(future).abort_handle())))
    }

    fn enter(&self, call: &mut dyn FnMut()) -> Result {
        let _within = runtime()?.enter();
        call();
        Ok(())
    }
}

/// Aborted when it is dropped; of no effect where it is done.
struct Task(AbortHandle);

impl SpawnedTask for Task {}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let runtime =
        RUNTIME.get_or_init(|| Builder::new_multi_thread().thread_name("riverrun-async").enable_all().build());
    runtime.as_ref().map_err(|error| {
        FunctionError::external(format!(
            "no threads for async calls: {error}; raise the limit of threads of this process"
        ))
    })
}
