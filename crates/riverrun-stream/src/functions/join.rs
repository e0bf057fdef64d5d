//! Two values of a window, one of each stream: [`JoinFunction`] and [`FlatJoinFunction`].

use crate::context::RuntimeContext;
use crate::data::Data;
use crate::error::Result;
use crate::functions::{Collector, JoinClosure, WindowFunction};
use crate::stream::TaggedUnion;

/// Makes one value of each pair of a window join. Same as Flink's `JoinFunction`.
pub trait JoinFunction<A, B>: Clone + Send + 'static {
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

    /// Makes a value of a pair.
    ///
    /// # Errors
    /// An error fails the task.
    fn join(&mut self, first: &A, second: &B) -> Result<Self::Out>;

    /// Called once per subtask after the last window, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

impl<A, B, Out, F: FnMut(&A, &B) -> Out + Clone + Send + 'static> JoinFunction<A, B> for JoinClosure<F> {
    type Out = Out;

    fn join(&mut self, first: &A, second: &B) -> Result<Out> {
        Ok((self.0)(first, second))
    }
}

/// Makes any number of values of each pair of a window join. Same as Flink's `FlatJoinFunction`.
pub trait FlatJoinFunction<A, B>: Clone + Send + 'static {
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

    /// Makes values of a pair and hands them to `out`.
    ///
    /// # Errors
    /// An error fails the task.
    fn join(&mut self, first: &A, second: &B, out: &mut Collector<'_, Self::Out>) -> Result;

    /// Called once per subtask after the last window, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

/// A [`JoinFunction`] as one that makes any number.
#[derive(Clone)]
pub(crate) struct OneOfEachPair<F>(pub(crate) F);

impl<A, B, F: JoinFunction<A, B>> FlatJoinFunction<A, B> for OneOfEachPair<F> {
    type Out = F::Out;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    #[inline]
    fn join(&mut self, first: &A, second: &B, out: &mut Collector<'_, F::Out>) -> Result {
        out.collect(self.0.join(first, second)?);
        Ok(())
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}

/// A [`FlatJoinFunction`] as a function of a window of both streams: every value of the first with every one of the second.
#[derive(Clone)]
pub(crate) struct EachPair<F>(pub(crate) F);

impl<A: Data, B: Data, K, W, F: FlatJoinFunction<A, B>> WindowFunction<TaggedUnion<A, B>, K, W> for EachPair<F> {
    type Out = F::Out;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn apply(&mut self, _: &K, _: &W, elements: &[TaggedUnion<A, B>], out: &mut Collector<'_, F::Out>) -> Result {
        let (firsts, seconds) = TaggedUnion::apart(elements);
        for first in firsts {
            for second in &seconds {
                self.0.join(first, second, out)?;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}
