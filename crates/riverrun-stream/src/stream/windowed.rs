//! A keyed stream in windows: [`WindowedStream`].

use std::any::type_name;
use std::time::Duration;

use crate::data::Data;
use crate::error::Error;
use crate::functions::{
    AggregateFunction, Collector, Extremum, ExtremumOf, Key, OutputTag, ProcessWindowFunction, RecordWith,
    ReduceClosure, ReduceFunction, Sum, Summable, WindowClosure, WindowFunction,
};
use crate::operator::Operator;
use crate::operator::window::{
    AggregateThen, Aggregated, Apply, Contents, Emit, Evicted, LateRecords, Listed, MergeableContents, PaneFunction,
    Process, ReduceThen, Reduced, SlidingOperator, WindowOperator,
};
use crate::stream::data_stream::cloning;
use crate::stream::{KeyedStream, SingleOutputStreamOperator};
use crate::window::{Evictor, NoEvictor, Slides, Trigger, WindowAssigner, millis};

/// A keyed stream whose records are gathered in windows, per key. Made by [`KeyedStream::window`]. Same as Flink's
/// `WindowedStream`.
///
/// Results carry the last time of their window as timestamp. Records that are too late for all their windows are dropped and
/// counted in the metric `numLateRecordsDropped`, unless a [late side output](Self::side_output_late_data) takes them.
pub struct WindowedStream<T, K, A, G, E = NoEvictor> {
    stream: KeyedStream<T, K>,
    assigner: A,
    trigger: G,
    evictor: E,
    lateness: Duration,
    late: Option<OutputTag<T>>,
}

impl<T: Data, K: Key, A: WindowAssigner<T>> WindowedStream<T, K, A, A::DefaultTrigger> {
    pub(crate) fn of(stream: KeyedStream<T, K>, assigner: A) -> Self {
        if let Err(problem) = assigner.check() {
            let what = format!("`{}`", assigner.name());
            stream.environment.builder().mistakes.push(Error::Windows { what, problem });
        }
        let trigger = assigner.default_trigger();
        Self { stream, assigner, trigger, evictor: NoEvictor, lateness: Duration::ZERO, late: None }
    }
}

impl<T: Data, K: Key, A, G, E> WindowedStream<T, K, A, G, E>
where
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    E: Evictor<T, A::Window>,
{
    /// Has this trigger say when a window's contents are given to its function, instead of the assigner's default.
    ///
    /// A trigger with parameters that make none, or one that cannot merge on windows that do, is a mistake that `execute`
    /// reports.
    #[must_use]
    pub fn trigger<G2: Trigger<T, A::Window>>(self, trigger: G2) -> WindowedStream<T, K, A, G2, E> {
        if let Err(problem) = trigger.check() {
            let what = format!("the trigger on `{}`", self.assigner.name());
            self.stream.environment.builder().mistakes.push(Error::Windows { what, problem });
        }
        let Self { stream, assigner, evictor, lateness, late, .. } = self;
        WindowedStream { stream, assigner, trigger, evictor, lateness, late }
    }

    /// Has this evictor take elements out of a window before or after its function. All elements are kept then, also where they
    /// are reduced or aggregated.
    #[must_use]
    pub fn evictor<E2: Evictor<T, A::Window>>(self, evictor: E2) -> WindowedStream<T, K, A, G, E2> {
        let Self { stream, assigner, trigger, lateness, late, .. } = self;
        WindowedStream { stream, assigner, trigger, evictor, lateness, late }
    }

    /// Keeps windows of event time this long behind their end; a late element fires its window again. Zero unless set.
    #[must_use]
    pub fn allowed_lateness(self, lateness: Duration) -> Self {
        Self { lateness, ..self }
    }

    /// Sends records that are too late for all their windows to a side output, instead of dropping them.
    #[must_use]
    pub fn side_output_late_data(self, tag: &OutputTag<T>) -> Self {
        Self { late: Some(tag.clone()), ..self }
    }

    /// Reduces the elements of each window to one, as they come.
    pub fn reduce(&self, function: impl FnMut(T, T) -> T + Clone + Send + 'static) -> SingleOutputStreamOperator<T> {
        self.reduce_function(ReduceClosure(function))
    }

    /// As [`reduce`](Self::reduce), with a function that is opened and closed on every subtask.
    pub fn reduce_function<R: ReduceFunction<T>>(&self, function: R) -> SingleOutputStreamOperator<T> {
        if let Some(slides) = self.shared_work(function.is_mergeable()) {
            return self.sliding(slides, Reduced(function));
        }
        self.reducing(function, Emit)
    }

    /// Reduces the elements of each window as they come, and gives the one that is left to a window function, which knows key,
    /// window and times.
    pub fn reduce_with<R, F>(&self, reduce: R, function: F) -> SingleOutputStreamOperator<F::Out>
    where
        R: ReduceFunction<T>,
        F: ProcessWindowFunction<T, K, A::Window, Out: Data>,
    {
        self.reducing(reduce, Process(function))
    }

    /// Aggregates the elements of each window, as they come.
    pub fn aggregate<G2: AggregateFunction<T, Out: Data>>(&self, function: G2) -> SingleOutputStreamOperator<G2::Out> {
        if let Some(slides) = self.shared_work(function.is_mergeable()) {
            return self.sliding(slides, Aggregated(function));
        }
        self.aggregating(function, Emit)
    }

    /// Aggregates the elements of each window as they come, and gives the result to a window function, which knows key, window
    /// and times.
    pub fn aggregate_with<G2, F>(&self, aggregate: G2, function: F) -> SingleOutputStreamOperator<F::Out>
    where
        G2: AggregateFunction<T, Out: 'static>,
        F: ProcessWindowFunction<G2::Out, K, A::Window, Out: Data>,
    {
        self.aggregating(aggregate, Process(function))
    }

    /// Makes any number of values of all elements of a window, which come in arrival order: `|key, window, elements, out|`. A
    /// model scores a window as one batch here.
    pub fn apply<Out: Data>(
        &self, function: impl FnMut(&K, &A::Window, &[T], &mut Collector<'_, Out>) + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<Out> {
        self.apply_function(WindowClosure::new(function))
    }

    /// As [`apply`](Self::apply), with a function that is opened and closed on every subtask, and can fail.
    pub fn apply_function<F: WindowFunction<T, K, A::Window, Out: Data>>(
        &self, function: F,
    ) -> SingleOutputStreamOperator<F::Out> {
        self.gathering(Apply(function))
    }

    /// Makes any number of values of all elements of a window, with state, times and side outputs.
    pub fn process<F: ProcessWindowFunction<T, K, A::Window, Out: Data>>(
        &self, function: F,
    ) -> SingleOutputStreamOperator<F::Out> {
        self.gathering(Process(function))
    }

    /// The sum of a field over each window; the other fields are those of its first record. Integers wrap around.
    pub fn sum<N: Summable>(
        &self, field: impl Fn(&mut T) -> &mut N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.reduce_function(Sum::new(field))
    }

    /// The lowest value of a field in each window; the other fields are those of its first record.
    pub fn min<N: PartialOrd + Clone + 'static>(
        &self, field: impl Fn(&mut T) -> &mut N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.reduce_function(ExtremumOf::new(Extremum::Min, field))
    }

    /// The highest value of a field in each window; the other fields are those of its first record.
    pub fn max<N: PartialOrd + Clone + 'static>(
        &self, field: impl Fn(&mut T) -> &mut N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.reduce_function(ExtremumOf::new(Extremum::Max, field))
    }

    /// The record with the lowest value in each window; the first of equal ones.
    pub fn min_by<N: PartialOrd + 'static>(
        &self, value: impl Fn(&T) -> N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.reduce_function(RecordWith::new(Extremum::Min, value))
    }

    /// The record with the highest value in each window; the first of equal ones.
    pub fn max_by<N: PartialOrd + 'static>(
        &self, value: impl Fn(&T) -> N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.reduce_function(RecordWith::new(Extremum::Max, value))
    }

    pub(super) fn reducing<R, F>(&self, reduce: R, function: F) -> SingleOutputStreamOperator<F::Out>
    where
        R: ReduceFunction<T>,
        F: PaneFunction<T, K, A::Window>,
    {
        if self.evictor.is_none() {
            return self.operator(Reduced(reduce), function);
        }
        self.operator(Evicted::by(self.evictor.clone()), ReduceThen(reduce, function))
    }

    pub(super) fn aggregating<G2, F>(&self, aggregate: G2, function: F) -> SingleOutputStreamOperator<F::Out>
    where
        G2: AggregateFunction<T>,
        F: PaneFunction<G2::Out, K, A::Window>,
    {
        if self.evictor.is_none() {
            return self.operator(Aggregated(aggregate), function);
        }
        self.operator(Evicted::by(self.evictor.clone()), AggregateThen::new(aggregate, function))
    }

    pub(super) fn gathering<F: PaneFunction<T, K, A::Window>>(
        &self, function: F,
    ) -> SingleOutputStreamOperator<F::Out> {
        if self.evictor.is_none() {
            return self.operator(Listed, function);
        }
        self.operator(Evicted::by(self.evictor.clone()), function)
    }

    /// How the windows overlap, where their results can be put together from those of shorter times and nobody can tell.
    fn shared_work(&self, is_mergeable: bool) -> Option<Slides> {
        if !is_mergeable || !self.evictor.is_none() || !self.trigger.is_event_time_trigger() {
            return None;
        }
        self.assigner.slides().filter(|slides| slides.slide < slides.size)
    }

    fn sliding<C: MergeableContents<T>>(&self, slides: Slides, contents: C) -> SingleOutputStreamOperator<C::Element>
    where
        C::Element: Data,
    {
        let (keys, lateness) = (self.stream.keys.clone(), millis(self.lateness));
        let parts = (contents, LateRecords::to(self.late.clone()));
        let operator = cloning(parts, move |(contents, late)| -> Box<dyn Operator> {
            Box::new(SlidingOperator::new(keys.clone(), slides, lateness, late, contents))
        });
        self.stream.transform(self.assigner.name(), operator)
    }

    fn operator<C, F>(&self, contents: C, function: F) -> SingleOutputStreamOperator<F::Out>
    where
        C: Contents<T, A::Window>,
        F: PaneFunction<C::Element, K, A::Window>,
    {
        if A::IS_MERGING && !self.trigger.can_merge() {
            let (windows, trigger) = (self.assigner.name(), type_name::<G>());
            self.stream.environment.builder().mistakes.push(Error::MergingTrigger { windows, trigger });
        }
        let keys = self.stream.keys.clone();
        let (lateness, late) = (millis(self.lateness), LateRecords::to(self.late.clone()));
        let parts = (self.assigner.clone(), self.trigger.clone(), contents, function, late);
        let operator = cloning(parts, move |(assigner, trigger, contents, function, late)| -> Box<dyn Operator> {
            let operator = WindowOperator::new(keys.clone(), assigner, trigger, contents, function);
            Box::new(operator.lateness(lateness, late))
        });
        self.stream.transform(self.assigner.name(), operator)
    }
}
