//! Where an operator's futures run: [`Spawner`].

use std::pin::Pin;

use crate::error::Result;

/// A future for a host to run to its end.
pub type SpawnedFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs futures for operators. A host supplies one as [`RuntimeContext::spawner`](crate::RuntimeContext::spawner).
pub trait Spawner: Send + Sync {
    /// Runs a future on the host's own threads.
    ///
    /// # Errors
    /// The host can't run it, now or ever.
    fn spawn(&self, future: SpawnedFuture) -> Result<Box<dyn SpawnedTask>>;

    /// Calls `call`, once, on this thread, where futures can be made and polled that need the host's timers and sockets.
    ///
    /// # Errors
    /// The host can't run futures; `call` was not called then.
    fn enter(&self, call: &mut dyn FnMut()) -> Result {
        call();
        Ok(())
    }
}

/// A future that was spawned. Dropping this drops the future, soon, wherever it stands.
pub trait SpawnedTask: Send {}
