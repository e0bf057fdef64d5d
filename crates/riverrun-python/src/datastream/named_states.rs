//! States that need not be asked for in `open`, each under its name: those of a window, those of a trigger, and the global ones of
//! window functions.

use std::sync::{Arc, Mutex, TryLockError};

use indexmap::IndexMap;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use riverrun::stream::state::ValueState;
use serde::{Deserialize, Serialize};

use super::errors::in_call;
use super::key::PyKey;
use super::state::States;
use super::stored::Stored;

/// States by their names. One that holds nothing is not there.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct NamedStates(IndexMap<String, NamedState>);

#[derive(Clone, PartialEq, Serialize, Deserialize)]
enum NamedState {
    Value(Stored),
    List(Vec<Stored>),
    Map(#[serde(with = "indexmap::map::serde_seq")] IndexMap<PyKey, Stored>),
}

impl NamedState {
    fn kind(&self) -> &'static str {
        match self {
            Self::Value(_) => "value",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }

    fn other(&self, name: &str, asked: &str) -> PyErr {
        PyTypeError::new_err(format!(
            "the state `{name}` is a {} state, and was asked for as a {asked} state; give one of them another name",
            self.kind()
        ))
    }
}

impl NamedStates {
    fn value(&self, name: &str) -> PyResult<Option<&Stored>> {
        match self.0.get(name) {
            None => Ok(None),
            Some(NamedState::Value(value)) => Ok(Some(value)),
            Some(other) => Err(other.other(name, "value")),
        }
    }

    fn list(&self, name: &str) -> PyResult<&[Stored]> {
        match self.0.get(name) {
            None => Ok(&[]),
            Some(NamedState::List(list)) => Ok(list),
            Some(other) => Err(other.other(name, "list")),
        }
    }

    fn map(&self, name: &str) -> PyResult<Option<&IndexMap<PyKey, Stored>>> {
        match self.0.get(name) {
            None => Ok(None),
            Some(NamedState::Map(map)) => Ok(Some(map)),
            Some(other) => Err(other.other(name, "map")),
        }
    }

    fn map_mut(&mut self, name: &str) -> PyResult<&mut IndexMap<PyKey, Stored>> {
        match self.0.entry(name.into()).or_insert_with(|| NamedState::Map(IndexMap::new())) {
            NamedState::Map(map) => Ok(map),
            other => Err(other.other(name, "map")),
        }
    }

    fn remove(&mut self, name: &str) -> Option<NamedState> {
        self.0.shift_remove(name)
    }
}

/// Where named states are.
enum Home {
    /// Of a window or a trigger: lent for the time of a call, and nothing afterwards.
    Lent(Mutex<Option<NamedStates>>),
    /// A state of the current key.
    Keyed(ValueState<NamedStates>, Arc<States>),
}

/// Named states as `riverrun.datastream._runtime` makes the states of PyFlink of them.
#[pyclass(module = "riverrun._native", name = "NamedStates", frozen)]
pub(crate) struct PyNamedStates(Home);

impl PyNamedStates {
    pub(crate) fn lent(states: NamedStates) -> Self {
        Self(Home::Lent(Mutex::new(Some(states))))
    }

    pub(crate) fn keyed(handle: ValueState<NamedStates>, states: Arc<States>) -> Self {
        Self(Home::Keyed(handle, states))
    }

    /// What was lent, as it is after the call.
    pub(crate) fn take_back(&self) -> NamedStates {
        match &self.0 {
            Home::Lent(states) => {
                states.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take().unwrap_or_default()
            }
            Home::Keyed(..) => NamedStates::default(),
        }
    }

    /// Lets go of the lock before anything of Python runs: `read` copies out what is decoded afterwards.
    fn read<R>(&self, read: impl FnOnce(&NamedStates) -> PyResult<R>) -> PyResult<R> {
        match &self.0 {
            Home::Lent(states) => with_lent(states, |states| read(states)),
            Home::Keyed(handle, tables) => {
                match handle.value(&mut *tables.lock()?).map_err(|error| in_call(&error))? {
                    Some(states) => read(states),
                    None => read(&NamedStates::default()),
                }
            }
        }
    }

    /// What `change` takes out is dropped by the caller, without the lock.
    fn change<R>(&self, change: impl FnOnce(&mut NamedStates) -> PyResult<R>) -> PyResult<R> {
        match &self.0 {
            Home::Lent(states) => with_lent(states, change),
            Home::Keyed(handle, tables) => {
                let mut tables = tables.lock()?;
                let states = handle.value_mut(&mut *tables, NamedStates::default).map_err(|error| in_call(&error))?;
                let result = change(states);
                if states.0.is_empty() {
                    // A key without state is forgotten.
                    handle.clear(&mut *tables).map_err(|error| in_call(&error))?;
                }
                result
            }
        }
    }
}

fn with_lent<R>(
    states: &Mutex<Option<NamedStates>>, work: impl FnOnce(&mut NamedStates) -> PyResult<R>,
) -> PyResult<R> {
    let mut states = match states.try_lock() {
        Ok(states) => states,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => {
            return Err(PyRuntimeError::new_err(
                "state was used while another access to it was under way; use it in the thread that the function is called in",
            ));
        }
    };
    let states = states.as_mut().ok_or_else(|| {
        PyRuntimeError::new_err(
            "the state of a window was used after the call that it was got in; get it from the context of each call",
        )
    })?;
    work(states)
}

#[pymethods]
impl PyNamedStates {
    fn value<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let value = self.read(|states| Ok(states.value(name)?.cloned()))?;
        value.map(|value| value.to_object(py)).transpose()
    }

    fn set_value(&self, name: &str, value: Bound<'_, PyAny>) -> PyResult<()> {
        let value = Stored::of(value, None)?;
        self.change(|states| {
            states.value(name)?;
            Ok(states.0.insert(name.into(), NamedState::Value(value)))
        })
        .map(drop)
    }

    fn list<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let values = self.read(|states| states.list(name).map(<[_]>::to_vec))?;
        values.iter().map(|value| value.to_object(py)).collect()
    }

    fn add_to_list(&self, name: &str, values: &Bound<'_, PyAny>) -> PyResult<()> {
        let values = Stored::all(values, None)?;
        if values.is_empty() {
            return Ok(());
        }
        self.change(|states| match states.0.entry(name.into()).or_insert_with(|| NamedState::List(Vec::new())) {
            NamedState::List(list) => {
                list.extend(values);
                Ok(())
            }
            other => Err(other.other(name, "list")),
        })
    }

    fn set_list(&self, name: &str, values: &Bound<'_, PyAny>) -> PyResult<()> {
        let values = Stored::all(values, None)?;
        self.change(|states| {
            states.list(name)?;
            let before = states.remove(name);
            if !values.is_empty() {
                states.0.insert(name.into(), NamedState::List(values));
            }
            Ok(before)
        })
        .map(drop)
    }

    fn get_in_map<'py>(
        &self, py: Python<'py>, name: &str, key: Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let key = PyKey::of(key)?;
        let value = self.read(|states| Ok(states.map(name)?.and_then(|map| map.get(&key)).cloned()))?;
        value.map(|value| value.to_object(py)).transpose()
    }

    fn put_in_map(&self, name: &str, key: Bound<'_, PyAny>, value: Bound<'_, PyAny>) -> PyResult<()> {
        let (key, value) = (PyKey::of(key)?, Stored::of(value, None)?);
        self.change(|states| Ok(states.map_mut(name)?.insert(key, value))).map(drop)
    }

    fn remove_from_map(&self, name: &str, key: Bound<'_, PyAny>) -> PyResult<()> {
        let key = PyKey::of(key)?;
        self.change(|states| {
            if states.map(name)?.is_none() {
                return Ok((None, None));
            }
            let map = states.map_mut(name)?;
            let entry = map.swap_remove_entry(&key);
            let is_empty = map.is_empty();
            Ok((entry, if is_empty { states.remove(name) } else { None }))
        })
        .map(drop)
    }

    fn is_in_map(&self, name: &str, key: Bound<'_, PyAny>) -> PyResult<bool> {
        let key = PyKey::of(key)?;
        self.read(|states| Ok(states.map(name)?.is_some_and(|map| map.contains_key(&key))))
    }

    fn keys_of_map<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.read(|states| {
            Ok(states.map(name)?.into_iter().flat_map(IndexMap::keys).map(|key| key.bind(py).clone()).collect())
        })
    }

    fn values_of_map<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let values: Vec<_> =
            self.read(|states| Ok(states.map(name)?.into_iter().flat_map(IndexMap::values).cloned().collect()))?;
        values.iter().map(|value| value.to_object(py)).collect()
    }

    fn clear(&self, name: &str) -> PyResult<()> {
        self.change(|states| Ok(states.remove(name))).map(drop)
    }
}
