//! What a user implements: one function trait a file.
//!
//! A function is cloned for each subtask before it is opened; `open` is the place for what belongs to one subtask.

mod filter;
mod flat_map;
mod key_selector;
mod map;
mod process;

pub use filter::FilterFunction;
pub use flat_map::{Collector, FlatMapFunction};
pub use key_selector::{Key, KeyExtractor};
pub use map::MapFunction;
pub use process::{OutputTag, ProcessContext, ProcessFunction};

pub(crate) use filter::FilterClosure;
pub(crate) use flat_map::FlatMapClosure;
pub(crate) use map::{MapClosure, TryMapClosure};
