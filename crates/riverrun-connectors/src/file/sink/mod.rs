//! Writes files: [`FileSink`].

mod bucket;
mod committer;
mod part;
mod rolling;
mod writer;

use std::fmt::Display;
use std::path::PathBuf;

use riverrun_stream::sink::Sink;
use riverrun_stream::{Data, FunctionError, Result, RuntimeContext};

use crate::format::{CsvFormat, JsonLinesFormat, LinesFormat, WriteFormat};

pub use bucket::{BasePathBucketAssigner, BucketAssigner, BucketContext, DateTimeBucketAssigner};
pub use committer::FileCommitter;
pub use part::PendingPart;
pub use rolling::RollingPolicy;
pub use writer::FileWriter;

/// Writes records to files in a directory: as [lines](FileSink::lines), [CSV](FileSink::csv) or
/// [JSON lines](FileSink::json_lines).
///
/// Each subtask writes parts `part-<subtask>-<n>`, in the directory or in the [bucket](FileSink::bucket_assigner) below it that
/// a record belongs to, and closes them as its [rolling policy](RollingPolicy) says. A part has a name that begins with `.`
/// until it is complete, is on the disk, and becomes visible by being renamed. So nobody reads half a file: a
/// [`FileSource`](crate::FileSource) passes over hidden ones.
///
/// Where the host takes checkpoints, a complete part becomes visible with the next one, and a restored job goes on with the
/// parts that were being written where the checkpoint was taken: every record is in the visible files once. Where it takes
/// none, a part becomes visible as soon as it is complete, the last ones when all of the job has ended; a job that fails
/// leaves those it was writing hidden.
///
/// Files that are there are never overwritten: a new run goes on counting behind them.
///
/// ```no_run
/// # use riverrun_stream::StreamExecutionEnvironment;
/// use riverrun_connectors::FileSink;
/// # #[derive(Clone, serde::Serialize, serde::Deserialize)]
/// # struct Order { country: String }
/// # fn program(env: &StreamExecutionEnvironment, orders: riverrun_stream::DataStream<Order>) -> riverrun_stream::Result {
/// orders.sink_to(
///     FileSink::csv::<Order>("orders")
///         .bucket_assigner(|order: &Order| format!("country={}", order.country))
///         .part_suffix(".csv"),
/// );
/// # Ok(())
/// # }
/// ```
///
/// Same as Flink's `FileSink.forRowFormat`.
#[derive(Debug, Clone)]
pub struct FileSink<F = LinesFormat<String>, B = BasePathBucketAssigner> {
    directory: PathBuf,
    format: F,
    buckets: B,
    rolling: RollingPolicy,
    prefix: String,
    suffix: String,
}

impl FileSink {
    /// Writes what a value displays, a line each. A value that displays a newline is several lines.
    pub fn lines<T: Data + Display>(directory: impl Into<PathBuf>) -> FileSink<LinesFormat<T>> {
        FileSink::of(directory, LinesFormat::new())
    }

    /// Writes rows of what serde makes of a value. Each part begins with the names of the fields, where `T` has names.
    ///
    /// A value with a map or a list of lists in it has no row, and fails the job.
    pub fn csv<T: Data>(directory: impl Into<PathBuf>) -> FileSink<CsvFormat<T>> {
        FileSink::of(directory, CsvFormat::new())
    }

    /// Writes what serde makes of a value as JSON, a line each.
    pub fn json_lines<T: Data>(directory: impl Into<PathBuf>) -> FileSink<JsonLinesFormat<T>> {
        FileSink::of(directory, JsonLinesFormat::new())
    }
}

impl<F> FileSink<F> {
    fn of(directory: impl Into<PathBuf>, format: F) -> Self {
        Self {
            directory: directory.into(),
            format,
            buckets: BasePathBucketAssigner,
            rolling: RollingPolicy::new(),
            prefix: "part".into(),
            suffix: String::new(),
        }
    }
}

impl<T, B> FileSink<CsvFormat<T>, B> {
    /// The character between fields: `,` by default.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.format.delimiter = delimiter;
        self
    }

    /// Parts do not begin with the names of the fields.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        self.format.has_header = false;
        self
    }
}

impl<F: WriteFormat, B> FileSink<F, B> {
    /// Which directory below the sink's a record goes to: a closure, or a [`DateTimeBucketAssigner`]. The sink's own unless
    /// set.
    #[must_use]
    pub fn bucket_assigner<C: BucketAssigner<F::In>>(self, buckets: C) -> FileSink<F, C> {
        let Self { directory, format, rolling, prefix, suffix, .. } = self;
        FileSink { directory, format, buckets, rolling, prefix, suffix }
    }

    /// When parts are closed: at 128 MiB, after 60 s, or 60 s after the last record, unless set.
    #[must_use]
    pub fn rolling_policy(mut self, policy: RollingPolicy) -> Self {
        self.rolling = policy;
        self
    }

    /// What the names of parts begin with: `part` unless set.
    #[must_use]
    pub fn part_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// What the names of parts end with, as `.csv`: nothing unless set.
    #[must_use]
    pub fn part_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = suffix.into();
        self
    }

    fn check(&self) -> Result {
        self.format.check()?;
        self.rolling.check()?;
        for (what, text) in [("prefix", &self.prefix), ("suffix", &self.suffix)] {
            if text.contains(std::path::is_separator) || text.contains('\0') {
                return Err(FunctionError::new(format!(
                    "{text:?} cannot be the {what} of a file's name; leave out `/`, and use a bucket for a directory"
                )));
            }
        }
        Ok(())
    }
}

impl<F: WriteFormat, B: BucketAssigner<F::In>> Sink for FileSink<F, B> {
    type In = F::In;
    type Committable = PendingPart;
    type Writer = FileWriter<F, B>;
    type Committer = FileCommitter;

    fn name(&self) -> String {
        format!("{} files", self.format.name())
    }

    fn create_writer(&self, context: &RuntimeContext, state: Vec<Vec<u8>>) -> Result<Self::Writer> {
        self.check()?;
        FileWriter::new(self.clone(), context, &state)
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<FileCommitter> {
        Ok(FileCommitter { directory: self.directory.clone() })
    }
}
