//! The threads that a batch may use.

/// The threads that one call of [`Runnable::run`](crate::Runnable::run) may use: its own and those lent to it.
///
/// The same work gives the same bits whatever the number of threads, as long as each part is computed by one of them.
#[derive(Debug, Default)]
pub struct Compute {}

impl Compute {
    /// The calling thread alone.
    #[must_use]
    pub fn single() -> Self {
        Self {}
    }

    /// How many threads [`parallel`](Self::parallel) uses at most, the caller's included; at least 1.
    #[must_use]
    pub fn threads(&self) -> usize {
        1
    }

    /// Calls `part(0)`, `part(1)`, … `part(parts - 1)`, each once, on the caller's thread and on those lent, and returns
    /// when all are done. A panic of a part is passed on to the caller.
    pub fn parallel(&self, parts: usize, part: &(dyn Fn(usize) + Sync)) {
        for index in 0..parts {
            part(index);
        }
    }
}
