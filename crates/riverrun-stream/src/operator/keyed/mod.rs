//! Operators of keyed streams.

mod core;
mod pending;
mod process;
mod reduce;

pub use process::KeyedProcessOperator;
pub use reduce::ReduceOperator;

pub(crate) use core::KeyedCore;
pub(crate) use pending::Pending;
