//! Two values of one type become one.

use crate::context::RuntimeContext;
use crate::error::Result;

/// Makes one value of two. Same as Flink's `ReduceFunction`.
pub trait ReduceFunction<T>: Clone + Send + 'static {
    /// Whether the values can be reduced in any order and grouping with the same result to the last bit, as integers can be
    /// added and floating-point numbers cannot. Sliding windows then share work. What is reduced with the rest always holds the
    /// earliest of the values, so that it may count for more than the others.
    fn is_mergeable(&self) -> bool {
        false
    }

    /// Called once per subtask before the first value.
    ///
    /// # Errors
    /// An error fails the task.
    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// Reduces what there is with the value that came after it.
    ///
    /// # Errors
    /// An error fails the task.
    fn reduce(&mut self, reduced: T, value: T) -> Result<T>;

    /// Called once per subtask after the last value, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

#[derive(Clone)]
pub(crate) struct ReduceClosure<F>(pub(crate) F);

impl<T, F: FnMut(T, T) -> T + Clone + Send + 'static> ReduceFunction<T> for ReduceClosure<F> {
    #[inline]
    fn reduce(&mut self, reduced: T, value: T) -> Result<T> {
        Ok((self.0)(reduced, value))
    }
}
