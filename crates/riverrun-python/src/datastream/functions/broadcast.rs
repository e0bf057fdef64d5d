//! `BroadcastProcessFunction` and `KeyedBroadcastProcessFunction`.
//!
//! The Python side reads a copy of the broadcast state, a `dict`; what it changes there is done to the engine's state after the
//! call.

use std::collections::HashSet;

use pyo3::prelude::*;
use pyo3::types::PyList;
use riverrun::stream::batch::DataType;
use riverrun::stream::functions::{
    BroadcastContext, BroadcastProcessFunction, BroadcastReadContext, KeyedBroadcastContext,
    KeyedBroadcastProcessFunction, KeyedBroadcastReadContext,
};
use riverrun::stream::state::{BroadcastState, MapStateDescriptor};
use riverrun::stream::{Collector, FunctionError, Result, RuntimeContext, Timestamp};

use super::keyed_process::time_argument;
use super::process::WithContext;
use crate::datastream::callbacks::Callbacks;
use crate::datastream::errors::raised;
use crate::datastream::key::PyKey;
use crate::datastream::side_outputs::SideOutputs;
use crate::datastream::value::PyValue;

type Descriptor = MapStateDescriptor<PyKey, PyValue>;
type State = BroadcastState<PyKey, PyValue>;

/// What was done to a broadcast state: the name of the state, and the key and value that were put, the key that was removed, or
/// neither, where all was.
type Change<'py> = (String, Option<Bound<'py, PyAny>>, Option<Bound<'py, PyAny>>);

/// What both functions have in common. Calls: 0 `process_element`, 1 `process_broadcast_element`, 2 `on_timer`, 3 `load(name,
/// entries)`, 4 `changes()`.
struct Broadcasting {
    function: WithContext,
    states: Vec<(String, Descriptor)>,
    loaded: HashSet<String>,
}

impl Clone for Broadcasting {
    fn clone(&self) -> Self {
        Self { function: self.function.clone(), states: self.states.clone(), loaded: HashSet::new() }
    }
}

impl Broadcasting {
    fn new(callbacks: Callbacks, side: SideOutputs, is_keyed: bool, states: &[String]) -> Self {
        let states = states.iter().map(|name| (name.clone(), Descriptor::new(name))).collect();
        Self { function: WithContext::new(callbacks, side, is_keyed), states, loaded: HashSet::new() }
    }

    /// Copies what was restored to the Python side, before the first call.
    fn load(&mut self, mut get: impl FnMut(&Descriptor) -> Result<State>) -> Result {
        if self.loaded.len() == self.states.len() {
            return Ok(());
        }
        for (name, descriptor) in &self.states {
            let state = get(descriptor)?;
            Python::attach(|py| {
                let entries = state.entries().map(|(key, value)| (key.bind(py), value.bind(py)));
                let entries = PyList::new(py, entries.collect::<Vec<_>>()).map_err(raised)?;
                self.function.callbacks.call(py, 3, (name, entries)).map(drop)
            })?;
            self.loaded.insert(name.clone());
        }
        Ok(())
    }

    /// Does to the engine's states what was done on the Python side.
    fn changes(&self, mut put: impl FnMut(&Descriptor, Option<PyKey>, Option<PyValue>) -> Result) -> Result {
        Python::attach(|py| {
            let changes = self.function.callbacks.call(py, 4, ())?;
            for change in changes.try_iter().map_err(raised)? {
                let (name, key, value): Change<'_> = change.and_then(|change| change.extract()).map_err(raised)?;
                let descriptor = self.states.iter().find(|(other, _)| *other == name);
                let (_, descriptor) = descriptor.ok_or_else(|| {
                    FunctionError::internal(format!("the broadcast state `{name}` was changed and is not known"))
                })?;
                let key = key.map(PyKey::of).transpose().map_err(raised)?;
                put(descriptor, key, value.map(PyValue::new))?;
            }
            Ok(())
        })
    }
}

fn change(state: &mut State, key: Option<PyKey>, value: Option<PyValue>) {
    match (key, value) {
        (Some(key), Some(value)) => state.put(key, value),
        (Some(key), None) => drop(state.remove(&key)),
        (None, _) => state.clear(),
    }
}

/// A Python `BroadcastProcessFunction`.
#[derive(Clone)]
pub(crate) struct PyBroadcast(Broadcasting);

impl PyBroadcast {
    pub(crate) fn new(callbacks: Callbacks, side: SideOutputs, states: &[String]) -> Self {
        Self(Broadcasting::new(callbacks, side, false, states))
    }
}

impl BroadcastProcessFunction<PyValue, PyValue> for PyBroadcast {
    type Out = PyValue;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        self.0.function.side.ports()
    }

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.function.open(context)
    }

    fn process_element(
        &mut self, value: PyValue, context: &mut BroadcastReadContext<'_, '_>, out: &mut Collector<'_, PyValue>,
    ) -> Result {
        self.0.load(|descriptor| context.broadcast_state(descriptor).cloned())?;
        self.0.function.process(0, value, context, out)
    }

    fn process_broadcast_element(
        &mut self, value: PyValue, context: &mut BroadcastContext<'_, '_>, out: &mut Collector<'_, PyValue>,
    ) -> Result {
        self.0.load(|descriptor| context.broadcast_state(descriptor).cloned())?;
        self.0.function.process(1, value, context, out)?;
        self.0.changes(|descriptor, key, value| {
            change(context.broadcast_state(descriptor)?, key, value);
            Ok(())
        })
    }

    fn close(&mut self) -> Result {
        self.0.function.callbacks.close()
    }
}

/// A Python `KeyedBroadcastProcessFunction`.
#[derive(Clone)]
pub(crate) struct PyKeyedBroadcast(Broadcasting);

impl PyKeyedBroadcast {
    pub(crate) fn new(callbacks: Callbacks, side: SideOutputs, states: &[String]) -> Self {
        Self(Broadcasting::new(callbacks, side, true, states))
    }
}

impl KeyedBroadcastProcessFunction<PyKey, PyValue, PyValue> for PyKeyedBroadcast {
    type Out = PyValue;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        self.0.function.side.ports()
    }

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.function.open(context)
    }

    fn process_element(
        &mut self, value: PyValue, context: &mut KeyedBroadcastReadContext<'_, '_, PyKey>,
        out: &mut Collector<'_, PyValue>,
    ) -> Result {
        self.0.load(|descriptor| context.broadcast_state(descriptor).cloned())?;
        self.0.function.process_keyed(0, |py| Ok(value.into_bound(py)), context, out)
    }

    fn process_broadcast_element(
        &mut self, value: PyValue, context: &mut KeyedBroadcastContext<'_, '_, PyKey>, out: &mut Collector<'_, PyValue>,
    ) -> Result {
        self.0.load(|descriptor| context.broadcast_state(descriptor).cloned())?;
        self.0.function.process(1, value, context, out)?;
        self.0.changes(|descriptor, key, value| {
            change(context.broadcast_state(descriptor)?, key, value);
            Ok(())
        })
    }

    fn on_timer(
        &mut self, timestamp: Timestamp, context: &mut KeyedBroadcastReadContext<'_, '_, PyKey>,
        out: &mut Collector<'_, PyValue>,
    ) -> Result {
        self.0.load(|descriptor| context.broadcast_state(descriptor).cloned())?;
        self.0.function.process_keyed(2, time_argument(timestamp), context, out)
    }

    fn close(&mut self) -> Result {
        self.0.function.callbacks.close()
    }
}
