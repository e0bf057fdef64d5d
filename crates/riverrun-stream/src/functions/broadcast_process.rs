//! A stream's values handled with state that another stream broadcasts.

use std::hash::Hash;
use std::ops::{Deref, DerefMut};

use crate::batch::DataType;
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::error::Result;
use crate::functions::{Collector, ProcessContext};
use crate::state::{BroadcastState, BroadcastStates, MapStateDescriptor};

/// What a function knows of a value that was not broadcast: all that a [`ProcessContext`] knows, and the broadcast state, to
/// be read.
pub struct BroadcastReadContext<'t, 'a> {
    pub(crate) inner: ProcessContext<'t, 'a>,
    pub(crate) broadcast: &'t BroadcastStates,
}

impl BroadcastReadContext<'_, '_> {
    /// The broadcast state of this descriptor. It can't be changed here: each subtask sees other values.
    ///
    /// # Errors
    /// The broadcast stream has no such state.
    pub fn broadcast_state<K: Data + Hash + Eq, V: Data>(
        &self, descriptor: &MapStateDescriptor<K, V>,
    ) -> Result<&BroadcastState<K, V>> {
        self.broadcast.get(descriptor)
    }
}

impl<'t, 'a> Deref for BroadcastReadContext<'t, 'a> {
    type Target = ProcessContext<'t, 'a>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl DerefMut for BroadcastReadContext<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

/// What a function knows of a value that was broadcast: all that a [`ProcessContext`] knows, and the broadcast state, to be
/// changed.
pub struct BroadcastContext<'t, 'a> {
    pub(crate) inner: ProcessContext<'t, 'a>,
    pub(crate) broadcast: &'t mut BroadcastStates,
}

impl BroadcastContext<'_, '_> {
    /// The broadcast state of this descriptor. What becomes of it has to follow from the broadcast values and their order alone,
    /// so that it is the same on every subtask.
    ///
    /// # Errors
    /// The broadcast stream has no such state.
    pub fn broadcast_state<K: Data + Hash + Eq, V: Data>(
        &mut self, descriptor: &MapStateDescriptor<K, V>,
    ) -> Result<&mut BroadcastState<K, V>> {
        self.broadcast.get_mut(descriptor)
    }
}

impl<'t, 'a> Deref for BroadcastContext<'t, 'a> {
    type Target = ProcessContext<'t, 'a>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl DerefMut for BroadcastContext<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

/// Makes any number of values of each value of a stream, with state that another stream broadcasts. Same as Flink's
/// `BroadcastProcessFunction`, but that its side outputs are declared.
pub trait BroadcastProcessFunction<In, Broadcast>: Clone + Send + 'static {
    /// What it makes for the main output.
    type Out;

    /// The side outputs it uses: `vec![tag.port()]`.
    fn side_outputs(&self) -> Vec<(String, DataType)> {
        Vec::new()
    }

    /// Called once per subtask before the first value.
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
        &mut self, value: In, context: &mut BroadcastReadContext<'_, '_>, out: &mut Collector<'_, Self::Out>,
    ) -> Result;

    /// Takes a broadcast value in: called on every subtask, which all have to do the same.
    ///
    /// # Errors
    /// An error fails the task.
    fn process_broadcast_element(
        &mut self, value: Broadcast, context: &mut BroadcastContext<'_, '_>, out: &mut Collector<'_, Self::Out>,
    ) -> Result;

    /// Called once per subtask after the last value, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}
