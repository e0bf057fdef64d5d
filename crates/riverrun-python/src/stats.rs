//! Counts of a runner, as a dictionary.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use riverrun::runner::RunnerStats;

pub(crate) fn to_python<'py>(py: Python<'py>, stats: &RunnerStats) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("batches", stats.batches)?;
    dict.set_item("items", stats.items)?;
    dict.set_item("failed_items", stats.failed_items)?;
    dict.set_item("truncated", stats.truncated)?;
    dict.set_item("abandoned", stats.abandoned)?;
    dict.set_item("cache_hits", stats.cache_hits)?;
    dict.set_item("cache_misses", stats.cache_misses)?;
    dict.set_item("queue_length", stats.queue_length)?;
    dict.set_item("mean_batch_size", stats.mean_batch_size())?;
    dict.set_item("batch_seconds", stats.batch_time.as_secs_f64())?;
    Ok(dict)
}
