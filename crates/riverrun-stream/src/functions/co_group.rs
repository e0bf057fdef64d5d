//! All values of a window, of two streams: [`CoGroupFunction`].

use std::marker::PhantomData;

use crate::context::RuntimeContext;
use crate::data::Data;
use crate::error::Result;
use crate::functions::{Collector, WindowFunction};
use crate::stream::TaggedUnion;

/// Makes any number of values of what both streams have in a window of a key. Same as Flink's `CoGroupFunction`.
pub trait CoGroupFunction<A, B>: Clone + Send + 'static {
    /// What it makes.
    type Out;

    /// Called once per subtask before the first window.
    ///
    /// # Errors
    /// An error fails the task.
    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// Makes values of the elements of both streams, each in arrival order; one of the two may have none.
    ///
    /// # Errors
    /// An error fails the task.
    fn co_group(&mut self, first: &[&A], second: &[&B], out: &mut Collector<'_, Self::Out>) -> Result;

    /// Called once per subtask after the last window, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

pub(crate) struct CoGroupClosure<F, Out>(F, PhantomData<fn() -> Out>);

impl<F, Out> CoGroupClosure<F, Out> {
    pub(crate) fn new(function: F) -> Self {
        Self(function, PhantomData)
    }
}

impl<F: Clone, Out> Clone for CoGroupClosure<F, Out> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<A, B, Out, F> CoGroupFunction<A, B> for CoGroupClosure<F, Out>
where
    Out: 'static,
    F: FnMut(&[&A], &[&B], &mut Collector<'_, Out>) + Clone + Send + 'static,
{
    type Out = Out;

    fn co_group(&mut self, first: &[&A], second: &[&B], out: &mut Collector<'_, Out>) -> Result {
        (self.0)(first, second, out);
        Ok(())
    }
}

/// A [`CoGroupFunction`] as a function of a window of both streams.
#[derive(Clone)]
pub(crate) struct BothGroups<F>(pub(crate) F);

impl<A: Data, B: Data, K, W, F: CoGroupFunction<A, B>> WindowFunction<TaggedUnion<A, B>, K, W> for BothGroups<F> {
    type Out = F::Out;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn apply(&mut self, _: &K, _: &W, elements: &[TaggedUnion<A, B>], out: &mut Collector<'_, F::Out>) -> Result {
        let (first, second) = TaggedUnion::apart(elements);
        self.0.co_group(&first, &second, out)
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}
