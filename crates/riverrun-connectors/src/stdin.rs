//! Standard input: [`StdinLineSource`].

use riverrun_stream::source::{Boundedness, FixedSplits, Source};
use riverrun_stream::{Result, RuntimeContext};

use crate::format::{Line, LineRecord, LinesFormat};
use crate::reading::{Input, InputSplit, MAX_RECORD_BYTES, RecordReader};

/// The lines of standard input, read by one subtask.
///
/// Lines are those of [`FileSource::lines`](crate::FileSource::lines). What was read is gone: after a restore it goes on with
/// what comes next.
#[derive(Debug, Clone)]
pub struct StdinLineSource<L = String> {
    format: LinesFormat<L>,
    max_record_bytes: usize,
}

impl StdinLineSource {
    /// The lines of standard input.
    #[must_use]
    pub fn new() -> Self {
        Self { format: LinesFormat::new(), max_record_bytes: MAX_RECORD_BYTES }
    }

    /// Makes the records [`Line`]s, which know their number, instead of strings.
    #[must_use]
    pub fn with_positions(self) -> StdinLineSource<Line> {
        StdinLineSource { format: LinesFormat::new(), max_record_bytes: self.max_record_bytes }
    }
}

impl Default for StdinLineSource {
    fn default() -> Self {
        Self::new()
    }
}

impl<L> StdinLineSource<L> {
    /// How many bytes a line may have, its end not counted: 16 MiB by default.
    #[must_use]
    pub fn max_record_bytes(mut self, bytes: usize) -> Self {
        self.max_record_bytes = bytes;
        self
    }
}

impl<L: LineRecord> Source for StdinLineSource<L> {
    type Out = L;
    type Split = InputSplit;
    type Enumerator = FixedSplits<InputSplit>;
    type Reader = RecordReader<LinesFormat<L>>;

    fn name(&self) -> String {
        "Lines of standard input".into()
    }

    fn is_parallel(&self) -> bool {
        false
    }

    fn boundedness(&self) -> Boundedness {
        Boundedness::ContinuousUnbounded
    }

    fn create_enumerator(&self) -> Result<Self::Enumerator> {
        Ok(FixedSplits::new([InputSplit::whole(Input::Stdin)]))
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<Self::Enumerator> {
        FixedSplits::restore(state)
    }

    fn create_reader(&self, context: &RuntimeContext) -> Result<Self::Reader> {
        Ok(RecordReader::new(self.format.clone(), self.max_record_bytes, context.completions.clone()))
    }
}
