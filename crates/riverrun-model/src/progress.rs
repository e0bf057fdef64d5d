//! How far a long operation is.

use std::fmt;
use std::sync::Arc;

/// Told how far an import, an export or a download is; may be called from any thread.
///
/// Every method does nothing unless it is written.
pub trait Progress: Send + Sync {
    /// A part begins: `what` says what is being done, `bytes` how much there is to do where that is known.
    fn begin(&self, what: &str, bytes: Option<u64>) {
        let _ = (what, bytes);
    }

    /// So many bytes more of the part are done.
    fn advance(&self, bytes: u64) {
        let _ = bytes;
    }

    /// Something a person who waits wants to know, such as that a connection is tried again.
    fn notice(&self, message: &str) {
        let _ = message;
    }
}

/// Tells nobody.
impl Progress for () {}

/// A [`Progress`] that several own.
#[derive(Clone)]
pub(crate) struct Watcher(pub(crate) Arc<dyn Progress>);

impl Default for Watcher {
    fn default() -> Self {
        Self(Arc::new(()))
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

impl std::ops::Deref for Watcher {
    type Target = dyn Progress;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}
