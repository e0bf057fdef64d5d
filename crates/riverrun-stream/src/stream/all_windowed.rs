//! A stream in windows, without keys: [`AllWindowedStream`].

use std::time::Duration;

use crate::data::Data;
use crate::functions::{
    AggregateFunction, AllWindowClosure, AllWindowFunction, Collector, Extremum, ExtremumOf, KeyExtractor, OutputTag,
    ProcessAllWindowFunction, RecordWith, ReduceClosure, ReduceFunction, Sum, Summable,
};
use crate::operator::window::{ApplyAll, ProcessAll};
use crate::stream::{DataStream, KeyedStream, SingleOutputStreamOperator, WindowedStream};
use crate::window::{Evictor, NoEvictor, Trigger, WindowAssigner};

/// A stream whose records are gathered in windows, all together and so by one subtask. Made by [`DataStream::window_all`]. Same as
/// Flink's `AllWindowedStream`; otherwise as [`WindowedStream`].
pub struct AllWindowedStream<T, A, G, E = NoEvictor> {
    windowed: WindowedStream<T, (), A, G, E>,
}

impl<T: Data, A: WindowAssigner<T>> AllWindowedStream<T, A, A::DefaultTrigger> {
    pub(crate) fn of(stream: &DataStream<T>, assigner: A) -> Self {
        let stream = KeyedStream::of(stream.clone(), KeyExtractor::new(|_| ()));
        Self { windowed: WindowedStream::of(stream, assigner) }
    }
}

/// The operator of all windows has one subtask, and can have no more.
fn alone<Out>(stream: SingleOutputStreamOperator<Out>) -> SingleOutputStreamOperator<Out> {
    stream.set_parallelism(1).set_max_parallelism(1)
}

impl<T: Data, A, G, E> AllWindowedStream<T, A, G, E>
where
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    E: Evictor<T, A::Window>,
{
    /// As [`WindowedStream::trigger`].
    #[must_use]
    pub fn trigger<G2: Trigger<T, A::Window>>(self, trigger: G2) -> AllWindowedStream<T, A, G2, E> {
        AllWindowedStream { windowed: self.windowed.trigger(trigger) }
    }

    /// As [`WindowedStream::evictor`].
    #[must_use]
    pub fn evictor<E2: Evictor<T, A::Window>>(self, evictor: E2) -> AllWindowedStream<T, A, G, E2> {
        AllWindowedStream { windowed: self.windowed.evictor(evictor) }
    }

    /// As [`WindowedStream::allowed_lateness`].
    #[must_use]
    pub fn allowed_lateness(self, lateness: Duration) -> Self {
        Self { windowed: self.windowed.allowed_lateness(lateness) }
    }

    /// As [`WindowedStream::side_output_late_data`].
    #[must_use]
    pub fn side_output_late_data(self, tag: &OutputTag<T>) -> Self {
        Self { windowed: self.windowed.side_output_late_data(tag) }
    }

    /// As [`WindowedStream::reduce`].
    pub fn reduce(&self, function: impl FnMut(T, T) -> T + Clone + Send + 'static) -> SingleOutputStreamOperator<T> {
        self.reduce_function(ReduceClosure(function))
    }

    /// As [`WindowedStream::reduce_function`].
    pub fn reduce_function<R: ReduceFunction<T>>(&self, function: R) -> SingleOutputStreamOperator<T> {
        alone(self.windowed.reduce_function(function))
    }

    /// As [`WindowedStream::reduce_with`].
    pub fn reduce_with<R, F>(&self, reduce: R, function: F) -> SingleOutputStreamOperator<F::Out>
    where
        R: ReduceFunction<T>,
        F: ProcessAllWindowFunction<T, A::Window, Out: Data>,
    {
        alone(self.windowed.reducing(reduce, ProcessAll(function)))
    }

    /// As [`WindowedStream::aggregate`].
    pub fn aggregate<G2: AggregateFunction<T, Out: Data>>(&self, function: G2) -> SingleOutputStreamOperator<G2::Out> {
        alone(self.windowed.aggregate(function))
    }

    /// As [`WindowedStream::aggregate_with`].
    pub fn aggregate_with<G2, F>(&self, aggregate: G2, function: F) -> SingleOutputStreamOperator<F::Out>
    where
        G2: AggregateFunction<T, Out: 'static>,
        F: ProcessAllWindowFunction<G2::Out, A::Window, Out: Data>,
    {
        alone(self.windowed.aggregating(aggregate, ProcessAll(function)))
    }

    /// Makes any number of values of all elements of a window, which come in arrival order: `|window, elements, out|`.
    pub fn apply<Out: Data>(
        &self, function: impl FnMut(&A::Window, &[T], &mut Collector<'_, Out>) + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<Out> {
        self.apply_function(AllWindowClosure::new(function))
    }

    /// As [`apply`](Self::apply), with a function that is opened and closed, and can fail.
    pub fn apply_function<F: AllWindowFunction<T, A::Window, Out: Data>>(
        &self, function: F,
    ) -> SingleOutputStreamOperator<F::Out> {
        alone(self.windowed.gathering(ApplyAll(function)))
    }

    /// As [`WindowedStream::process`].
    pub fn process<F: ProcessAllWindowFunction<T, A::Window, Out: Data>>(
        &self, function: F,
    ) -> SingleOutputStreamOperator<F::Out> {
        alone(self.windowed.gathering(ProcessAll(function)))
    }

    /// As [`WindowedStream::sum`].
    pub fn sum<N: Summable>(
        &self, field: impl Fn(&mut T) -> &mut N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.reduce_function(Sum::new(field))
    }

    /// As [`WindowedStream::min`].
    pub fn min<N: PartialOrd + Clone + 'static>(
        &self, field: impl Fn(&mut T) -> &mut N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.reduce_function(ExtremumOf::new(Extremum::Min, field))
    }

    /// As [`WindowedStream::max`].
    pub fn max<N: PartialOrd + Clone + 'static>(
        &self, field: impl Fn(&mut T) -> &mut N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.reduce_function(ExtremumOf::new(Extremum::Max, field))
    }

    /// As [`WindowedStream::min_by`].
    pub fn min_by<N: PartialOrd + 'static>(
        &self, value: impl Fn(&T) -> N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.reduce_function(RecordWith::new(Extremum::Min, value))
    }

    /// As [`WindowedStream::max_by`].
    pub fn max_by<N: PartialOrd + 'static>(
        &self, value: impl Fn(&T) -> N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.reduce_function(RecordWith::new(Extremum::Max, value))
    }
}
