//! `KeyedProcessFunction`.

use pyo3::prelude::*;
use riverrun::stream::batch::DataType;
use riverrun::stream::functions::{KeyedProcessContext, KeyedProcessFunction};
use riverrun::stream::{Collector, Result, RuntimeContext, Timestamp};

use super::process::WithContext;
use crate::datastream::callbacks::Callbacks;
use crate::datastream::context::emit_with_side_outputs;
use crate::datastream::key::PyKey;
use crate::datastream::side_outputs::{SideOutputs, find};
use crate::datastream::value::PyValue;

impl WithContext {
    /// Makes a call with a key, in which the state of the key can be used, and then sets the timers it asked for.
    ///
    /// A generator runs on within the call: what it does between two results belongs to it.
    pub(crate) fn process_keyed(
        &self, number: usize, argument: impl for<'py> FnOnce(Python<'py>) -> Result<Bound<'py, PyAny>>,
        context: &mut KeyedProcessContext<'_, '_, PyKey>, out: &mut Collector<'_, PyValue>,
    ) -> Result {
        Python::attach(|py| {
            let python_context = self.context(py)?;
            python_context.get().set_keyed(py, context);
            let mut aside = Vec::new();
            self.callbacks.states().lend(context, || {
                let returned = self.callbacks.call(py, number, (argument(py)?, &python_context))?;
                emit_with_side_outputs(py, &self.callbacks, &returned, out, |id, value| {
                    aside.extend(find(&self.tags, id).map(|tag| (tag, value)));
                    Ok(())
                })
            })?;
            python_context.get().settle(context);
            aside.into_iter().try_for_each(|(tag, value)| context.output(tag, value))
        })
    }
}

/// The time of a timer, as an argument.
pub(crate) fn time_argument(time: Timestamp) -> impl for<'py> FnOnce(Python<'py>) -> Result<Bound<'py, PyAny>> {
    move |py| {
        use pyo3::IntoPyObjectExt;
        time.into_bound_py_any(py).map_err(crate::datastream::errors::raised)
    }
}

/// A Python `KeyedProcessFunction`: call 0 is `process_element`, call 1 `on_timer`.
#[derive(Clone)]
pub(crate) struct PyKeyedProcess(WithContext);

impl PyKeyedProcess {
    pub(crate) fn new(callbacks: Callbacks, side: SideOutputs) -> Self {
        Self(WithContext::new(callbacks, side, true))
    }
}

impl KeyedProcessFunction<PyKey, PyValue> for PyKeyedProcess {
    type Out = PyValue;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        self.0.side.ports()
    }

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0.open(context)
    }

    fn process_element(
        &mut self, value: PyValue, context: &mut KeyedProcessContext<'_, '_, PyKey>, out: &mut Collector<'_, PyValue>,
    ) -> Result {
        self.0.process_keyed(0, |py| Ok(value.into_bound(py)), context, out)
    }

    fn on_timer(
        &mut self, timestamp: Timestamp, context: &mut KeyedProcessContext<'_, '_, PyKey>,
        out: &mut Collector<'_, PyValue>,
    ) -> Result {
        self.0.process_keyed(1, time_argument(timestamp), context, out)
    }

    fn close(&mut self) -> Result {
        self.0.callbacks.close()
    }
}
