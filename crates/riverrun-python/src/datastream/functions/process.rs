//! `ProcessFunction`.

use pyo3::prelude::*;
use riverrun::stream::batch::DataType;
use riverrun::stream::{Collector, OutputTag, ProcessContext, ProcessFunction, Result, RuntimeContext};

use crate::datastream::callbacks::Callbacks;
use crate::datastream::context::{PyContext, emit_with_side_outputs};
use crate::datastream::errors::raised;
use crate::datastream::side_outputs::{SideOutputs, find};
use crate::datastream::value::PyValue;

/// What the functions with a context have in common.
pub(crate) struct WithContext {
    pub(crate) callbacks: Callbacks,
    pub(crate) side: SideOutputs,
    is_keyed: bool,
    pub(crate) tags: Vec<OutputTag<PyValue>>,
    context: Option<Py<PyContext>>,
}

impl Clone for WithContext {
    fn clone(&self) -> Self {
        Self::new(self.callbacks.clone(), self.side.clone(), self.is_keyed)
    }
}

impl WithContext {
    pub(crate) fn new(callbacks: Callbacks, side: SideOutputs, is_keyed: bool) -> Self {
        Self { callbacks, side, is_keyed, tags: Vec::new(), context: None }
    }

    pub(crate) fn open(&mut self, context: &RuntimeContext) -> Result {
        self.tags = self.side.tags();
        self.context = Some(Python::attach(|py| PyContext::new(py, self.is_keyed)).map_err(raised)?);
        self.callbacks.open(context)
    }

    /// The context that the function is given.
    pub(crate) fn context<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyContext>> {
        let unopened =
            || riverrun::stream::FunctionError::internal("a Python function was called before it was opened");
        Ok(self.context.as_ref().ok_or_else(unopened)?.bind(py).clone())
    }

    /// Makes a call that is for no key.
    pub(crate) fn process(
        &self, number: usize, value: PyValue, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, PyValue>,
    ) -> Result {
        Python::attach(|py| {
            let python_context = self.context(py)?;
            python_context.get().set_unkeyed();
            python_context.get().set_times(context.timestamp(), context.processing_time(), context.current_watermark());
            let returned = self.callbacks.call(py, number, (value.into_bound(py), &python_context))?;
            emit_with_side_outputs(py, &self.callbacks, &returned, out, |id, value| match find(&self.tags, id) {
                Some(tag) => context.output(tag, value),
                None => Ok(()),
            })
        })
    }
}

/// A Python `ProcessFunction`.
#[derive(Clone)]
pub(crate) struct PyProcess(WithContext);

impl PyProcess {
    pub(crate) fn new(callbacks: Callbacks, side: SideOutputs) -> Self {
        Self(WithContext::new(callbacks, side, false))
    }
}

impl ProcessFunction<PyValue> for PyProcess {
    type Out = PyValue;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        self.0.side.ports()
    }

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn process_element(
        &mut self, value: PyValue, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, PyValue>,
    ) -> Result {
        self.0.process(0, value, context, out)
    }

    fn close(&mut self) -> Result {
        self.0.callbacks.close()
    }
}
