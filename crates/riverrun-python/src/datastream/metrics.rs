//! Metrics that a Python function counts.

use pyo3::prelude::*;
use riverrun::stream::metrics::{Counter, Histogram};

/// Same as PyFlink's `Counter`, but that it only goes up.
#[pyclass(module = "riverrun._native", name = "Counter", frozen)]
pub(crate) struct PyCounter(pub(crate) Counter);

#[pymethods]
impl PyCounter {
    #[pyo3(signature = (n = 1))]
    fn inc(&self, n: u64) {
        self.0.add(n);
    }

    fn get_count(&self) -> u64 {
        self.0.get()
    }
}

/// Same as PyFlink's `Distribution`.
#[pyclass(module = "riverrun._native", name = "Distribution", frozen)]
pub(crate) struct PyHistogram(pub(crate) Histogram);

#[pymethods]
impl PyHistogram {
    fn update(&self, value: u64) {
        self.0.record(value);
    }
}
