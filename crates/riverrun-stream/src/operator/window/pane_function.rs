//! What becomes of the contents of a window: the user's functions in the form that the operators call.

use std::marker::PhantomData;

use crate::batch::DataType;
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::error::Result;
use crate::functions::{
    AggregateFunction, AllWindowFunction, Collector, ProcessAllWindowFunction, ProcessWindowContext,
    ProcessWindowFunction, ReduceFunction, WindowFunction,
};

/// Makes any number of values of what a window keeps.
pub(crate) trait PaneFunction<E, K, W>: Clone + Send + 'static {
    type Out: Data;
    type State: Data + Default;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        Vec::new()
    }

    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    fn process(
        &mut self, key: &K, context: &mut ProcessWindowContext<'_, '_, W, Self::State>, elements: &[E],
        out: &mut Collector<'_, Self::Out>,
    ) -> Result;

    /// As `process`, of the one element that was reduced or aggregated.
    #[inline]
    fn process_one(
        &mut self, key: &K, context: &mut ProcessWindowContext<'_, '_, W, Self::State>, element: E,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result {
        self.process(key, context, std::slice::from_ref(&element), out)
    }

    fn clear(&mut self, context: &mut ProcessWindowContext<'_, '_, W, Self::State>) -> Result {
        let _ = context;
        Ok(())
    }

    fn close(&mut self) -> Result {
        Ok(())
    }
}

/// Emits them as they are.
#[derive(Debug, Clone)]
pub(crate) struct Emit;

impl<E: Data, K, W> PaneFunction<E, K, W> for Emit {
    type Out = E;
    type State = ();

    fn process(
        &mut self, _: &K, _: &mut ProcessWindowContext<'_, '_, W, ()>, elements: &[E], out: &mut Collector<'_, E>,
    ) -> Result {
        elements.iter().for_each(|element| out.collect(element.clone()));
        Ok(())
    }

    #[inline]
    fn process_one(
        &mut self, _: &K, _: &mut ProcessWindowContext<'_, '_, W, ()>, element: E, out: &mut Collector<'_, E>,
    ) -> Result {
        out.collect(element);
        Ok(())
    }
}

/// A [`WindowFunction`].
#[derive(Clone)]
pub(crate) struct Apply<F>(pub(crate) F);

impl<E: 'static, K: 'static, W: 'static, F: WindowFunction<E, K, W, Out: Data>> PaneFunction<E, K, W> for Apply<F> {
    type Out = F::Out;
    type State = ();

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn process(
        &mut self, key: &K, context: &mut ProcessWindowContext<'_, '_, W, ()>, elements: &[E],
        out: &mut Collector<'_, F::Out>,
    ) -> Result {
        self.0.apply(key, context.window, elements, out)
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}

/// An [`AllWindowFunction`].
#[derive(Clone)]
pub(crate) struct ApplyAll<F>(pub(crate) F);

impl<E: 'static, W: 'static, F: AllWindowFunction<E, W, Out: Data>> PaneFunction<E, (), W> for ApplyAll<F> {
    type Out = F::Out;
    type State = ();

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn process(
        &mut self, (): &(), context: &mut ProcessWindowContext<'_, '_, W, ()>, elements: &[E],
        out: &mut Collector<'_, F::Out>,
    ) -> Result {
        self.0.apply(context.window, elements, out)
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}

/// A [`ProcessWindowFunction`].
#[derive(Clone)]
pub(crate) struct Process<F>(pub(crate) F);

impl<E: 'static, K: 'static, W: 'static, F: ProcessWindowFunction<E, K, W, Out: Data>> PaneFunction<E, K, W>
    for Process<F>
{
    type Out = F::Out;
    type State = F::WindowState;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        self.0.side_outputs()
    }

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn process(
        &mut self, key: &K, context: &mut ProcessWindowContext<'_, '_, W, F::WindowState>, elements: &[E],
        out: &mut Collector<'_, F::Out>,
    ) -> Result {
        self.0.process(key, context, elements, out)
    }

    fn clear(&mut self, context: &mut ProcessWindowContext<'_, '_, W, F::WindowState>) -> Result {
        self.0.clear(context)
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}

/// A [`ProcessAllWindowFunction`].
#[derive(Clone)]
pub(crate) struct ProcessAll<F>(pub(crate) F);

impl<E: 'static, W: 'static, F: ProcessAllWindowFunction<E, W, Out: Data>> PaneFunction<E, (), W> for ProcessAll<F> {
    type Out = F::Out;
    type State = F::WindowState;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        self.0.side_outputs()
    }

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn process(
        &mut self, (): &(), context: &mut ProcessWindowContext<'_, '_, W, F::WindowState>, elements: &[E],
        out: &mut Collector<'_, F::Out>,
    ) -> Result {
        self.0.process(context, elements, out)
    }

    fn clear(&mut self, context: &mut ProcessWindowContext<'_, '_, W, F::WindowState>) -> Result {
        self.0.clear(context)
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}

/// Reduces all elements when the window fires, where an evictor has kept them from being reduced before.
#[derive(Clone)]
pub(crate) struct ReduceThen<R, F>(pub(crate) R, pub(crate) F);

impl<E: Data, K, W, R: ReduceFunction<E>, F: PaneFunction<E, K, W>> PaneFunction<E, K, W> for ReduceThen<R, F> {
    type Out = F::Out;
    type State = F::State;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        self.1.side_outputs()
    }

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)?;
        self.1.open(context)
    }

    fn process(
        &mut self, key: &K, context: &mut ProcessWindowContext<'_, '_, W, F::State>, elements: &[E],
        out: &mut Collector<'_, F::Out>,
    ) -> Result {
        let mut reduced = None;
        for element in elements.iter().cloned() {
            reduced = Some(match reduced {
                Some(reduced) => self.0.reduce(reduced, element)?,
                None => element,
            });
        }
        match reduced {
            Some(reduced) => self.1.process_one(key, context, reduced, out),
            None => Ok(()),
        }
    }

    fn clear(&mut self, context: &mut ProcessWindowContext<'_, '_, W, F::State>) -> Result {
        self.1.clear(context)
    }

    fn close(&mut self) -> Result {
        self.0.close()?;
        self.1.close()
    }
}

/// Aggregates all elements when the window fires, where an evictor has kept them from being aggregated before.
pub(crate) struct AggregateThen<E, A, F>(A, F, PhantomData<fn(E)>);

impl<E, A, F> AggregateThen<E, A, F> {
    pub(crate) fn new(aggregate: A, then: F) -> Self {
        Self(aggregate, then, PhantomData)
    }
}

impl<E, A: Clone, F: Clone> Clone for AggregateThen<E, A, F> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone(), self.1.clone())
    }
}

impl<E: 'static, K, W, A: AggregateFunction<E>, F: PaneFunction<A::Out, K, W>> PaneFunction<E, K, W>
    for AggregateThen<E, A, F>
{
    type Out = F::Out;
    type State = F::State;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        self.1.side_outputs()
    }

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)?;
        self.1.open(context)
    }

    fn process(
        &mut self, key: &K, context: &mut ProcessWindowContext<'_, '_, W, F::State>, elements: &[E],
        out: &mut Collector<'_, F::Out>,
    ) -> Result {
        let mut accumulator = self.0.create_accumulator();
        elements.iter().try_for_each(|element| self.0.add(element, &mut accumulator))?;
        let result = self.0.get_result(&accumulator)?;
        self.1.process_one(key, context, result, out)
    }

    fn clear(&mut self, context: &mut ProcessWindowContext<'_, '_, W, F::State>) -> Result {
        self.1.clear(context)
    }

    fn close(&mut self) -> Result {
        self.0.close()?;
        self.1.close()
    }
}
