//! What a window keeps of its elements, and what its function gets of that.

use std::marker::PhantomData;

use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::Timestamp;
use crate::error::Result;
use crate::functions::{AggregateFunction, Collector, ProcessWindowContext, ReduceFunction};
use crate::operator::window::PaneFunction;
use crate::window::{Evictor, EvictorContext, TimeWindow, WindowElements};

/// Keeps the elements of windows, in a form of its own.
pub(crate) trait Contents<T, W>: Clone + Send + 'static {
    /// What a window keeps.
    type Kept: Data;

    /// What the window's function gets.
    type Element;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// Adds an element that belongs to other windows too.
    fn add(&mut self, kept: &mut Option<Self::Kept>, value: &T, timestamp: Option<Timestamp>) -> Result;

    /// Adds an element to the last of its windows.
    fn add_owned(&mut self, kept: &mut Option<Self::Kept>, value: T, timestamp: Option<Timestamp>) -> Result;

    /// Adds what a later window kept, which has become part of this one.
    fn merge(&mut self, into: &mut Option<Self::Kept>, from: Self::Kept) -> Result;

    /// Gives the function what is kept.
    fn fire<K, F: PaneFunction<Self::Element, K, W>>(
        &mut self, kept: &mut Self::Kept, function: &mut F, key: &K,
        context: &mut ProcessWindowContext<'_, '_, W, F::State>, out: &mut Collector<'_, F::Out>,
    ) -> Result;

    fn close(&mut self) -> Result {
        Ok(())
    }
}

/// Contents that can be kept in parts: merged in any order and grouping, with the same result to the last bit, but that the one with
/// the earliest element is always what the others are merged into.
pub(crate) trait MergeableContents<T>: Contents<T, TimeWindow> {
    /// What comes out for what was kept.
    fn result(&mut self, kept: Self::Kept) -> Result<Self::Element>;
}

/// Keeps the elements reduced to one.
#[derive(Clone)]
pub(crate) struct Reduced<F>(pub(crate) F);

impl<T: Data, W, R: ReduceFunction<T>> Contents<T, W> for Reduced<R> {
    type Kept = T;
    type Element = T;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn add(&mut self, kept: &mut Option<T>, value: &T, timestamp: Option<Timestamp>) -> Result {
        Contents::<T, W>::add_owned(self, kept, value.clone(), timestamp)
    }

    #[inline]
    fn add_owned(&mut self, kept: &mut Option<T>, value: T, _: Option<Timestamp>) -> Result {
        *kept = Some(match kept.take() {
            Some(reduced) => self.0.reduce(reduced, value)?,
            None => value,
        });
        Ok(())
    }

    fn merge(&mut self, into: &mut Option<T>, from: T) -> Result {
        Contents::<T, W>::add_owned(self, into, from, None)
    }

    #[inline]
    fn fire<K, F: PaneFunction<T, K, W>>(
        &mut self, kept: &mut T, function: &mut F, key: &K, context: &mut ProcessWindowContext<'_, '_, W, F::State>,
        out: &mut Collector<'_, F::Out>,
    ) -> Result {
        function.process_one(key, context, kept.clone(), out)
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}

impl<T: Data, R: ReduceFunction<T>> MergeableContents<T> for Reduced<R> {
    fn result(&mut self, kept: T) -> Result<T> {
        Ok(kept)
    }
}

/// Keeps an accumulator.
#[derive(Clone)]
pub(crate) struct Aggregated<F>(pub(crate) F);

impl<T: Data, W, A: AggregateFunction<T>> Contents<T, W> for Aggregated<A> {
    type Kept = A::Accumulator;
    type Element = A::Out;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    #[inline]
    fn add(&mut self, kept: &mut Option<A::Accumulator>, value: &T, _: Option<Timestamp>) -> Result {
        let accumulator = kept.get_or_insert_with(|| self.0.create_accumulator());
        self.0.add(value, accumulator)
    }

    #[inline]
    fn add_owned(&mut self, kept: &mut Option<A::Accumulator>, value: T, timestamp: Option<Timestamp>) -> Result {
        Contents::<T, W>::add(self, kept, &value, timestamp)
    }

    fn merge(&mut self, into: &mut Option<A::Accumulator>, from: A::Accumulator) -> Result {
        match into {
            Some(accumulator) => self.0.merge(accumulator, from),
            None => {
                *into = Some(from);
                Ok(())
            }
        }
    }

    #[inline]
    fn fire<K, F: PaneFunction<A::Out, K, W>>(
        &mut self, kept: &mut A::Accumulator, function: &mut F, key: &K,
        context: &mut ProcessWindowContext<'_, '_, W, F::State>, out: &mut Collector<'_, F::Out>,
    ) -> Result {
        let result = self.0.get_result(kept)?;
        function.process_one(key, context, result, out)
    }

    fn close(&mut self) -> Result {
        self.0.close()
    }
}

impl<T: Data, A: AggregateFunction<T>> MergeableContents<T> for Aggregated<A> {
    fn result(&mut self, kept: A::Accumulator) -> Result<A::Out> {
        self.0.get_result(&kept)
    }
}

/// Keeps all elements.
#[derive(Debug, Clone)]
pub(crate) struct Listed;

impl<T: Data, W> Contents<T, W> for Listed {
    type Kept = Vec<T>;
    type Element = T;

    fn add(&mut self, kept: &mut Option<Vec<T>>, value: &T, timestamp: Option<Timestamp>) -> Result {
        Contents::<T, W>::add_owned(self, kept, value.clone(), timestamp)
    }

    #[inline]
    fn add_owned(&mut self, kept: &mut Option<Vec<T>>, value: T, _: Option<Timestamp>) -> Result {
        kept.get_or_insert_default().push(value);
        Ok(())
    }

    fn merge(&mut self, into: &mut Option<Vec<T>>, mut from: Vec<T>) -> Result {
        into.get_or_insert_default().append(&mut from);
        Ok(())
    }

    fn fire<K, F: PaneFunction<T, K, W>>(
        &mut self, kept: &mut Vec<T>, function: &mut F, key: &K,
        context: &mut ProcessWindowContext<'_, '_, W, F::State>, out: &mut Collector<'_, F::Out>,
    ) -> Result {
        function.process(key, context, kept, out)
    }
}

/// Keeps all elements with their timestamps, for an evictor to take some out.
pub(crate) struct Evicted<T, E> {
    evictor: E,
    types: PhantomData<fn() -> T>,
}

impl<T, E> Evicted<T, E> {
    pub(crate) fn by(evictor: E) -> Self {
        Self { evictor, types: PhantomData }
    }
}

impl<T, E: Clone> Clone for Evicted<T, E> {
    fn clone(&self) -> Self {
        Self::by(self.evictor.clone())
    }
}

impl<T: Data, W, E: Evictor<T, W>> Contents<T, W> for Evicted<T, E> {
    type Kept = WindowElements<T>;
    type Element = T;

    fn add(&mut self, kept: &mut Option<WindowElements<T>>, value: &T, timestamp: Option<Timestamp>) -> Result {
        Contents::<T, W>::add_owned(self, kept, value.clone(), timestamp)
    }

    fn add_owned(&mut self, kept: &mut Option<WindowElements<T>>, value: T, timestamp: Option<Timestamp>) -> Result {
        kept.get_or_insert_default().push(value, timestamp);
        Ok(())
    }

    fn merge(&mut self, into: &mut Option<WindowElements<T>>, from: WindowElements<T>) -> Result {
        into.get_or_insert_default().append(from);
        Ok(())
    }

    fn fire<K, F: PaneFunction<T, K, W>>(
        &mut self, kept: &mut WindowElements<T>, function: &mut F, key: &K,
        context: &mut ProcessWindowContext<'_, '_, W, F::State>, out: &mut Collector<'_, F::Out>,
    ) -> Result {
        let times = EvictorContext { watermark: context.watermark, now: context.turn.now() };
        self.evictor.evict_before(kept, context.window, &times)?;
        function.process(key, context, kept.values(), out)?;
        self.evictor.evict_after(kept, context.window, &times)
    }
}
