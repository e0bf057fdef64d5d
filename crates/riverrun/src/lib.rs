//! Machine-learning inference inside data streams.
//!
//! A program reads a stream, calls a model for each record, and writes a stream, in one process:
//!
//! ```no_run
//! use riverrun::prelude::*;
//!
//! fn job(env: &StreamExecutionEnvironment) -> Result {
//!     let runner = riverrun::models::get("text-classification:latest")?.to_runner()?;
//!     env.from_source(FileSource::lines(["tweets.txt"]))
//!         .infer(&runner, |text| text.as_str().into())
//!         .map(|(text, labels)| (labels[0].label.to_string(), text))
//!         .print();
//!     env.execute()?;
//!     Ok(())
//! }
//!
//! riverrun::main!(job);
//! ```
//!
//! This is the crate that users add. It re-exports what lives in the crates below it, supplies the default host, and holds
//! nothing else.

use std::sync::Arc;

#[cfg(feature = "client")]
pub use riverrun_client as client;
pub use riverrun_connectors as connectors;
pub use riverrun_inference as inference;
pub use riverrun_local as local;
pub use riverrun_model as model;
#[cfg(feature = "onnx")]
pub use riverrun_onnx as onnx;
pub use riverrun_runner as runner;
#[cfg(feature = "service")]
pub use riverrun_service as service;
pub use riverrun_stream as stream;
pub use riverrun_stream_inference as stream_inference;
#[cfg(feature = "tabular")]
pub use riverrun_tabular as tabular;

pub mod models;
pub mod prelude;
mod program;

#[doc(hidden)]
pub use program::run;

use riverrun_local::LocalHost;
use riverrun_stream::StreamExecutionEnvironment;

/// Adds `StreamExecutionEnvironment::get_execution_environment()`. In the [prelude].
pub trait GetExecutionEnvironment {
    /// An environment whose programs run on the local host: the threads of this process.
    #[must_use]
    fn get_execution_environment() -> Self;
}

impl GetExecutionEnvironment for StreamExecutionEnvironment {
    fn get_execution_environment() -> Self {
        Self::new(Arc::new(LocalHost::new()))
    }
}

/// The README's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The examples of the pages under `docs/` compile and run.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../docs/transformations.md")]
    struct Transformations;

    #[doc = include_str!("../../../docs/keyed-streams.md")]
    struct KeyedStreams;

    #[doc = include_str!("../../../docs/time.md")]
    struct Time;

    #[doc = include_str!("../../../docs/connected-streams.md")]
    struct ConnectedStreams;

    #[doc = include_str!("../../../docs/joins.md")]
    struct Joins;

    #[doc = include_str!("../../../docs/process-functions.md")]
    struct ProcessFunctions;

    #[doc = include_str!("../../../docs/state.md")]
    struct State;

    #[doc = include_str!("../../../docs/models.md")]
    struct Models;

    #[doc = include_str!("../../../docs/files.md")]
    struct Files;

    #[doc = include_str!("../../../docs/job-control.md")]
    struct JobControl;

    #[doc = include_str!("../../../docs/execution-modes.md")]
    struct ExecutionModes;

    #[doc = include_str!("../../../docs/windows.md")]
    struct Windows;

    #[doc = include_str!("../../../docs/async-io.md")]
    struct AsyncIo;

    #[doc = include_str!("../../../docs/inference.md")]
    struct Inference;

    #[cfg(feature = "service")]
    #[doc = include_str!("../../../docs/serving.md")]
    struct Serving;

    #[cfg(feature = "client")]
    #[doc = include_str!("../../../docs/remote.md")]
    struct Remote;
}
