//! The user's Python functions, as the functions of the engine call them.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use riverrun::stream::{Collector, FunctionError, Result, RuntimeContext};

use super::conversion::Conversion;
use super::errors::raised;
use super::runtime_context::PyRuntimeContext;
use super::state::States;
use super::value::PyValue;

/// A function of the user's for one subtask: a Python object whose `open(runtime_context)` gives what is to be called when the
/// subtask ends, or `None`, and the calls themselves.
pub(crate) struct Callbacks {
    function: Arc<Py<PyAny>>,
    /// Where records that the calls make are checked against the type that the program declares.
    conversion: Option<Arc<Conversion>>,
    opened: Option<Opened>,
    states: Arc<States>,
}

struct Opened {
    close: Py<PyAny>,
    calls: Vec<Py<PyAny>>,
}

impl Clone for Callbacks {
    /// For another subtask, which opens it for itself.
    fn clone(&self) -> Self {
        Self::of(self.function.clone(), self.conversion.clone())
    }
}

impl Callbacks {
    pub(crate) fn new(function: Bound<'_, PyAny>, conversion: Option<Arc<Conversion>>) -> Self {
        Self::of(Arc::new(function.unbind()), conversion)
    }

    fn of(function: Arc<Py<PyAny>>, conversion: Option<Arc<Conversion>>) -> Self {
        Self { function, conversion, opened: None, states: Arc::default() }
    }

    pub(crate) fn states(&self) -> &Arc<States> {
        &self.states
    }

    pub(crate) fn open(&mut self, context: &RuntimeContext) -> Result {
        let open = |py: Python<'_>| -> PyResult<Opened> {
            let python_context = Py::new(py, PyRuntimeContext::new(context.clone(), self.states.clone()))?;
            let opened = self.function.bind(py).call_method1("open", (python_context.clone_ref(py),));
            python_context.get().opened();
            let opened = opened?.cast_into::<PyTuple>()?;
            let mut parts = opened.iter().map(Bound::unbind);
            let close = parts.next().unwrap_or_else(|| py.None());
            Ok(Opened { close, calls: parts.collect() })
        };
        self.opened = Some(Python::attach(open).map_err(raised)?);
        Ok(())
    }

    /// Makes the call of this number.
    pub(crate) fn call<'py>(
        &self, py: Python<'py>, number: usize, arguments: impl pyo3::call::PyCallArgs<'py>,
    ) -> Result<Bound<'py, PyAny>> {
        let call = self.opened.as_ref().and_then(|opened| opened.calls.get(number)).ok_or_else(not_open)?;
        call.bind(py).call1(arguments).map_err(raised)
    }

    /// A record that the user's function made, as the program declares it.
    pub(crate) fn record(&self, object: Bound<'_, PyAny>) -> Result<PyValue> {
        match &self.conversion {
            None => Ok(PyValue::new(object)),
            Some(conversion) => conversion.apply(object).map(PyValue::new).map_err(raised),
        }
    }

    /// Emits what the user's function returned or yields: nothing for `None`.
    pub(crate) fn emit_all(&self, returned: &Bound<'_, PyAny>, out: &mut Collector<'_, PyValue>) -> Result {
        if returned.is_none() {
            return Ok(());
        }
        for item in returned.try_iter().map_err(raised)? {
            out.collect(self.record(item.map_err(raised)?)?);
        }
        Ok(())
    }

    pub(crate) fn close(&mut self) -> Result {
        let Some(opened) = self.opened.take() else { return Ok(()) };
        Python::attach(|py| {
            if opened.close.is_none(py) {
                return Ok(());
            }
            opened.close.call0(py).map(drop).map_err(raised)
        })
    }
}

fn not_open() -> FunctionError {
    FunctionError::internal("a Python function was called before it was opened")
}
