//! Reads files: [`FileSource`].

use std::path::PathBuf;
use std::time::Duration;

use riverrun_stream::source::{Boundedness, ConnectorDescriptor, Source};
use riverrun_stream::{Data, FunctionError, Result, RuntimeContext};

use super::enumerator::{FileEnumerator, Plan};
use crate::format::{CsvFormat, JsonLinesFormat, Line, LinesFormat, PositionedFormat, ReadFormat};
use crate::reading::{InputSplit, MAX_RECORD_BYTES, RecordReader};

/// The records of files: [lines](FileSource::lines), [CSV](FileSource::csv) or [JSON lines](FileSource::json_lines).
///
/// What is read is given by paths of files, directories and patterns. A directory means the files in it and below it. A
/// pattern has `*` (within one name), `**` (any directories), `?`, `[a-z]` or `{csv,tsv}`; a directory that it matches means
/// the files in it. In both, names that begin with `.` or `_` are passed over. A path that is there means itself, whatever
/// characters it has. Files are read in the order of the patterns, those of one in the order of their paths, and each once. A
/// path that is missing, a pattern that nothing matches, and a file that is compressed or in UTF-16, is an error before the
/// job starts.
///
/// A large file is read by several subtasks at the same time, in ranges that end where a record ends (not where the
/// format says otherwise); at parallelism 1 all is read in order.
///
/// A record that can't be read is passed over, and goes to the
/// [errors](riverrun_stream::SingleOutputStreamOperator::errors) with its file, and its line's number or, in a range that
/// does not begin with the file, the byte at which the line begins. A byte-order mark in front of a file is dropped.
///
/// A file is read on exactly where a snapshot was taken. Pipes and devices among the files cannot be read twice: after a
/// restore they go on with what comes next.
///
/// ```no_run
/// # use riverrun_stream::StreamExecutionEnvironment;
/// use riverrun_connectors::FileSource;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Clone, Serialize, Deserialize)]
/// struct Tweet {
///     id: u64,
///     text: String,
/// }
///
/// # fn program(env: &StreamExecutionEnvironment) -> riverrun_stream::Result {
/// env.from_source(FileSource::csv::<Tweet>(["tweets/*.csv"])).map(|tweet| tweet.text).print();
/// # env.execute()?;
/// # Ok(())
/// # }
/// ```
///
/// Same as Flink's `FileSource.forRecordStreamFormat`.
#[derive(Debug, Clone)]
pub struct FileSource<F = LinesFormat<String>> {
    patterns: Vec<PathBuf>,
    format: F,
    interval: Option<Duration>,
    max_split_bytes: Option<u64>,
    max_record_bytes: usize,
}

impl FileSource {
    /// The lines of files, as strings.
    ///
    /// A line ends at `\n`; a `\r` before it is dropped, and the last line needs no end. An empty line is a record. A line
    /// that is not UTF-8 is an error.
    pub fn lines(patterns: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self::of(patterns, LinesFormat::new())
    }

    /// The rows of CSV files, each made into a `T` by serde.
    ///
    /// The first row names the columns, and the fields of `T` are found by name; see
    /// [`without_header`](FileSource::without_header). Fields may stand in double quotes, which are doubled inside; a quoted
    /// field may hold newlines, so a file is read by one subtask unless
    /// [`one_row_per_line`](FileSource::one_row_per_line) says that there are none. Empty lines are passed over. A row of
    /// another length than the header, and one that makes no `T`, is an error.
    pub fn csv<T: Data>(patterns: impl IntoIterator<Item = impl Into<PathBuf>>) -> FileSource<CsvFormat<T>> {
        FileSource::of(patterns, CsvFormat::new())
    }

    /// The lines of files, each a JSON value that serde makes into a `T`. Blank lines are passed over.
    pub fn json_lines<T: Data>(
        patterns: impl IntoIterator<Item = impl Into<PathBuf>>,
    ) -> FileSource<JsonLinesFormat<T>> {
        FileSource::of(patterns, JsonLinesFormat::new())
    }

    /// Makes the records [`Line`]s, which know their number and their file, instead of strings. Each file is then read from
    /// its beginning to its end by one subtask.
    #[must_use]
    pub fn with_positions(self) -> FileSource<LinesFormat<Line>> {
        let Self { patterns, interval, max_split_bytes, max_record_bytes, .. } = self;
        FileSource { patterns, format: LinesFormat::new(), interval, max_split_bytes, max_record_bytes }
    }
}

impl<T> FileSource<CsvFormat<T>> {
    /// The character between fields: `,` by default.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.format.delimiter = delimiter;
        self
    }

    /// The first row is data too, and the fields of `T` are found by their position.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        self.format.has_header = false;
        self
    }

    /// There are no newlines inside quotes, so that a file can be read from any line on, by several subtasks.
    #[must_use]
    pub fn one_row_per_line(mut self) -> Self {
        self.format.is_one_row_per_line = true;
        self
    }

    /// Makes the records [`Positioned`](crate::Positioned), which know their line and their file. Each file is then read by one
    /// subtask.
    #[must_use]
    pub fn with_positions(self) -> FileSource<PositionedFormat<CsvFormat<T>>> {
        let Self { patterns, format, interval, max_split_bytes, max_record_bytes } = self;
        FileSource { patterns, format: PositionedFormat::of(format), interval, max_split_bytes, max_record_bytes }
    }
}

impl<F> FileSource<F> {
    fn of(patterns: impl IntoIterator<Item = impl Into<PathBuf>>, format: F) -> Self {
        Self {
            patterns: patterns.into_iter().map(Into::into).collect(),
            format,
            interval: None,
            max_split_bytes: None,
            max_record_bytes: MAX_RECORD_BYTES,
        }
    }

    /// Never ends, and looks for new files this often. A pattern need not match anything at first.
    ///
    /// A file is read once, when it is first seen: move it there when it is complete, and give a changed one another name.
    /// The names of all files that were seen are kept in snapshots. Same as Flink's `monitorContinuously`.
    #[must_use]
    pub fn monitor_continuously(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// The most bytes of a file that a subtask takes at a time, where the format allows to take less than a file. Unless
    /// set: the whole file at parallelism 1, otherwise 1 to 64 MiB, the smaller the less is left.
    #[must_use]
    pub fn max_split_bytes(mut self, bytes: u64) -> Self {
        self.max_split_bytes = Some(bytes);
        self
    }

    /// How many bytes a record may have, its end not counted: 16 MiB by default. A longer one is an error, and is not held
    /// in memory.
    #[must_use]
    pub fn max_record_bytes(mut self, bytes: usize) -> Self {
        self.max_record_bytes = bytes;
        self
    }
}

impl<F: ReadFormat> FileSource<F> {
    fn plan(&self) -> Plan {
        Plan {
            patterns: self.patterns.clone(),
            interval: self.interval,
            is_splittable: self.format.is_splittable(),
            max_split_bytes: self.max_split_bytes,
        }
    }

    fn check(&self) -> Result {
        self.format.check()?;
        if self.max_split_bytes == Some(0) {
            return Err(FunctionError::new("a split cannot have 0 bytes; give `max_split_bytes` 1 or more"));
        }
        if self.interval == Some(Duration::ZERO) {
            return Err(FunctionError::new(
                "new files cannot be looked for every 0 ms; give `monitor_continuously` 1 ms or more",
            ));
        }
        Ok(())
    }
}

impl<F: ReadFormat> Source for FileSource<F> {
    type Out = F::Out;
    type Split = InputSplit;
    type Enumerator = FileEnumerator;
    type Reader = RecordReader<F>;

    fn name(&self) -> String {
        self.format.name().into()
    }

    fn boundedness(&self) -> Boundedness {
        match self.interval {
            Some(_) => Boundedness::ContinuousUnbounded,
            None => Boundedness::Bounded,
        }
    }

    fn descriptor(&self) -> Option<ConnectorDescriptor> {
        let mut options: std::collections::BTreeMap<_, _> = self
            .patterns
            .iter()
            .enumerate()
            .map(|(index, path)| Some((format!("path.{index}"), path.to_str()?.to_owned())))
            .collect::<Option<_>>()?;
        options.insert("format".into(), self.format.name().into());
        options.insert("max-record-bytes".into(), self.max_record_bytes.to_string());
        options.extend(self.format.options().into_iter().map(|(name, value)| (name.into(), value)));
        if let Some(interval) = self.interval {
            options.insert("monitor-interval-ms".into(), interval.as_millis().to_string());
        }
        Some(ConnectorDescriptor { kind: "files".into(), options })
    }

    fn create_enumerator(&self) -> Result<FileEnumerator> {
        self.check()?;
        FileEnumerator::new(self.plan())
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<FileEnumerator> {
        self.check()?;
        FileEnumerator::restore(self.plan(), state)
    }

    fn create_reader(&self, context: &RuntimeContext) -> Result<RecordReader<F>> {
        Ok(RecordReader::new(self.format.clone(), self.max_record_bytes, context.completions.clone()))
    }
}
