//! The operator state of a user's function, within the operator that calls it.

use crate::context::RuntimeContext;
use crate::error::{FunctionError, Result};
use crate::operator::{FrozenState, RestoredState, SnapshotWriter};
use crate::state::OperatorStateStore;

/// Keeps what a snapshot holds until the function asks for it, and freezes what the function keeps.
#[derive(Default)]
pub(crate) struct FunctionState {
    store: OperatorStateStore,
}

impl FunctionState {
    /// Takes what an operator did not take for itself.
    pub(crate) fn restore(&self, state: RestoredState) {
        self.store.restore(state);
    }

    /// The context that the function is opened with.
    pub(crate) fn context(&self, context: &RuntimeContext) -> RuntimeContext {
        RuntimeContext { operator_state: self.store.clone(), ..context.clone() }
    }

    /// Checks, once the function is open, that it has asked for all that was restored.
    pub(crate) fn opened(&self) -> Result {
        if self.store.is_restored() {
            return Ok(());
        }
        Err(FunctionError::new(
            "the snapshot holds state that this operator does not ask for; restore it into the operator that wrote it (check the `uid`s)",
        ))
    }

    pub(crate) fn freeze(&self) -> Result<impl FnOnce(&mut dyn SnapshotWriter) -> Result + Send + use<>> {
        self.store.freeze()
    }

    /// The whole snapshot of an operator that keeps nothing else.
    pub(crate) fn snapshot(&self) -> Result<Box<dyn FrozenState>> {
        Ok(Box::new(self.freeze()?))
    }
}
