//! The native module of the Python package `riverrun`.
//!
//! It depends on the facade `riverrun`, and nothing of PyO3 is anywhere else. The Python API, its documentation and its types are
//! in `python/riverrun/`; what is here are the parts that it is made of, and every call of these:
//!
//! - gives the interpreter to other threads while it computes or waits (`waiting`),
//! - answers Ctrl-C on the main thread within a twentieth of a second,
//! - refuses to go on in a forked child, whose compute threads are gone (`forked`).

use pyo3::prelude::*;
use pyo3::types::PyTuple;

mod callable;
mod classifier;
mod client;
mod convert;
mod datastream;
mod error;
mod forked;
mod gate;
mod model;
mod service;
mod stats;
mod task;
mod text_input;
mod waiting;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(gate::close_gate, module)?)?;
    module.add_class::<waiting::Task>()?;
    model::register(module)?;
    module.add_class::<classifier::TextClassificationRunner>()?;
    module.add("TASKS", PyTuple::new(module.py(), task::TASKS)?)?;
    module.add_class::<task::TaskRunner>()?;
    module.add_class::<callable::CallableRunner>()?;
    service::register(module)?;
    datastream::register(module)
}
