//! The numbers from 0, dealt to the subtasks in turn, so that all of them go on in time side by side.

use riverrun_stream::source::{FixedSplits, ReaderStatus, Source, SourceOutput, SourceReader};
use riverrun_stream::{Result, RuntimeContext};
use serde::{Deserialize, Serialize};

pub(crate) struct Ticks {
    pub(crate) records: u64,
    pub(crate) subtasks: u64,
}

/// `next`, and every `step`th number behind it, below `end`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Split {
    next: u64,
    step: u64,
    end: u64,
}

impl Source for Ticks {
    type Out = u64;
    type Split = Split;
    type Enumerator = FixedSplits<Split>;
    type Reader = Reader;

    fn name(&self) -> String {
        "ticks".into()
    }

    fn create_enumerator(&self) -> Result<Self::Enumerator> {
        let split = |next| Split { next, step: self.subtasks, end: self.records };
        Ok(FixedSplits::new((0..self.subtasks).map(split)))
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<Self::Enumerator> {
        FixedSplits::restore(state)
    }

    fn create_reader(&self, _: &RuntimeContext) -> Result<Reader> {
        Ok(Reader(None))
    }
}

pub(crate) struct Reader(Option<Split>);

impl SourceReader for Reader {
    type Out = u64;
    type Split = Split;

    fn add_split(&mut self, split: Split) -> Result {
        self.0 = Some(split);
        Ok(())
    }

    fn poll(&mut self, budget: usize, out: &mut SourceOutput<'_, '_, u64>) -> Result<ReaderStatus> {
        let Some(split) = &mut self.0 else { return Ok(ReaderStatus::NeedsSplit) };
        let until = split.end.min(split.next + budget as u64 * split.step);
        let (next, step) = (split.next, split.step);
        // The length is known beforehand, which a range with steps does not tell.
        let count = until.saturating_sub(next).div_ceil(step);
        out.extend((0..count).map(|n| next + n * step));
        split.next += count * step;
        if split.next < split.end {
            return Ok(ReaderStatus::More);
        }
        self.0 = None;
        Ok(ReaderStatus::NeedsSplit)
    }

    fn snapshot(&mut self) -> Result<Vec<Split>> {
        Ok(self.0.iter().cloned().collect())
    }
}
