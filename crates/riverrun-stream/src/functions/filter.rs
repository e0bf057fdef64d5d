//! Keeps values or drops them.

use crate::context::RuntimeContext;
use crate::error::Result;

/// Says which values stay. Same as Flink's `FilterFunction`.
pub trait FilterFunction<T>: Clone + Send + 'static {
    /// Called once per subtask before the first value.
    ///
    /// # Errors
    /// An error fails the task.
    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// Whether the value stays.
    ///
    /// # Errors
    /// An error fails the task.
    fn filter(&mut self, value: &T) -> Result<bool>;

    /// Called once per subtask after the last value, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

#[derive(Clone)]
pub(crate) struct FilterClosure<F>(pub(crate) F);

impl<T, F: FnMut(&T) -> bool + Clone + Send + 'static> FilterFunction<T> for FilterClosure<F> {
    #[inline]
    fn filter(&mut self, value: &T) -> Result<bool> {
        Ok((self.0)(value))
    }
}
