//! Stream programs: the native side of `riverrun.datastream`.
//!
//! A record is a [`PyValue`](value::PyValue), a Python object. The user's functions implement the engine's function traits
//! (`functions/`) and are run by the engine's own operators, around which the interpreter is held for a batch at a time
//! (`interpreter.rs`). State and exchange go through the tagged codec (`codec/`), keys through the engine's canonical encoding
//! (`key.rs`).

mod callbacks;
mod codec;
mod context;
mod conversion;
mod environment;
mod errors;
mod failed;
mod functions;
mod inside;
mod interpreter;
mod job;
mod key;
mod metrics;
mod named_states;
mod paced;
mod runtime_context;
mod side_outputs;
mod sink;
mod source;
mod state;
mod stored;
mod stream;
mod value;
mod window;

use pyo3::prelude::*;

pub(crate) use stream::Target;

/// Adds what `riverrun.datastream` is made of.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<environment::PyEnvironment>()?;
    module.add_class::<stream::PyStream>()?;
    module.add_class::<stream::PyKeyedStream>()?;
    module.add_class::<stream::PyConnectedStreams>()?;
    module.add_class::<stream::PyBroadcastStream>()?;
    module.add_class::<stream::PySink>()?;
    module.add_class::<stream::PyCollected>()?;
    module.add_class::<job::PyJob>()?;
    module.add_class::<state::PyValueState>()?;
    module.add_class::<state::PyListState>()?;
    module.add_class::<state::PyMapState>()?;
    module.add_class::<named_states::PyNamedStates>()?;
    module.add_function(wrap_pyfunction!(inside::threads_inside, module)?)?;
    module.add_function(wrap_pyfunction!(key::key_group, module)?)?;
    module.add_function(wrap_pyfunction!(key::key_form, module)?)?;
    module.add_function(wrap_pyfunction!(conversion::convert_record, module)?)?;
    module.add_function(wrap_pyfunction!(codec::dumps, module)?)?;
    module.add_function(wrap_pyfunction!(codec::loads, module)?)?;
    module.add_function(wrap_pyfunction!(codec::check_storable, module)?)
}
