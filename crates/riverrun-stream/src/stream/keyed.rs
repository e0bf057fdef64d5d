//! A stream grouped by a key: [`KeyedStream`].

use std::ops::Deref;

use crate::functions::KeyExtractor;
use crate::stream::DataStream;

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
