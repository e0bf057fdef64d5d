//! The Tokio runtime that all remote runners of the process share.

use std::sync::{Mutex, OnceLock};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::ClientError;
use crate::sync::lock;

/// Requests wait for the network most of the time; what they compute is a batch's encoding.
const THREADS: usize = 2;

/// The shared runtime, started by the first remote runner. It is never dropped: a runner may live in a `static`.
pub(crate) fn handle() -> Result<Handle, ClientError> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime.handle().clone());
    }
    let _alone = lock(&STARTING);
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime.handle().clone());
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("riverrun-client")
        .enable_all()
        .build()
        .map_err(|error| ClientError::Runtime { reason: error.to_string() })?;
    Ok(RUNTIME.get_or_init(|| runtime).handle().clone())
}
