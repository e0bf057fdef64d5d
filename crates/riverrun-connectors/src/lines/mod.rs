//! Texts line by line: [`LinesSource`].

mod cutter;
mod files;
mod line;
mod reader;
mod stdin;

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use riverrun_stream::source::{ConnectorDescriptor, FixedSplits, Source};
use riverrun_stream::{Result, RuntimeContext};

pub use line::{Line, LineRecord};
pub use reader::{LinesReader, LinesSplit};

/// The longest line, unless said otherwise: 16 MiB.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// The lines of files or of standard input.
///
/// A line ends at `\n`; a `\r` before it is dropped, and the last line needs no end. An empty line is a record. A line that
/// is not UTF-8 or too long is passed over, and goes to the [errors](riverrun_stream::SingleOutputStreamOperator::errors)
/// with its number. Several files are read side by side, each by one subtask, and in the order given at parallelism 1.
///
/// A file is read on exactly where a snapshot was taken. Standard input, and pipes and devices among the files, cannot
/// be read twice: after a restore they go on with what comes next.
///
/// Same as Flink's `FileSource.forRecordStreamFormat(new TextLineInputFormat(), …)`.
#[derive(Debug, Clone)]
pub struct LinesSource<L = String> {
    /// Standard input where there are none.
    files: Option<Vec<PathBuf>>,
    max_line_bytes: usize,
    record: PhantomData<fn() -> L>,
}

impl LinesSource {
    /// The lines of these files.
    ///
    /// A file that is missing, that cannot be read, or that is a directory, is found before the job starts.
    pub fn files(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self::new(Some(paths.into_iter().map(Into::into).collect()))
    }

    /// The lines of standard input, read by one subtask.
    #[must_use]
    pub fn stdin() -> Self {
        Self::new(None)
    }

    fn new(files: Option<Vec<PathBuf>>) -> Self {
        Self { files, max_line_bytes: MAX_LINE_BYTES, record: PhantomData }
    }

    /// Makes the records [`Line`]s, which know their number and their file, instead of strings.
    #[must_use]
    pub fn with_positions(self) -> LinesSource<Line> {
        LinesSource { files: self.files, max_line_bytes: self.max_line_bytes, record: PhantomData }
    }
}

impl<L> LinesSource<L> {
    /// How many bytes a line may have, its end not counted: 16 MiB by default.
    #[must_use]
    pub fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.max_line_bytes = bytes;
        self
    }
}

impl<L: LineRecord> Source for LinesSource<L> {
    type Out = L;
    type Split = LinesSplit;
    type Enumerator = FixedSplits<LinesSplit>;
    type Reader = LinesReader<L>;

    fn name(&self) -> String {
        match &self.files {
            Some(_) => "Lines".into(),
            None => "Lines of standard input".into(),
        }
    }

    fn is_parallel(&self) -> bool {
        self.files.is_some()
    }

    fn descriptor(&self) -> Option<ConnectorDescriptor> {
        let files = self.files.as_ref()?.iter().enumerate();
        let mut options: std::collections::BTreeMap<_, _> = files
            .map(|(index, file)| Some((format!("path.{index}"), file.to_str()?.to_owned())))
            .collect::<Option<_>>()?;
        options.insert("max-line-bytes".into(), self.max_line_bytes.to_string());
        Some(ConnectorDescriptor { kind: "lines".into(), options })
    }

    fn create_enumerator(&self) -> Result<Self::Enumerator> {
        let Some(files) = &self.files else { return Ok(FixedSplits::new([LinesSplit::whole(None)])) };
        files.iter().try_for_each(|file| files::check(Path::new(file)))?;
        Ok(FixedSplits::new(files.iter().map(|file| LinesSplit::whole(Some(file.into())))))
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<Self::Enumerator> {
        FixedSplits::restore(state)
    }

    fn create_reader(&self, context: &RuntimeContext) -> Result<Self::Reader> {
        Ok(LinesReader::new(self.max_line_bytes, context.completions.clone()))
    }
}
