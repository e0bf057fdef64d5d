//! Operators of keyed streams.

mod broadcast_process;
mod co_process;
mod core;
mod interval_buffer;
mod interval_join;
mod pending;
mod process;
mod reduce;

pub use broadcast_process::KeyedBroadcastProcessOperator;
pub use co_process::KeyedCoProcessOperator;
pub use interval_join::{Interval, IntervalJoinOperator, LateOutputs};
pub use process::KeyedProcessOperator;
pub use reduce::ReduceOperator;

pub(crate) use core::KeyedCore;
pub(crate) use pending::Pending;
