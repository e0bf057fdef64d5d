//! Which permit the calling thread computes on.

use std::cell::Cell;

use super::permits::{Permit, Permits};
use crate::sync::per_thread;

per_thread! {
    HELD: Cell<Option<&'static Permits>> = Cell::new(None);
}

/// While it lives, the calling thread is known to compute on a permit.
pub(crate) struct Held {
    before: Option<&'static Permits>,
}

impl Held {
    pub(crate) fn mark(permits: &'static Permits) -> Self {
        Self { before: HELD.with(|held| held.replace(Some(permits))) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.with(|held| held.set(self.before));
    }
}

/// The permit that the calling thread held when it began to wait for another runner.
///
/// It is lent to the nested call, which computes on it or gives it to others while it waits; the thread has one again
/// before it goes on.
pub(crate) struct Nested {
    permits: Option<&'static Permits>,
    permit: Option<Permit>,
}

impl Nested {
    /// The permit, for the nested call to compute on.
    pub(crate) fn take(&mut self) -> Option<Permit> {
        self.permit.take()
    }

    /// A permit that the nested call has left.
    pub(crate) fn keep(&mut self, permit: Option<Permit>) {
        // Without a batch to go on with, it goes back to the others.
        self.permit = permit.filter(|_| self.permits.is_some());
    }
}

impl Held {
    /// Takes the calling thread's permit, if it computes on one of `permits`.
    pub(crate) fn lend(permits: &'static Permits) -> Nested {
        let held = HELD.with(Cell::get).filter(|held| std::ptr::eq(*held, permits));
        if held.is_some() {
            HELD.with(|held| held.set(None));
        }
        Nested { permits: held, permit: held.map(Permit::materialize) }
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        if let Some(permits) = self.permits {
            let permit = self.permit.take().unwrap_or_else(|| permits.reacquire());
            // The batch that the thread is in the middle of owns it.
            std::mem::forget(permit);
            HELD.with(|held| held.set(Some(permits)));
        }
    }
}
