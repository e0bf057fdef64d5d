//! Windows of a Python program: one type of window, one assigner and one trigger, whichever the program chooses.

mod assigner;
mod trigger;

use std::hash::Hash;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use riverrun::stream::window::{GlobalWindow, TimeWindow, Window};
use riverrun::stream::{Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::errors::raised;

pub(crate) use assigner::{Kind, PyAssigner};
pub(crate) use trigger::PyTrigger;

/// A window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum PyWindow {
    Time(TimeWindow),
    Global,
    /// A number of elements, by its own number.
    Count(i64),
}

impl Window for PyWindow {
    fn max_timestamp(&self) -> Timestamp {
        match self {
            Self::Time(window) => window.max_timestamp(),
            Self::Global | Self::Count(_) => GlobalWindow.max_timestamp(),
        }
    }
}

impl PyWindow {
    /// The window as an object of `riverrun.datastream.window`.
    pub(crate) fn to_python<'py>(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Time(window) => class(py, &TIME, "TimeWindow")?.call1((window.start(), window.end())),
            Self::Global => class(py, &GLOBAL, "GlobalWindow")?.call0(),
            Self::Count(number) => class(py, &COUNT, "CountWindow")?.call1((number,)),
        }
    }

    /// The window that an assigner of the user's has made.
    pub(crate) fn from_python(window: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = window.py();
        if window.is_instance(class(py, &TIME, "TimeWindow")?)? {
            let (start, end) = (window.getattr("start")?.extract()?, window.getattr("end")?.extract()?);
            return Ok(Self::Time(TimeWindow::new(start, end)));
        }
        if window.is_instance(class(py, &COUNT, "CountWindow")?)? {
            return Ok(Self::Count(window.getattr("id")?.extract()?));
        }
        if window.is_instance(class(py, &GLOBAL, "GlobalWindow")?)? {
            return Ok(Self::Global);
        }
        Err(PyTypeError::new_err(format!(
            "a window assigner gave {}; it gives `TimeWindow`, `CountWindow` or `GlobalWindow`, windows of other classes are not supported",
            window.get_type()
        )))
    }
}

static TIME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static GLOBAL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static COUNT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn class<'py>(py: Python<'py>, cell: &'py PyOnceLock<Py<PyAny>>, name: &str) -> PyResult<&'py Bound<'py, PyAny>> {
    cell.import(py, "riverrun.datastream.window", name)
}

/// The element itself, where elements come as `(number, element)`: those of count windows do.
pub(crate) fn element<'py>(value: &Bound<'py, PyAny>, is_counted: bool) -> Result<Bound<'py, PyAny>> {
    if is_counted { value.get_item(1).map_err(raised) } else { Ok(value.clone()) }
}
