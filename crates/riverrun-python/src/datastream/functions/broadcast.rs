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

/// What was done to a broadcast state, as Python says it: the name of the state, `put`, `remove` or `clear`, and the key and the value
/// where there is one.
type Change<'py> = (String, String, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// What was done to a broadcast state.
enum Operation {
    Put(PyKey, PyValue),
    Remove(PyKey),
    Clear,
}

impl Operation {
    fn of<'py>(name: &str, key: Bound<'py, PyAny>, value: Bound<'py, PyAny>) -> Result<Self> {
        let key = || PyKey::of(key).map_err(raised);
        match name {
            "put" => Ok(Self::Put(key()?, PyValue::new(value))),
            "remove" => key().map(Self::Remove),
            "clear" => Ok(Self::Clear),
            _ => Err(FunctionError::internal(format!("a broadcast state has no operation `{name}`"))),
        }
    }

    fn apply(self, state: &mut State) {
        match self {
            Self::Put(key, value) => state.put(key, value),
            Self::Remove(key) => drop(state.remove(&key)),
            Self::Clear => state.clear(),
        }
    }
}

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
    fn changes(&self, mut apply: impl FnMut(&Descriptor, Operation) -> Result) -> Result {
        Python::attach(|py| {
            let changes = self.function.callbacks.call(py, 4, ())?;
            for change in changes.try_iter().map_err(raised)? {
                let (name, operation, key, value): Change<'_> =
                    change.and_then(|change| change.extract()).map_err(raised)?;
                let descriptor = self.states.iter().find(|(other, _)| *other == name);
                let (_, descriptor) = descriptor.ok_or_else(|| {
                    FunctionError::internal(format!("the broadcast state `{name}` was changed and is not known"))
                })?;
                apply(descriptor, Operation::of(&operation, key, value)?)?;
            }
            Ok(())
        })
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
        self.0.changes(|descriptor, operation| {
            operation.apply(context.broadcast_state(descriptor)?);
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
        self.0.changes(|descriptor, operation| {
            operation.apply(context.broadcast_state(descriptor)?);
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
