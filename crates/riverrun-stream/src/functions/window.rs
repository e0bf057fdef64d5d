//! The elements of a window become any number of values: [`WindowFunction`].

use std::marker::PhantomData;

use crate::context::RuntimeContext;
use crate::error::Result;
use crate::functions::Collector;

/// Makes any number of values of the elements of a window. Same as Flink's `WindowFunction`.
pub trait WindowFunction<In, K, W>: Clone + Send + 'static {
    /// What it makes.
    type Out;

    /// Called once per subtask before the first window. Models load here.
    ///
    /// # Errors
    /// An error fails the task.
    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// Makes values of the elements, which are in arrival order, and hands them to `out`. They carry the last time of the window.
    ///
    /// # Errors
    /// An error fails the task.
    fn apply(&mut self, key: &K, window: &W, elements: &[In], out: &mut Collector<'_, Self::Out>) -> Result;

    /// Called once per subtask after the last window, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

/// As [`WindowFunction`], for a stream that is not keyed. Same as Flink's `AllWindowFunction`.
pub trait AllWindowFunction<In, W>: Clone + Send + 'static {
    /// What it makes.
    type Out;

    /// Called once per subtask before the first window. Models load here.
    ///
    /// # Errors
    /// An error fails the task.
    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// Makes values of the elements, which are in arrival order, and hands them to `out`. They carry the last time of the window.
    ///
    /// # Errors
    /// An error fails the task.
    fn apply(&mut self, window: &W, elements: &[In], out: &mut Collector<'_, Self::Out>) -> Result;

    /// Called once per subtask after the last window, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

pub(crate) struct WindowClosure<F, Out>(F, PhantomData<fn() -> Out>);

impl<F, Out> WindowClosure<F, Out> {
    pub(crate) fn new(function: F) -> Self {
        Self(function, PhantomData)
    }
}

impl<F: Clone, Out> Clone for WindowClosure<F, Out> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<In, K, W, Out: 'static, F> WindowFunction<In, K, W> for WindowClosure<F, Out>
where
    F: FnMut(&K, &W, &[In], &mut Collector<'_, Out>) + Clone + Send + 'static,
{
    type Out = Out;

    fn apply(&mut self, key: &K, window: &W, elements: &[In], out: &mut Collector<'_, Out>) -> Result {
        (self.0)(key, window, elements, out);
        Ok(())
    }
}

pub(crate) struct AllWindowClosure<F, Out>(F, PhantomData<fn() -> Out>);

impl<F, Out> AllWindowClosure<F, Out> {
    pub(crate) fn new(function: F) -> Self {
        Self(function, PhantomData)
    }
}

impl<F: Clone, Out> Clone for AllWindowClosure<F, Out> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<In, W, Out: 'static, F> AllWindowFunction<In, W> for AllWindowClosure<F, Out>
where
    F: FnMut(&W, &[In], &mut Collector<'_, Out>) + Clone + Send + 'static,
{
    type Out = Out;

    fn apply(&mut self, window: &W, elements: &[In], out: &mut Collector<'_, Out>) -> Result {
        (self.0)(window, elements, out);
        Ok(())
    }
}
