//! Services whose endpoints are Python functions, on the server in Rust.
//!
//! The server never waits for the interpreter: a request goes into a [`Lane`], from which threads of Python take it, and the answer
//! comes back through a channel. So health, metrics and limits answer whatever Python is doing.

mod lane;
mod options;
mod request;
mod server;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<lane::Lane>()?;
    module.add_class::<request::ServiceRequest>()?;
    module.add_class::<server::ServiceServer>()
}
