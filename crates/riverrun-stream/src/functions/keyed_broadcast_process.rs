//! A keyed stream's values handled with state that another stream broadcasts.

use std::hash::Hash;
use std::ops::{Deref, DerefMut};

use crate::batch::DataType;
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::Timestamp;
use crate::error::Result;
use crate::functions::{Collector, Key, KeyedProcessContext, ProcessContext};
use crate::state::{BroadcastState, BroadcastStates, KeyedContext, KeyedStateBackend, MapStateDescriptor, StateTables};

/// What a function knows of a keyed value or a timer: all that a [`KeyedProcessContext`] knows, and the broadcast state, to be
/// read.
pub struct KeyedBroadcastReadContext<'t, 'a, K> {
    pub(crate) inner: KeyedProcessContext<'t, 'a, K>,
    pub(crate) broadcast: &'t BroadcastStates,
}

impl<K> KeyedBroadcastReadContext<'_, '_, K> {
    /// The broadcast state of this descriptor. It can't be changed here: each subtask sees other values.
    ///
    /// # Errors
    /// The broadcast stream has no such state.
    pub fn broadcast_state<SK: Data + Hash + Eq, V: Data>(
        &self, descriptor: &MapStateDescriptor<SK, V>,
    ) -> Result<&BroadcastState<SK, V>> {
        self.broadcast.get(descriptor)
    }
}

impl<'t, 'a, K> Deref for KeyedBroadcastReadContext<'t, 'a, K> {
    type Target = KeyedProcessContext<'t, 'a, K>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl<K> DerefMut for KeyedBroadcastReadContext<'_, '_, K> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

impl<K> KeyedContext for KeyedBroadcastReadContext<'_, '_, K> {
    fn states(&mut self) -> &mut StateTables {
        self.inner.states()
    }
}

/// The keyed state of all keys of a subtask.
pub(crate) trait AllKeys<K> {
    fn visit(&mut self, now: Timestamp, visit: &mut dyn FnMut(&K, &mut StateTables) -> Result) -> Result;
}

impl<K, S: KeyedStateBackend<K>> AllKeys<K> for S {
    fn visit(&mut self, now: Timestamp, visit: &mut dyn FnMut(&K, &mut StateTables) -> Result) -> Result {
        self.for_each_key(now, visit)
    }
}

/// What a function knows of a value that was broadcast: all that a [`ProcessContext`] knows, the broadcast state, to be changed,
/// and the keyed state of every key.
pub struct KeyedBroadcastContext<'t, 'a, K> {
    pub(crate) inner: ProcessContext<'t, 'a>,
    pub(crate) broadcast: &'t mut BroadcastStates,
    pub(crate) keys: &'t mut dyn AllKeys<K>,
}

impl<K> KeyedBroadcastContext<'_, '_, K> {
    /// The broadcast state of this descriptor. What becomes of it has to follow from the broadcast values and their order alone,
    /// so that it is the same on every subtask.
    ///
    /// # Errors
    /// The broadcast stream has no such state.
    pub fn broadcast_state<SK: Data + Hash + Eq, V: Data>(
        &mut self, descriptor: &MapStateDescriptor<SK, V>,
    ) -> Result<&mut BroadcastState<SK, V>> {
        self.broadcast.get_mut(descriptor)
    }

    /// Calls `visit` once for each key of this subtask that has any keyed state, in no particular order, with its states at
    /// hand. Same as Flink's `applyToKeyedState`, but that it is not for one state alone.
    ///
    /// # Errors
    /// `visit` fails.
    pub fn apply_to_keyed_state(&mut self, mut visit: impl FnMut(&K, &mut StateTables) -> Result) -> Result {
        let now = self.inner.processing_time();
        self.keys.visit(now, &mut visit)
    }
}

impl<'t, 'a, K> Deref for KeyedBroadcastContext<'t, 'a, K> {
    type Target = ProcessContext<'t, 'a>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl<K> DerefMut for KeyedBroadcastContext<'_, '_, K> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

/// Makes any number of values of each value of a keyed stream, with state and timers of its key and with state that another
/// stream broadcasts. Same as Flink's `KeyedBroadcastProcessFunction`, but that its side outputs are declared and its keyed
/// states are used with the context.
pub trait KeyedBroadcastProcessFunction<K: Key, In, Broadcast>: Clone + Send + 'static {
    /// What it makes for the main output.
    type Out;

    /// The side outputs it uses: `vec![tag.port()]`.
    fn side_outputs(&self) -> Vec<(String, DataType)> {
        Vec::new()
    }

    /// Called once per subtask before the first value. Keyed states are asked for here.
    ///
    /// # Errors
    /// An error fails the task.
    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// Makes values of one that was not broadcast.
    ///
    /// # Errors
    /// An error fails the task.
    fn process_element(
        &mut self, value: In, context: &mut KeyedBroadcastReadContext<'_, '_, K>, out: &mut Collector<'_, Self::Out>,
    ) -> Result;

    /// Takes a broadcast value in: called on every subtask, which all have to do the same.
    ///
    /// # Errors
    /// An error fails the task.
    fn process_broadcast_element(
        &mut self, value: Broadcast, context: &mut KeyedBroadcastContext<'_, '_, K>, out: &mut Collector<'_, Self::Out>,
    ) -> Result;

    /// Called when a timer that was set for the current key fires. Values made here carry the time of an event-time timer, and
    /// no timestamp for one of processing time.
    ///
    /// # Errors
    /// An error fails the task.
    fn on_timer(
        &mut self, timestamp: Timestamp, context: &mut KeyedBroadcastReadContext<'_, '_, K>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result {
        let _ = (timestamp, context, out);
        Ok(())
    }

    /// Called once per subtask after the last value, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}
