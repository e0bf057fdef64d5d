//! A stream grouped by a key: [`KeyedStream`].

use std::ops::Deref;

use crate::data::Data;
use crate::functions::{
    Extremum, ExtremumOf, Key, KeyExtractor, KeyedProcessFunction, RecordWith, ReduceClosure, ReduceFunction, Sum,
    Summable,
};
use crate::operator::{KeyedProcessOperator, ReduceOperator};
use crate::stream::data_stream::cloning;
use crate::stream::{ConnectTo, DataStream, IntervalJoin, SingleOutputStreamOperator, WindowedStream};
use crate::window::{CountEvictor, CountTrigger, GlobalWindows, PurgingTrigger, WindowAssigner};

/// A stream whose records are grouped by a key: records with equal keys are handled by the same subtask, in order, and share
/// state and timers. It is a [`DataStream`] otherwise. Made by [`DataStream::key_by`].
pub struct KeyedStream<T, K> {
    stream: DataStream<T>,
    pub(crate) keys: KeyExtractor<T, K>,
}

impl<T, K> Clone for KeyedStream<T, K> {
    fn clone(&self) -> Self {
        Self { stream: self.stream.clone(), keys: self.keys.clone() }
    }
}

impl<T, K> Deref for KeyedStream<T, K> {
    type Target = DataStream<T>;

    fn deref(&self) -> &DataStream<T> {
        &self.stream
    }
}

impl<T, K> AsRef<DataStream<T>> for KeyedStream<T, K> {
    fn as_ref(&self) -> &DataStream<T> {
        &self.stream
    }
}

impl<T, K> KeyedStream<T, K> {
    pub(crate) fn of(stream: DataStream<T>, keys: KeyExtractor<T, K>) -> Self {
        Self { stream, keys }
    }
}

impl<T: Data, K: Key> KeyedStream<T, K> {
    /// Makes any number of values of each value, with state and timers of its key.
    pub fn process<F: KeyedProcessFunction<K, T>>(&self, function: F) -> SingleOutputStreamOperator<F::Out>
    where
        F::Out: Data,
    {
        let keys = self.keys.clone();
        self.transform(
            "KeyedProcess",
            cloning(function, move |function| Box::new(KeyedProcessOperator::<K, T, F>::new(keys.clone(), function))),
        )
    }

    /// Joins this stream with another of the same key on the distance of their times; the bounds come next.
    #[must_use]
    pub fn interval_join<R: Data>(&self, other: &KeyedStream<R, K>) -> IntervalJoin<T, R, K> {
        IntervalJoin::of(self.clone(), other.clone())
    }

    /// Puts two streams together, for one operator to read both: with one kind of key they share state and timers.
    ///
    /// A stream of another environment is a mistake that `execute` reports.
    pub fn connect<C: ConnectTo<Self>>(&self, other: &C) -> C::Connected {
        other.connect_to(self)
    }

    /// Reduces the values of each key: every value comes out reduced with all values of its key before it. In batch mode one
    /// value per key comes out, at the end.
    pub fn reduce(&self, function: impl FnMut(T, T) -> T + Clone + Send + 'static) -> SingleOutputStreamOperator<T> {
        self.reduce_function(ReduceClosure(function))
    }

    /// As [`reduce`](Self::reduce), with a function that is opened and closed on every subtask.
    pub fn reduce_function<F: ReduceFunction<T>>(&self, function: F) -> SingleOutputStreamOperator<T> {
        self.aggregation("Keyed Reduce", function)
    }

    fn aggregation<F: ReduceFunction<T>>(&self, name: &str, function: F) -> SingleOutputStreamOperator<T> {
        let keys = self.keys.clone();
        self.transform(
            name,
            cloning(function, move |function| Box::new(ReduceOperator::<K, T, F>::new(keys.clone(), function))),
        )
    }

    /// Gathers the records of each key in windows.
    ///
    /// Parameters that make no windows, such as a size of zero, are a mistake that `execute` reports.
    #[must_use]
    pub fn window<A: WindowAssigner<T>>(&self, assigner: A) -> WindowedStream<T, K, A, A::DefaultTrigger> {
        WindowedStream::of(self.clone(), assigner)
    }

    /// Gathers the records of each key in windows of `size` elements each.
    #[must_use]
    pub fn count_window(&self, size: u64) -> WindowedStream<T, K, GlobalWindows, PurgingTrigger<CountTrigger>> {
        self.window(GlobalWindows).trigger(PurgingTrigger::of(CountTrigger::of(size)))
    }

    /// Gathers the records of each key in windows of the last `size` elements, every `slide` elements.
    #[must_use]
    pub fn count_window_slide(
        &self, size: u64, slide: u64,
    ) -> WindowedStream<T, K, GlobalWindows, CountTrigger, CountEvictor> {
        let last = CountEvictor::of(usize::try_from(size).unwrap_or(usize::MAX));
        self.window(GlobalWindows).evictor(last).trigger(CountTrigger::of(slide))
    }

    /// The running sum of a field per key; the other fields are those of the key's first record. Integers wrap around.
    ///
    /// ```
    /// # use riverrun_stream::{KeyedStream, SingleOutputStreamOperator};
    /// # fn program(words: KeyedStream<(String, u64), String>) -> SingleOutputStreamOperator<(String, u64)> {
    /// words.sum(|(_, count)| count)
    /// # }
    /// ```
    pub fn sum<N: Summable>(
        &self, field: impl Fn(&mut T) -> &mut N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.aggregation("Keyed Sum", Sum::new(field))
    }

    /// The lowest value of a field so far per key; the other fields are those of the key's first record.
    pub fn min<N: PartialOrd + Clone + 'static>(
        &self, field: impl Fn(&mut T) -> &mut N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.aggregation("Keyed Min", ExtremumOf::new(Extremum::Min, field))
    }

    /// The highest value of a field so far per key; the other fields are those of the key's first record.
    pub fn max<N: PartialOrd + Clone + 'static>(
        &self, field: impl Fn(&mut T) -> &mut N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.aggregation("Keyed Max", ExtremumOf::new(Extremum::Max, field))
    }

    /// The record with the lowest value so far per key; the first of equal ones.
    pub fn min_by<N: PartialOrd + 'static>(
        &self, value: impl Fn(&T) -> N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.aggregation("Keyed MinBy", RecordWith::new(Extremum::Min, value))
    }

    /// The record with the highest value so far per key; the first of equal ones.
    pub fn max_by<N: PartialOrd + 'static>(
        &self, value: impl Fn(&T) -> N + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<T> {
        self.aggregation("Keyed MaxBy", RecordWith::new(Extremum::Max, value))
    }
}
