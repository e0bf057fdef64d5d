//! A stream whose records make state on every subtask: [`BroadcastStream`], and what it is connected to.

use std::hash::Hash;

use crate::data::Data;
use crate::error::Error;
use crate::functions::{BroadcastProcessFunction, Key, KeyExtractor, KeyedBroadcastProcessFunction};
use crate::operator::{BroadcastProcessOperator, KeyedBroadcastProcessOperator, Operator};
use crate::state::{BroadcastStateDescriptor, MapStateDescriptor};
use crate::stream::data_stream::cloning;
use crate::stream::{ConnectTo, DataStream, KeyedStream, SingleOutputStreamOperator};

/// A stream whose records go to every subtask of what it is connected to, where they make state. Made by
/// [`DataStream::broadcast_state`].
pub struct BroadcastStream<B> {
    stream: DataStream<B>,
    states: Vec<BroadcastStateDescriptor>,
}

impl<B> Clone for BroadcastStream<B> {
    fn clone(&self) -> Self {
        Self { stream: self.stream.clone(), states: self.states.clone() }
    }
}

impl<B> BroadcastStream<B> {
    pub(crate) fn of<K: Data + Hash + Eq, V: Data>(stream: DataStream<B>, state: &MapStateDescriptor<K, V>) -> Self {
        Self { stream, states: Vec::new() }.with_state(state)
    }

    /// Adds another state.
    ///
    /// A name that is taken, or a descriptor with a time to live, is a mistake that `execute` reports.
    #[must_use]
    pub fn with_state<K: Data + Hash + Eq, V: Data>(mut self, state: &MapStateDescriptor<K, V>) -> Self {
        let state = BroadcastStateDescriptor::of(state);
        let name = &state.name;
        let mut mistakes = Vec::new();
        if state.has_ttl {
            mistakes
                .push(format!("the state `{name}` has a time to live, which broadcast state has not; leave it away"));
        }
        if self.states.iter().any(|other| other.name == *name) {
            mistakes.push(format!("there are two states `{name}`; give each a name of its own"));
        }
        let mistakes = mistakes.into_iter().map(|problem| Error::Argument { operation: "broadcast_state", problem });
        self.stream.environment.builder().mistakes.extend(mistakes);
        self.states.push(state);
        self
    }
}

/// A stream with state that another broadcasts. Made by [`DataStream::connect`].
pub struct BroadcastConnectedStream<A, B> {
    stream: DataStream<A>,
    broadcast: BroadcastStream<B>,
}

impl<A: Data, B: Data> BroadcastConnectedStream<A, B> {
    /// Makes any number of values of each value of the stream, with the broadcast state at hand.
    pub fn process<F: BroadcastProcessFunction<A, B, Out: Data>>(
        &self, function: F,
    ) -> SingleOutputStreamOperator<F::Out> {
        let states = self.broadcast.states.clone();
        let operator = move |function| -> Box<dyn Operator> {
            Box::new(BroadcastProcessOperator::<A, B, F>::new(&states, function))
        };
        self.stream.transform_with(
            &self.broadcast.stream,
            "connect",
            "Co-Process-Broadcast",
            cloning(function, operator),
        )
    }
}

/// A keyed stream with state that another broadcasts. Made by [`KeyedStream::connect`].
pub struct KeyedBroadcastConnectedStream<A, B, K> {
    stream: DataStream<A>,
    keys: KeyExtractor<A, K>,
    broadcast: BroadcastStream<B>,
}

impl<A: Data, B: Data, K: Key> KeyedBroadcastConnectedStream<A, B, K> {
    /// Makes any number of values of each value of the stream, with state and timers of its key and the broadcast state at hand.
    pub fn process<F: KeyedBroadcastProcessFunction<K, A, B, Out: Data>>(
        &self, function: F,
    ) -> SingleOutputStreamOperator<F::Out> {
        let (states, keys) = (self.broadcast.states.clone(), self.keys.clone());
        let operator = move |function| -> Box<dyn Operator> {
            Box::new(KeyedBroadcastProcessOperator::<K, A, B, F>::new(keys.clone(), &states, function))
        };
        self.stream.transform_with(
            &self.broadcast.stream,
            "connect",
            "Co-Process-Broadcast-Keyed",
            cloning(function, operator),
        )
    }
}

impl<A, B> ConnectTo<DataStream<A>> for BroadcastStream<B> {
    type Connected = BroadcastConnectedStream<A, B>;

    fn connect_to(&self, first: &DataStream<A>) -> Self::Connected {
        BroadcastConnectedStream { stream: first.clone(), broadcast: self.clone() }
    }
}

impl<A, B, K> ConnectTo<KeyedStream<A, K>> for BroadcastStream<B> {
    type Connected = KeyedBroadcastConnectedStream<A, B, K>;

    fn connect_to(&self, first: &KeyedStream<A, K>) -> Self::Connected {
        let stream: &DataStream<A> = first;
        KeyedBroadcastConnectedStream { stream: stream.clone(), keys: first.keys.clone(), broadcast: self.clone() }
    }
}
