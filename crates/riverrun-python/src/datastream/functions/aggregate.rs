//! `AggregateFunction` and `ReduceFunction`, as what a window keeps of its elements.

use pyo3::prelude::*;
use riverrun::stream::functions::AggregateFunction;
use riverrun::stream::{FunctionError, Result, RuntimeContext};
use serde::{Deserialize, Serialize};

use crate::datastream::callbacks::Callbacks;
use crate::datastream::value::PyValue;
use crate::datastream::window::element;

/// Which kind of function gathers the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gather {
    /// Call 0 is `reduce`.
    Reduce,
    /// Calls 0 to 3 are `create_accumulator`, `add`, `get_result` and `merge`.
    Aggregate,
}

/// A Python function that makes one value of many.
#[derive(Clone)]
pub(crate) struct PyAggregate {
    pub(crate) callbacks: Callbacks,
    pub(crate) gather: Gather,
    /// Whether the elements come with their number.
    pub(crate) is_counted: bool,
}

/// What was gathered so far: nothing before the first element, since the user's `create_accumulator` may raise.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Gathered(Option<PyValue>);

impl AggregateFunction<PyValue> for PyAggregate {
    type Accumulator = Gathered;
    type Out = PyValue;

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.callbacks.open(context)
    }

    fn create_accumulator(&mut self) -> Gathered {
        Gathered::default()
    }

    fn add(&mut self, value: &PyValue, gathered: &mut Gathered) -> Result {
        Python::attach(|py| {
            let value = element(value.bind(py), self.is_counted)?;
            let before = gathered.0.take();
            let now = match (self.gather, before) {
                (Gather::Reduce, None) => value,
                (Gather::Reduce, Some(reduced)) => self.callbacks.call(py, 0, (reduced.into_bound(py), value))?,
                (Gather::Aggregate, before) => {
                    let accumulator = match before {
                        Some(accumulator) => accumulator.into_bound(py),
                        None => self.callbacks.call(py, 0, ())?,
                    };
                    self.callbacks.call(py, 1, (value, accumulator))?
                }
            };
            gathered.0 = Some(PyValue::new(now));
            Ok(())
        })
    }

    fn get_result(&mut self, gathered: &Gathered) -> Result<PyValue> {
        let Some(gathered) = &gathered.0 else {
            return Err(FunctionError::internal("a window was asked for its result before it had an element"));
        };
        Python::attach(|py| match self.gather {
            Gather::Reduce => self.callbacks.record(gathered.bind(py).clone()),
            Gather::Aggregate => self.callbacks.record(self.callbacks.call(py, 2, (gathered.bind(py),))?),
        })
    }

    fn merge(&mut self, into: &mut Gathered, from: Gathered) -> Result {
        let Some(from) = from.0 else { return Ok(()) };
        let Some(before) = into.0.take() else {
            into.0 = Some(from);
            return Ok(());
        };
        let number = if self.gather == Gather::Reduce { 0 } else { 3 };
        Python::attach(|py| {
            let merged = self.callbacks.call(py, number, (before.into_bound(py), from.into_bound(py)))?;
            into.0 = Some(PyValue::new(merged));
            Ok(())
        })
    }

    fn close(&mut self) -> Result {
        self.callbacks.close()
    }
}
