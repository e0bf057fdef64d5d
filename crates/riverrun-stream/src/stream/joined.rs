//! Two streams that meet in windows: [`JoinedStreams`] and [`CoGroupedStreams`].

use std::marker::PhantomData;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::data::Data;
use crate::error::Error;
use crate::functions::{
    BothGroups, CoGroupClosure, CoGroupFunction, Collector, EachPair, FlatJoinFunction, JoinClosure, JoinFunction, Key,
    OneOfEachPair,
};
use crate::stream::{DataStream, KeyedStream, SingleOutputStreamOperator, WindowedStream};
use crate::window::{Evictor, NoEvictor, Trigger, WindowAssigner};

/// An element of either of two streams: what the windows of a join or co-group hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaggedUnion<A, B> {
    /// One of the first stream.
    One(A),
    /// One of the second stream.
    Two(B),
}

impl<A, B> TaggedUnion<A, B> {
    /// The elements of each stream, in their order.
    pub(crate) fn apart(elements: &[Self]) -> (Vec<&A>, Vec<&B>) {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for element in elements {
            match element {
                Self::One(value) => first.push(value),
                Self::Two(value) => second.push(value),
            }
        }
        (first, second)
    }
}

/// Two streams to be joined: a function gets every pair that a window has of a key. Made by [`DataStream::join`].
pub type JoinedStreams<A, B> = StreamPair<A, B, Joined>;

/// Two streams to be grouped together: a function gets all that a window has of a key. Made by [`DataStream::co_group`].
pub type CoGroupedStreams<A, B> = StreamPair<A, B, CoGrouped>;

/// Every value of the first stream meets every value of the second.
pub enum Joined {}

/// All values of both streams come together.
pub enum CoGrouped {}

/// How two streams meet.
pub trait Meeting {
    /// The call that began it, for messages.
    const OPERATION: &'static str;
}

impl Meeting for Joined {
    const OPERATION: &'static str = "join";
}

impl Meeting for CoGrouped {
    const OPERATION: &'static str = "co_group";
}

/// Two streams that are to meet; the key of the first comes next.
pub struct StreamPair<A, B, How> {
    first: DataStream<A>,
    second: DataStream<B>,
    how: PhantomData<How>,
}

impl<A: Data, B: Data, How: Meeting> StreamPair<A, B, How> {
    pub(crate) fn of(first: &DataStream<A>, second: &DataStream<B>) -> Self {
        Self { first: first.clone(), second: second.clone(), how: PhantomData }
    }

    /// The key of the first stream's records.
    pub fn where_<K: Key, F: Fn(&A) -> K + Send + Sync + 'static>(self, key: F) -> WhereKey<A, B, F, How> {
        WhereKey { streams: self, key }
    }
}

/// Two streams that are to meet, the first with its key; that of the second comes next.
pub struct WhereKey<A, B, F, How> {
    streams: StreamPair<A, B, How>,
    key: F,
}

impl<A: Data, B: Data, F, How: Meeting> WhereKey<A, B, F, How> {
    /// The key of the second stream's records: those of equal keys meet.
    ///
    /// A stream of another environment is a mistake that `execute` reports.
    pub fn equal_to<K: Key>(self, key: impl Fn(&B) -> K + Send + Sync + 'static) -> EqualKeys<A, B, K, How>
    where
        F: Fn(&A) -> K + Send + Sync + 'static,
    {
        let Self { streams: StreamPair { first, second, .. }, key: first_key } = self;
        let one = tagged(&first, TaggedUnion::One);
        let both = if first.environment.is_same(&second.environment) {
            one.union([&*tagged(&second, TaggedUnion::Two)])
        } else {
            first.environment.builder().mistakes.push(Error::ForeignStream { operation: How::OPERATION });
            one.union(std::iter::empty::<&DataStream<_>>())
        };
        let stream = both.key_by(move |element| match element {
            TaggedUnion::One(value) => first_key(value),
            TaggedUnion::Two(value) => key(value),
        });
        EqualKeys { stream, how: PhantomData }
    }
}

/// Wraps the records where they are: at the parallelism of the stream, if it has one.
fn tagged<T: Data, U: Data>(stream: &DataStream<T>, tag: fn(T) -> U) -> SingleOutputStreamOperator<U> {
    let parallelism = stream.parallelism();
    let tagged = stream.map(tag);
    match parallelism {
        Some(parallelism) => tagged.set_parallelism(parallelism),
        None => tagged,
    }
}

/// Two streams that are to meet by their keys; the windows come next.
pub struct EqualKeys<A, B, K, How> {
    stream: KeyedStream<TaggedUnion<A, B>, K>,
    how: PhantomData<How>,
}

impl<A: Data, B: Data, K: Key, How> EqualKeys<A, B, K, How> {
    /// The windows in which they meet.
    ///
    /// Parameters that make no windows, such as a size of zero, are a mistake that `execute` reports.
    pub fn window<W: WindowAssigner<TaggedUnion<A, B>>>(
        self, assigner: W,
    ) -> MeetingWindows<A, B, K, W, W::DefaultTrigger, NoEvictor, How> {
        MeetingWindows { windows: self.stream.window(assigner), how: PhantomData }
    }
}

/// Two streams in windows, to be given a function. Same as Flink's `WithWindow`.
///
/// What comes of a window carries its last time. Records that are too late for all their windows are dropped and counted in the
/// metric `numLateRecordsDropped`.
pub struct MeetingWindows<A, B, K, W, G, E, How> {
    windows: WindowedStream<TaggedUnion<A, B>, K, W, G, E>,
    how: PhantomData<How>,
}

impl<A, B, K, W, G, E, How> MeetingWindows<A, B, K, W, G, E, How>
where
    A: Data,
    B: Data,
    K: Key,
    W: WindowAssigner<TaggedUnion<A, B>>,
    G: Trigger<TaggedUnion<A, B>, W::Window>,
    E: Evictor<TaggedUnion<A, B>, W::Window>,
{
    /// Has this trigger say when a window's contents are given to its function, instead of the assigner's default.
    #[must_use]
    pub fn trigger<G2: Trigger<TaggedUnion<A, B>, W::Window>>(
        self, trigger: G2,
    ) -> MeetingWindows<A, B, K, W, G2, E, How> {
        MeetingWindows { windows: self.windows.trigger(trigger), how: PhantomData }
    }

    /// Has this evictor take elements of either stream out of a window before or after its function.
    #[must_use]
    pub fn evictor<E2: Evictor<TaggedUnion<A, B>, W::Window>>(
        self, evictor: E2,
    ) -> MeetingWindows<A, B, K, W, G, E2, How> {
        MeetingWindows { windows: self.windows.evictor(evictor), how: PhantomData }
    }

    /// Keeps windows of event time this long behind their end; a late element fires its window again. Zero unless set.
    #[must_use]
    pub fn allowed_lateness(self, lateness: Duration) -> Self {
        Self { windows: self.windows.allowed_lateness(lateness), how: PhantomData }
    }
}

impl<A, B, K, W, G, E> MeetingWindows<A, B, K, W, G, E, Joined>
where
    A: Data,
    B: Data,
    K: Key,
    W: WindowAssigner<TaggedUnion<A, B>>,
    G: Trigger<TaggedUnion<A, B>, W::Window>,
    E: Evictor<TaggedUnion<A, B>, W::Window>,
{
    /// Makes a value of each pair.
    pub fn apply<Out: Data>(
        &self, function: impl FnMut(&A, &B) -> Out + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<Out> {
        self.apply_function(JoinClosure(function))
    }

    /// Makes a value of each pair, with a function that is opened and closed on every subtask, and can fail.
    pub fn apply_function<F: JoinFunction<A, B, Out: Data>>(&self, function: F) -> SingleOutputStreamOperator<F::Out> {
        self.flat_apply_function(OneOfEachPair(function))
    }

    /// Makes any number of values of each pair, with a function that is opened and closed on every subtask.
    pub fn flat_apply_function<F: FlatJoinFunction<A, B, Out: Data>>(
        &self, function: F,
    ) -> SingleOutputStreamOperator<F::Out> {
        self.windows.apply_function(EachPair(function))
    }
}

impl<A, B, K, W, G, E> MeetingWindows<A, B, K, W, G, E, CoGrouped>
where
    A: Data,
    B: Data,
    K: Key,
    W: WindowAssigner<TaggedUnion<A, B>>,
    G: Trigger<TaggedUnion<A, B>, W::Window>,
    E: Evictor<TaggedUnion<A, B>, W::Window>,
{
    /// Makes any number of values of what both streams have in a window of a key, each in arrival order:
    /// `|first, second, out|`. One of the two may have nothing.
    pub fn apply<Out: Data>(
        &self, function: impl FnMut(&[&A], &[&B], &mut Collector<'_, Out>) + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<Out> {
        self.apply_function(CoGroupClosure::new(function))
    }

    /// As [`apply`](Self::apply), with a function that is opened and closed on every subtask, and can fail.
    pub fn apply_function<F: CoGroupFunction<A, B, Out: Data>>(
        &self, function: F,
    ) -> SingleOutputStreamOperator<F::Out> {
        self.windows.apply_function(BothGroups(function))
    }
}
