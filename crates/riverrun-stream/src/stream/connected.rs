//! Two streams that one operator reads: [`ConnectedStreams`] and [`KeyedConnectedStreams`].

use std::ops::Deref;

use crate::data::Data;
use crate::functions::{
    CoFlatMapClosures, CoFlatMapFunction, CoMapClosures, CoMapFunction, CoProcessFunction, Key, KeyExtractor,
    KeyedCoProcessFunction,
};
use crate::operator::{
    CoFlatMap, CoFlatMapOperator, CoMap, CoMapOperator, CoProcessOperator, KeyedCoProcessOperator, Operator,
};
use crate::stream::data_stream::cloning;
use crate::stream::{DataStream, KeyedStream, SingleOutputStreamOperator};

/// What a stream can be [connected](DataStream::connect) to, and what comes of it: connected streams, keyed where both are, with
/// broadcast state where the other has it.
#[diagnostic::on_unimplemented(
    message = "a `{First}` cannot be connected to a `{Self}`",
    note = "two keyed streams need keys of the same type"
)]
pub trait ConnectTo<First> {
    /// The two streams together.
    type Connected;

    /// Puts this stream behind `first`.
    fn connect_to(&self, first: &First) -> Self::Connected;
}

/// Two streams, each of its own type, that one operator reads. Made by [`DataStream::connect`].
pub struct ConnectedStreams<A, B> {
    first: DataStream<A>,
    second: DataStream<B>,
}

impl<A, B> Clone for ConnectedStreams<A, B> {
    fn clone(&self) -> Self {
        Self { first: self.first.clone(), second: self.second.clone() }
    }
}

impl<A, B> ConnectedStreams<A, B> {
    fn of(first: &DataStream<A>, second: &DataStream<B>) -> Self {
        Self { first: first.clone(), second: second.clone() }
    }

    /// The first stream.
    #[must_use]
    pub fn first_input(&self) -> &DataStream<A> {
        &self.first
    }

    /// The second stream.
    #[must_use]
    pub fn second_input(&self) -> &DataStream<B> {
        &self.second
    }

    /// Adds an operator of one's own with two inputs. `Out` is the type of its main output.
    pub fn transform<Out: Data>(
        &self, name: &str, operator: impl Fn() -> Box<dyn Operator> + Send + Sync + 'static,
    ) -> SingleOutputStreamOperator<Out> {
        self.first.transform_with(&self.second, "connect", name, operator)
    }
}

impl<A: Data, B: Data> ConnectedStreams<A, B> {
    /// Makes one value of each value, with a closure for each stream.
    pub fn map<Out: Data>(
        &self, first: impl FnMut(A) -> Out + Clone + Send + 'static,
        second: impl FnMut(B) -> Out + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<Out> {
        self.map_function(CoMapClosures(first, second))
    }

    /// Makes one value of each value, with a function that is opened and closed on every subtask.
    pub fn map_function<F: CoMapFunction<A, B, Out: Data>>(&self, function: F) -> SingleOutputStreamOperator<F::Out> {
        let operator = |function| -> Box<dyn Operator> { Box::new(CoMapOperator::<A, B, F>::new(CoMap(function))) };
        self.transform("Co-Map", cloning(function, operator))
    }

    /// Makes any number of values of each value: those of the iterator that the stream's closure returns.
    pub fn flat_map<I: IntoIterator<Item: Data> + 'static, J: IntoIterator<Item = I::Item> + 'static>(
        &self, first: impl FnMut(A) -> I + Clone + Send + 'static, second: impl FnMut(B) -> J + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<I::Item> {
        self.flat_map_function(CoFlatMapClosures(first, second))
    }

    /// Makes any number of values of each value, with a function that is opened and closed on every subtask.
    pub fn flat_map_function<F: CoFlatMapFunction<A, B, Out: Data>>(
        &self, function: F,
    ) -> SingleOutputStreamOperator<F::Out> {
        let operator =
            |function| -> Box<dyn Operator> { Box::new(CoFlatMapOperator::<A, B, F>::new(CoFlatMap(function))) };
        self.transform("Co-Flat Map", cloning(function, operator))
    }

    /// Makes any number of values of each value, for the main output and for side outputs.
    pub fn process<F: CoProcessFunction<A, B, Out: Data>>(&self, function: F) -> SingleOutputStreamOperator<F::Out> {
        let operator = |function| -> Box<dyn Operator> { Box::new(CoProcessOperator::<A, B, F>::new(function)) };
        self.transform("Co-Process", cloning(function, operator))
    }

    /// Groups both streams by a key: records of either with equal keys go to the same subtask, where they share state and timers.
    #[must_use]
    pub fn key_by<K: Key>(
        &self, first: impl Fn(&A) -> K + Send + Sync + 'static, second: impl Fn(&B) -> K + Send + Sync + 'static,
    ) -> KeyedConnectedStreams<A, B, K> {
        self.first.key_by(first).connect(&self.second.key_by(second))
    }
}

/// Two streams with one kind of key that one operator reads. Made by [`KeyedStream::connect`] and [`ConnectedStreams::key_by`].
///
/// They are [`ConnectedStreams`] otherwise.
pub struct KeyedConnectedStreams<A, B, K> {
    streams: ConnectedStreams<A, B>,
    keys: (KeyExtractor<A, K>, KeyExtractor<B, K>),
}

impl<A, B, K> Clone for KeyedConnectedStreams<A, B, K> {
    fn clone(&self) -> Self {
        Self { streams: self.streams.clone(), keys: self.keys.clone() }
    }
}

impl<A, B, K> Deref for KeyedConnectedStreams<A, B, K> {
    type Target = ConnectedStreams<A, B>;

    fn deref(&self) -> &ConnectedStreams<A, B> {
        &self.streams
    }
}

impl<A: Data, B: Data, K: Key> KeyedConnectedStreams<A, B, K> {
    /// Makes any number of values of each value, with state and timers that both streams share per key.
    pub fn process<F: KeyedCoProcessFunction<K, A, B, Out: Data>>(
        &self, function: F,
    ) -> SingleOutputStreamOperator<F::Out> {
        let (first, second) = self.keys.clone();
        let operator = move |function| -> Box<dyn Operator> {
            Box::new(KeyedCoProcessOperator::<K, A, B, F>::new(first.clone(), second.clone(), function))
        };
        self.transform("Co-Keyed-Process", cloning(function, operator))
    }
}

impl<A, B> ConnectTo<DataStream<A>> for DataStream<B> {
    type Connected = ConnectedStreams<A, B>;

    fn connect_to(&self, first: &DataStream<A>) -> Self::Connected {
        ConnectedStreams::of(first, self)
    }
}

impl<A, B> ConnectTo<DataStream<A>> for SingleOutputStreamOperator<B> {
    type Connected = ConnectedStreams<A, B>;

    fn connect_to(&self, first: &DataStream<A>) -> Self::Connected {
        ConnectedStreams::of(first, self)
    }
}

impl<A, B, K> ConnectTo<DataStream<A>> for KeyedStream<B, K> {
    type Connected = ConnectedStreams<A, B>;

    fn connect_to(&self, first: &DataStream<A>) -> Self::Connected {
        ConnectedStreams::of(first, self)
    }
}

impl<A, B, K> ConnectTo<KeyedStream<A, K>> for DataStream<B> {
    type Connected = ConnectedStreams<A, B>;

    fn connect_to(&self, first: &KeyedStream<A, K>) -> Self::Connected {
        ConnectedStreams::of(first, self)
    }
}

impl<A, B, K> ConnectTo<KeyedStream<A, K>> for SingleOutputStreamOperator<B> {
    type Connected = ConnectedStreams<A, B>;

    fn connect_to(&self, first: &KeyedStream<A, K>) -> Self::Connected {
        ConnectedStreams::of(first, self)
    }
}

impl<A, B, K> ConnectTo<KeyedStream<A, K>> for KeyedStream<B, K> {
    type Connected = KeyedConnectedStreams<A, B, K>;

    fn connect_to(&self, first: &KeyedStream<A, K>) -> Self::Connected {
        KeyedConnectedStreams {
            streams: ConnectedStreams::of(first, self),
            keys: (first.keys.clone(), self.keys.clone()),
        }
    }
}
