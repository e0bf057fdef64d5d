//! What a Python function knows of where it runs.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use riverrun::stream::state::{ListStateDescriptor, MapStateDescriptor, ValueStateDescriptor};
use riverrun::stream::{FunctionError, RuntimeContext};

use super::errors::in_call;
use super::named_states::PyNamedStates;
use super::state::{PyListState, PyMapState, PyValueState, States, Ttl, time_to_live};
use super::stream::converting;

/// The native side of `riverrun.datastream.RuntimeContext`.
#[pyclass(module = "riverrun._native", name = "RuntimeContext", frozen)]
pub(crate) struct PyRuntimeContext {
    context: Mutex<RuntimeContext>,
    states: Arc<States>,
    is_opened: std::sync::atomic::AtomicBool,
}

impl PyRuntimeContext {
    pub(crate) fn new(context: RuntimeContext, states: Arc<States>) -> Self {
        Self { context: Mutex::new(context), states, is_opened: false.into() }
    }

    /// The function is open: from now on no state can be asked for.
    pub(crate) fn opened(&self) {
        self.is_opened.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    fn context<R>(&self, read: impl FnOnce(&RuntimeContext) -> R) -> R {
        read(&self.context.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn register<R>(&self, name: &str, get: impl FnOnce(&RuntimeContext) -> Result<R, FunctionError>) -> PyResult<R> {
        if self.is_opened.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(PyRuntimeError::new_err(format!(
                "the state `{name}` was asked for after `open`; ask for it in `open`, and keep the handle in the function"
            )));
        }
        self.context(get).map_err(|error| in_call(&error))
    }
}

#[pymethods]
impl PyRuntimeContext {
    fn get_task_name(&self) -> String {
        self.context(|context| context.task_name.clone())
    }

    fn get_number_of_parallel_subtasks(&self) -> usize {
        self.context(|context| context.parallelism)
    }

    fn get_max_number_of_parallel_subtasks(&self) -> usize {
        self.context(|context| context.max_parallelism)
    }

    fn get_index_of_this_subtask(&self) -> usize {
        self.context(|context| context.subtask_index)
    }

    fn get_attempt_number(&self) -> u32 {
        self.context(|context| context.attempt)
    }

    fn get_task_name_with_subtasks(&self) -> String {
        self.context(|context| format!("{} ({}/{})", context.task_name, context.subtask_index + 1, context.parallelism))
    }

    #[pyo3(signature = (key, default_value = None))]
    fn get_job_parameter(&self, key: &str, default_value: Option<String>) -> Option<String> {
        self.context(|context| context.parameters.get(key).cloned()).or(default_value)
    }

    fn value_state(&self, name: &str, ttl: Option<Ttl>, declared: Option<&Bound<'_, PyAny>>) -> PyResult<PyValueState> {
        let mut descriptor = ValueStateDescriptor::new(name);
        if let Some(ttl) = ttl {
            descriptor = descriptor.enable_time_to_live(time_to_live(ttl));
        }
        let handle = self.register(name, |context| context.get_state(&descriptor))?;
        Ok(PyValueState { handle, states: self.states.clone(), declared: converting(declared)? })
    }

    fn list_state(&self, name: &str, ttl: Option<Ttl>, declared: Option<&Bound<'_, PyAny>>) -> PyResult<PyListState> {
        let mut descriptor = ListStateDescriptor::new(name);
        if let Some(ttl) = ttl {
            descriptor = descriptor.enable_time_to_live(time_to_live(ttl));
        }
        let handle = self.register(name, |context| context.get_list_state(&descriptor))?;
        Ok(PyListState { handle, states: self.states.clone(), declared: converting(declared)? })
    }

    fn map_state(&self, name: &str, ttl: Option<Ttl>, declared: Option<&Bound<'_, PyAny>>) -> PyResult<PyMapState> {
        let mut descriptor = MapStateDescriptor::new(name);
        if let Some(ttl) = ttl {
            descriptor = descriptor.enable_time_to_live(time_to_live(ttl));
        }
        let handle = self.register(name, |context| context.get_map_state(&descriptor))?;
        Ok(PyMapState { handle, states: self.states.clone(), declared: converting(declared)? })
    }

    /// States of the key that may be asked for at any time, all of them under this name.
    fn named_states(&self, name: &str) -> PyResult<PyNamedStates> {
        let handle = self.register(name, |context| context.get_state(&ValueStateDescriptor::new(name)))?;
        Ok(PyNamedStates::keyed(handle, self.states.clone()))
    }

    /// A counter of the operator's metrics.
    fn counter(&self, name: &str) -> super::metrics::PyCounter {
        super::metrics::PyCounter(self.context(|context| context.metrics.counter(name)))
    }

    /// A histogram of the operator's metrics.
    fn histogram(&self, name: &str) -> super::metrics::PyHistogram {
        super::metrics::PyHistogram(self.context(|context| context.metrics.histogram(name)))
    }
}
