//! The function traits of the engine, implemented by Python functions: one shape of function a file.

mod aggregate;
mod async_function;
mod broadcast;
mod co_process;
mod keyed_process;
mod process;
mod record;
mod window;

pub(crate) use aggregate::{Gather, PyAggregate};
pub(crate) use async_function::PyAsync;
pub(crate) use broadcast::{PyBroadcast, PyKeyedBroadcast};
pub(crate) use co_process::{PyCoFunction, PyCoProcess, PyKeyedCoProcess};
pub(crate) use keyed_process::PyKeyedProcess;
pub(crate) use process::PyProcess;
pub(crate) use record::{PyRecordFunction, PyTimestamps};
pub(crate) use window::PyWindowFunction;
