//! Keyed state in Python's hands: the handles, and where they find the current key's state.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyList, PyTuple};
use riverrun::stream::state::{
    KeyedContext, ListState, MapState, StateTables, StateTtlConfig, StateVisibility, UpdateType, ValueState,
};

use super::conversion::Conversion;
use super::errors::in_call;
use super::key::PyKey;
use super::stored::Stored;

/// The tables of the operator's states, lent for the time of a call of the user's function: outside of one there are none, and
/// a handle says that there is no current key.
#[derive(Default)]
pub(crate) struct States(Mutex<StateTables>);

impl States {
    pub(super) fn lock(&self) -> PyResult<MutexGuard<'_, StateTables>> {
        match self.0.try_lock() {
            Ok(tables) => Ok(tables),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(PyRuntimeError::new_err(
                "state was used while another access to it was under way; use it in the thread that the function is called in",
            )),
        }
    }

    fn swap(&self, context: &mut impl KeyedContext) {
        // Another thread of the program's may be at a handle, and wait for the interpreter: a key that is removed may run Python code.
        let mut tables =
            Python::attach(|py| self.0.lock_py_attached(py)).unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::swap(&mut *tables, context.states());
    }

    /// Makes a call in which the handles reach the state of the context's current key.
    pub(crate) fn lend<C: KeyedContext, R>(&self, context: &mut C, call: impl FnOnce() -> R) -> R {
        self.swap(context);
        let result = call();
        self.swap(context);
        result
    }
}

/// A time to live as Python says it: milliseconds, whether reading renews it, whether what has expired may be seen, and how many
/// keys each access looks at.
pub(crate) type Ttl = (u64, bool, bool, usize);

pub(crate) fn time_to_live((millis, on_read, shows_expired, keys): Ttl) -> StateTtlConfig {
    let update = if on_read { UpdateType::OnReadAndWrite } else { UpdateType::OnCreateAndWrite };
    let visibility =
        if shows_expired { StateVisibility::ReturnExpiredIfNotCleanedUp } else { StateVisibility::NeverReturnExpired };
    StateTtlConfig::new(Duration::from_millis(millis))
        .set_update_type(update)
        .set_state_visibility(visibility)
        .cleanup_incrementally(keys)
}

/// One value per key.
#[pyclass(module = "riverrun._native", name = "ValueState", frozen)]
pub(crate) struct PyValueState {
    pub(crate) handle: ValueState<Stored>,
    pub(crate) states: Arc<States>,
    pub(crate) declared: Option<Arc<Conversion>>,
}

#[pymethods]
impl PyValueState {
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let value = self.handle.value(&mut *self.states.lock()?).map_err(|error| in_call(&error))?.cloned();
        value.map(|value| value.to_object(py)).transpose()
    }

    fn update(&self, value: Bound<'_, PyAny>) -> PyResult<()> {
        if value.is_none() {
            return self.clear();
        }
        let value = Stored::of(value, self.declared.as_deref())?;
        self.handle.update(&mut *self.states.lock()?, value).map_err(|error| in_call(&error))
    }

    fn clear(&self) -> PyResult<()> {
        self.handle.clear(&mut *self.states.lock()?).map_err(|error| in_call(&error))
    }
}

/// A list of values per key.
#[pyclass(module = "riverrun._native", name = "ListState", frozen)]
pub(crate) struct PyListState {
    pub(crate) handle: ListState<Stored>,
    pub(crate) states: Arc<States>,
    pub(crate) declared: Option<Arc<Conversion>>,
}

#[pymethods]
impl PyListState {
    fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let values: Vec<_> =
            self.handle.get(&mut *self.states.lock()?).map_err(|error| in_call(&error))?.cloned().collect();
        PyList::new(py, values.iter().map(|value| value.to_object(py)).collect::<PyResult<Vec<_>>>()?)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyIterator>> {
        self.get(py)?.try_iter()
    }

    fn add(&self, value: Bound<'_, PyAny>) -> PyResult<()> {
        let value = Stored::of(value, self.declared.as_deref())?;
        self.handle.add(&mut *self.states.lock()?, value).map_err(|error| in_call(&error))
    }

    fn add_all(&self, values: &Bound<'_, PyAny>) -> PyResult<()> {
        let values = Stored::all(values, self.declared.as_deref())?;
        self.handle.add_all(&mut *self.states.lock()?, values).map_err(|error| in_call(&error))
    }

    fn update(&self, values: &Bound<'_, PyAny>) -> PyResult<()> {
        let values = Stored::all(values, self.declared.as_deref())?;
        self.handle.update(&mut *self.states.lock()?, values).map_err(|error| in_call(&error))
    }

    fn clear(&self) -> PyResult<()> {
        self.handle.clear(&mut *self.states.lock()?).map_err(|error| in_call(&error))
    }
}

/// A map per key.
#[pyclass(module = "riverrun._native", name = "MapState", frozen)]
pub(crate) struct PyMapState {
    pub(crate) handle: MapState<PyKey, Stored>,
    pub(crate) states: Arc<States>,
    pub(crate) declared: Option<Arc<Conversion>>,
}

impl PyMapState {
    /// The entries, copied out, so that the state can be changed while they are walked through.
    fn entries<R>(&self, part: impl Fn(&PyKey, &Stored) -> R) -> PyResult<Vec<R>> {
        let mut tables = self.states.lock()?;
        let entries = self.handle.entries(&mut *tables).map_err(|error| in_call(&error))?;
        Ok(entries.map(|(key, value)| part(key, value)).collect())
    }
}

#[pymethods]
impl PyMapState {
    fn get<'py>(&self, py: Python<'py>, key: Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let key = PyKey::of(key)?;
        let value = self.handle.get(&mut *self.states.lock()?, &key).map_err(|error| in_call(&error))?.cloned();
        value.map(|value| value.to_object(py)).transpose()
    }

    fn put(&self, key: Bound<'_, PyAny>, value: Bound<'_, PyAny>) -> PyResult<()> {
        let (key, value) = (PyKey::of(key)?, Stored::of(value, self.declared.as_deref())?);
        self.handle.put(&mut *self.states.lock()?, key, value).map_err(|error| in_call(&error))
    }

    fn put_all(&self, dict_value: &Bound<'_, PyAny>) -> PyResult<()> {
        for pair in dict_value.call_method0("items")?.try_iter()? {
            let (key, value) = pair?.extract()?;
            self.put(key, value)?;
        }
        Ok(())
    }

    fn remove(&self, key: Bound<'_, PyAny>) -> PyResult<()> {
        let key = PyKey::of(key)?;
        self.handle.remove(&mut *self.states.lock()?, &key).map_err(|error| in_call(&error))
    }

    fn contains(&self, key: Bound<'_, PyAny>) -> PyResult<bool> {
        let key = PyKey::of(key)?;
        self.handle.contains(&mut *self.states.lock()?, &key).map_err(|error| in_call(&error))
    }

    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let entries = self.entries(|key, value| (key.bind(py).clone(), value.clone()))?;
        let pairs = entries.into_iter().map(|(key, value)| PyTuple::new(py, [key, value.to_object(py)?]));
        Ok(PyList::new(py, pairs.collect::<PyResult<Vec<_>>>()?)?.try_iter()?.into_any())
    }

    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let keys = self.entries(|key, _| key.bind(py).clone())?;
        Ok(PyList::new(py, keys)?.try_iter()?.into_any())
    }

    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let values = self.entries(|_, value| value.clone())?;
        let values = values.iter().map(|value| value.to_object(py)).collect::<PyResult<Vec<_>>>()?;
        Ok(PyList::new(py, values)?.try_iter()?.into_any())
    }

    fn is_empty(&self) -> PyResult<bool> {
        self.handle.is_empty(&mut *self.states.lock()?).map_err(|error| in_call(&error))
    }

    fn clear(&self) -> PyResult<()> {
        self.handle.clear(&mut *self.states.lock()?).map_err(|error| in_call(&error))
    }

    fn __getitem__<'py>(&self, py: Python<'py>, key: Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.get(py, key)
    }

    fn __setitem__(&self, key: Bound<'_, PyAny>, value: Bound<'_, PyAny>) -> PyResult<()> {
        self.put(key, value)
    }

    fn __delitem__(&self, key: Bound<'_, PyAny>) -> PyResult<()> {
        self.remove(key)
    }

    fn __contains__(&self, key: Bound<'_, PyAny>) -> PyResult<bool> {
        self.contains(key)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.keys(py)
    }
}
