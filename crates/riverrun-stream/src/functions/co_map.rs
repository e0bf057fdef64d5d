//! One value in from either of two streams, one value out.

use crate::context::RuntimeContext;
use crate::error::Result;

/// Makes one value of each value of two streams. Same as Flink's `CoMapFunction`.
pub trait CoMapFunction<A, B>: Clone + Send + 'static {
    /// What it makes.
    type Out;

    /// Called once per subtask before the first value.
    ///
    /// # Errors
    /// An error fails the task.
    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// Makes a value of one of the first stream.
    ///
    /// # Errors
    /// An error fails the task.
    fn map1(&mut self, value: A) -> Result<Self::Out>;

    /// Makes a value of one of the second stream.
    ///
    /// # Errors
    /// An error fails the task.
    fn map2(&mut self, value: B) -> Result<Self::Out>;

    /// Called once per subtask after the last value, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

/// A closure for each stream.
#[derive(Clone)]
pub(crate) struct CoMapClosures<F, G>(pub(crate) F, pub(crate) G);

impl<A, B, Out, F, G> CoMapFunction<A, B> for CoMapClosures<F, G>
where
    F: FnMut(A) -> Out + Clone + Send + 'static,
    G: FnMut(B) -> Out + Clone + Send + 'static,
{
    type Out = Out;

    #[inline]
    fn map1(&mut self, value: A) -> Result<Out> {
        Ok((self.0)(value))
    }

    #[inline]
    fn map2(&mut self, value: B) -> Result<Out> {
        Ok((self.1)(value))
    }
}
