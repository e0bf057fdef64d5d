//! One value in from either of two streams, any number out.

use crate::context::RuntimeContext;
use crate::error::Result;
use crate::functions::Collector;

/// Makes any number of values of each value of two streams. Same as Flink's `CoFlatMapFunction`.
pub trait CoFlatMapFunction<A, B>: Clone + Send + 'static {
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

    /// Makes values of one of the first stream and hands them to `out`.
    ///
    /// # Errors
    /// An error fails the task.
    fn flat_map1(&mut self, value: A, out: &mut Collector<'_, Self::Out>) -> Result;

    /// Makes values of one of the second stream and hands them to `out`.
    ///
    /// # Errors
    /// An error fails the task.
    fn flat_map2(&mut self, value: B, out: &mut Collector<'_, Self::Out>) -> Result;

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
pub(crate) struct CoFlatMapClosures<F, G>(pub(crate) F, pub(crate) G);

impl<A, B, I, J, F, G> CoFlatMapFunction<A, B> for CoFlatMapClosures<F, G>
where
    I: IntoIterator,
    J: IntoIterator<Item = I::Item>,
    F: FnMut(A) -> I + Clone + Send + 'static,
    G: FnMut(B) -> J + Clone + Send + 'static,
{
    type Out = I::Item;

    #[inline]
    fn flat_map1(&mut self, value: A, out: &mut Collector<'_, I::Item>) -> Result {
        (self.0)(value).into_iter().for_each(|made| out.collect(made));
        Ok(())
    }

    #[inline]
    fn flat_map2(&mut self, value: B, out: &mut Collector<'_, I::Item>) -> Result {
        (self.1)(value).into_iter().for_each(|made| out.collect(made));
        Ok(())
    }
}
