//! `WindowFunction` and `ProcessWindowFunction`, keyed or not.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use riverrun::stream::batch::DataType;
use riverrun::stream::functions::{ProcessWindowContext, ProcessWindowFunction};
use riverrun::stream::{Collector, FunctionError, OutputTag, Result, RuntimeContext, Timestamp};

use crate::datastream::callbacks::Callbacks;
use crate::datastream::context::emit_with_side_outputs;
use crate::datastream::errors::raised;
use crate::datastream::key::PyKey;
use crate::datastream::named_states::{NamedStates, PyNamedStates};
use crate::datastream::side_outputs::{SideOutputs, find};
use crate::datastream::value::PyValue;
use crate::datastream::window::{PyWindow, element};

/// What a window function gets to know, and the state of its window.
#[pyclass(module = "riverrun._native", name = "WindowContext", frozen)]
pub(crate) struct PyWindowContext {
    window: Mutex<Option<Py<PyAny>>>,
    now: AtomicI64,
    watermark: AtomicI64,
    /// None where windows merge.
    states: Mutex<Option<Py<PyNamedStates>>>,
}

#[pymethods]
impl PyWindowContext {
    fn window(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|window| window.clone_ref(py))
    }

    fn current_processing_time(&self) -> Timestamp {
        self.now.load(Ordering::Relaxed)
    }

    fn current_watermark(&self) -> Timestamp {
        self.watermark.load(Ordering::Relaxed)
    }

    /// The states of the window.
    fn states(&self, py: Python<'_>) -> PyResult<Py<PyNamedStates>> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.as_ref().map(|states| states.clone_ref(py)).ok_or_else(|| {
            PyRuntimeError::new_err(
                "windows that merge have no state of their own; keep it per key, in `global_state()`",
            )
        })
    }
}

/// A Python function of the elements of a window: call 0 is `process(key, context, elements)`, call 1 `clear(context)`. Without
/// a function the elements go on as they are.
pub(crate) struct PyWindowFunction {
    callbacks: Option<Callbacks>,
    side: SideOutputs,
    is_counted: bool,
    tags: Vec<OutputTag<PyValue>>,
    context: Option<Py<PyWindowContext>>,
}

impl Clone for PyWindowFunction {
    fn clone(&self) -> Self {
        Self::new(self.callbacks.clone(), self.side.clone(), self.is_counted)
    }
}

impl PyWindowFunction {
    pub(crate) fn new(callbacks: Option<Callbacks>, side: SideOutputs, is_counted: bool) -> Self {
        Self { callbacks, side, is_counted, tags: Vec::new(), context: None }
    }

    /// Makes a call with the context set, and takes the state of the window back afterwards.
    fn with_context(
        &self, py: Python<'_>, context: &mut ProcessWindowContext<'_, '_, PyWindow, NamedStates>,
        call: impl FnOnce(&Callbacks, &Bound<'_, PyWindowContext>) -> Result,
    ) -> Result {
        let unopened = || FunctionError::internal("a Python window function was called before it was opened");
        let python_context = self.context.as_ref().ok_or_else(unopened)?.bind(py).clone();
        let callbacks = self.callbacks.as_ref().ok_or_else(unopened)?;
        let of_call = python_context.get();
        let window = context.window().to_python(py).map_err(raised)?.unbind();
        // What was there goes when the lock is free: its end may run Python code, which may let another thread have the interpreter.
        let before = of_call.window.lock().unwrap_or_else(PoisonError::into_inner).replace(window);
        drop(before);
        of_call.now.store(context.current_processing_time(), Ordering::Relaxed);
        of_call.watermark.store(context.current_watermark(), Ordering::Relaxed);
        let states = context.window_state().ok().map(|states| PyNamedStates::lent(std::mem::take(states)));
        let states = states.map(|states| Py::new(py, states)).transpose().map_err(raised)?;
        *of_call.states.lock().unwrap_or_else(PoisonError::into_inner) = states;

        let outcome = callbacks.states().lend(context, || call(callbacks, &python_context));

        let after = of_call.states.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(after), Ok(states)) = (after, context.window_state()) {
            *states = after.get().take_back();
        }
        outcome
    }
}

impl ProcessWindowFunction<PyValue, PyKey, PyWindow> for PyWindowFunction {
    type Out = PyValue;
    type WindowState = NamedStates;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        self.side.ports()
    }

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.tags = self.side.tags();
        let Some(callbacks) = &mut self.callbacks else { return Ok(()) };
        let python_context = PyWindowContext {
            window: Mutex::new(None),
            now: 0.into(),
            watermark: Timestamp::MIN.into(),
            states: Mutex::new(None),
        };
        self.context = Some(Python::attach(|py| Py::new(py, python_context)).map_err(raised)?);
        callbacks.open(context)
    }

    fn process(
        &mut self, key: &PyKey, context: &mut ProcessWindowContext<'_, '_, PyWindow, NamedStates>,
        elements: &[PyValue], out: &mut Collector<'_, PyValue>,
    ) -> Result {
        Python::attach(|py| {
            if self.callbacks.is_none() {
                for value in elements {
                    out.collect(PyValue::new(element(value.bind(py), self.is_counted)?));
                }
                return Ok(());
            }
            let elements = elements.iter().map(|value| element(value.bind(py), self.is_counted));
            let elements = PyList::new(py, elements.collect::<Result<Vec<_>>>()?).map_err(raised)?;
            let mut aside = Vec::new();
            self.with_context(py, context, |callbacks, python_context| {
                let returned = callbacks.call(py, 0, (key.bind(py), python_context, elements))?;
                emit_with_side_outputs(py, callbacks, &returned, out, |id, value| {
                    aside.extend(find(&self.tags, id).map(|tag| (tag, value)));
                    Ok(())
                })
            })?;
            aside.into_iter().try_for_each(|(tag, value)| context.output(tag, value))
        })
    }

    fn clear(&mut self, context: &mut ProcessWindowContext<'_, '_, PyWindow, NamedStates>) -> Result {
        if self.callbacks.is_none() {
            return Ok(());
        }
        Python::attach(|py| {
            self.with_context(py, context, |callbacks, python_context| {
                callbacks.call(py, 1, (python_context,)).map(drop)
            })
        })
    }

    fn close(&mut self) -> Result {
        self.callbacks.as_mut().map_or(Ok(()), Callbacks::close)
    }
}
