//! Stream programs: the native side of `riverrun.datastream`.

use pyo3::prelude::*;

/// Adds what `riverrun.datastream` is made of.
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
