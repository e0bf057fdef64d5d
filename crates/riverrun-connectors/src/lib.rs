//! Sources and sinks that talk to the outside. Depends on `riverrun-stream` alone.
//!
//! ```no_run
//! # use riverrun_stream::StreamExecutionEnvironment;
//! use riverrun_connectors::LinesSource;
//!
//! # fn program(env: &StreamExecutionEnvironment) -> riverrun_stream::Result {
//! env.from_source(LinesSource::files(["monday.txt", "tuesday.txt"])).map(|line| line.len()).print();
//! env.execute()?;
//! # Ok(())
//! # }
//! ```

mod error;
mod lines;

pub use error::{Error, Result};
pub use lines::{Line, LineRecord, LinesReader, LinesSource, LinesSplit};
