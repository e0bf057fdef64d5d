//! The DataStream API, the stream graph, the operator contract and the host trait.
//!
//! What a user calls is in [`stream`], what a user implements in [`functions`], [`source`] and [`sink`]. The calls build a
//! [`graph`]; a [`host`] runs it by calling [`operator`]s. This crate depends on no other of the workspace, knows no model
//! and no runner, and has no thread.
//!
//! ```no_run
//! # use riverrun_stream::StreamExecutionEnvironment;
//! # fn program(env: &StreamExecutionEnvironment) -> riverrun_stream::Result {
//! env.from_collection(["to be".to_string(), "or not".to_string()])
//!     .flat_map(|line| line.split(' ').map(String::from).collect::<Vec<_>>())
//!     .filter(|word| word.len() > 2)
//!     .print();
//! env.execute()?;
//! # Ok(())
//! # }
//! ```

pub mod batch;
pub mod context;
mod data;
pub mod element;
mod environment;
pub mod error;
mod execution_mode;
pub mod functions;
pub mod graph;
pub mod host;
pub mod key_group;
pub mod metrics;
pub mod operator;
pub mod sink;
pub mod source;
pub mod state;
pub mod stream;
mod sync;
pub mod time;
pub mod window;

pub use context::RuntimeContext;
pub use data::Data;
pub use element::{StreamRecord, Timestamp};
pub use environment::StreamExecutionEnvironment;
pub use error::{Error, FunctionError, Result};
pub use execution_mode::RuntimeExecutionMode;
pub use functions::{
    Collector, FilterFunction, FlatMapFunction, Key, MapFunction, OutputTag, ProcessContext, ProcessFunction,
};
pub use host::{Host, JobClient, JobId, JobResult, JobStatus};
pub use stream::{DataStream, DataStreamSink, KeyedStream, SingleOutputStreamOperator};
pub use time::{WatermarkGenerator, WatermarkOutput, WatermarkStrategy};
