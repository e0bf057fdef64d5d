//! What a user implements: one function trait a file.
//!
//! A function is cloned for each subtask before it is opened; `open` is the place for what belongs to one subtask.

mod aggregate;
mod aggregations;
mod async_batch_function;
mod async_function;
mod async_retry;
mod broadcast_process;
mod co_flat_map;
mod co_group;
mod co_map;
mod co_process;
mod filter;
mod flat_map;
mod join;
mod key_selector;
mod keyed_broadcast_process;
mod keyed_process;
mod map;
mod process;
mod process_join;
mod process_window;
mod reduce;
mod window;

pub use aggregate::{AggregateFunction, Count};
pub use aggregations::{Extremum, ExtremumOf, RecordWith, Sum, Summable};
pub use async_batch_function::{AsyncBatchFunction, FailedRecord};
pub use async_function::AsyncFunction;
pub use async_retry::AsyncRetryStrategy;
pub use broadcast_process::{BroadcastContext, BroadcastProcessFunction, BroadcastReadContext};
pub use co_flat_map::CoFlatMapFunction;
pub use co_group::CoGroupFunction;
pub use co_map::CoMapFunction;
pub use co_process::{CoProcessFunction, KeyedCoProcessFunction};
pub use filter::FilterFunction;
pub use flat_map::{Collector, FlatMapFunction};
pub use join::{FlatJoinFunction, JoinFunction};
pub use key_selector::{Key, KeyExtractor};
pub use keyed_broadcast_process::{KeyedBroadcastContext, KeyedBroadcastProcessFunction, KeyedBroadcastReadContext};
pub use keyed_process::{KeyedProcessContext, KeyedProcessFunction};
pub use map::MapFunction;
pub use process::{OutputTag, ProcessContext, ProcessFunction};
pub use process_join::{ProcessJoinContext, ProcessJoinFunction};
pub use process_window::{ProcessAllWindowFunction, ProcessWindowContext, ProcessWindowFunction};
pub use reduce::ReduceFunction;
pub use window::{AllWindowFunction, WindowFunction};

pub(crate) use async_batch_function::AsyncBatchClosure;
pub(crate) use async_function::AsyncClosure;
pub(crate) use co_flat_map::CoFlatMapClosures;
pub(crate) use co_group::{BothGroups, CoGroupClosure};
pub(crate) use co_map::CoMapClosures;
pub(crate) use filter::FilterClosure;
pub(crate) use flat_map::FlatMapClosure;
pub(crate) use join::{EachPair, OneOfEachPair};
pub(crate) use map::{MapClosure, TryMapClosure};
pub(crate) use process_join::JoinClosure;
pub(crate) use reduce::ReduceClosure;
pub(crate) use window::{AllWindowClosure, WindowClosure};
