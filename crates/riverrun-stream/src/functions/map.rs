//! One value in, one value out.

use std::marker::PhantomData;

use crate::context::RuntimeContext;
use crate::error::Result;

/// Makes one value of each value. Same as Flink's `MapFunction`, with the life cycle of its `RichFunction`.
pub trait MapFunction<In>: Clone + Send + 'static {
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

    /// Makes a value.
    ///
    /// # Errors
    /// An error fails the task.
    fn map(&mut self, value: In) -> Result<Self::Out>;

    /// Called once per subtask after the last value, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

#[derive(Clone)]
pub(crate) struct MapClosure<F>(pub(crate) F);

impl<In, Out, F: FnMut(In) -> Out + Clone + Send + 'static> MapFunction<In> for MapClosure<F> {
    type Out = Out;

    #[inline]
    fn map(&mut self, value: In) -> Result<Out> {
        Ok((self.0)(value))
    }
}

pub(crate) struct TryMapClosure<F, E>(pub(crate) F, pub(crate) PhantomData<fn() -> E>);

impl<F: Clone, E> Clone for TryMapClosure<F, E> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<In, Out, E, F> MapFunction<In> for TryMapClosure<F, E>
where
    F: FnMut(In) -> Result<Out, E> + Clone + Send + 'static,
    E: Into<crate::error::FunctionError> + 'static,
{
    type Out = Out;

    #[inline]
    fn map(&mut self, value: In) -> Result<Out> {
        (self.0)(value).map_err(Into::into)
    }
}
