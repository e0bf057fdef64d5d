//! Sources and sinks that talk to the outside. Depends on `riverrun-stream` alone.
//!
//! ```no_run
//! # use riverrun_stream::StreamExecutionEnvironment;
//! use riverrun_connectors::FileSource;
//!
//! # fn program(env: &StreamExecutionEnvironment) -> riverrun_stream::Result {
//! env.from_source(FileSource::lines(["monday.txt", "tuesday.txt"])).map(|line| line.len()).print();
//! env.execute()?;
//! # Ok(())
//! # }
//! ```

mod error;
mod file;
mod format;
mod reading;
mod stdin;
mod tcp;

pub use error::{Error, Result};
pub use file::{
    BasePathBucketAssigner, BucketAssigner, BucketContext, DateTimeBucketAssigner, FileCommitter, FileEnumerator,
    FileSink, FileSource, FileWriter, PendingPart, RollingPolicy,
};
pub use format::{
    CsvFormat, JsonLinesFormat, Line, LineRecord, LinesFormat, Positioned, PositionedFormat, ReadFormat, WriteFormat,
};
pub use reading::{InputSplit, RecordReader};
pub use stdin::StdinLineSource;
pub use tcp::TcpLineSource;
