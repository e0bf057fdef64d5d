//! The numbers from one to another: [`NumberSequence`].

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::context::RuntimeContext;
use crate::error::Result;
use crate::source::{ConnectorDescriptor, FixedSplits, ReaderStatus, Source, SourceOutput, SourceReader};

/// The whole numbers of a range, in runs that subtasks read side by side. Same as Flink's `NumberSequenceSource`.
#[derive(Debug, Clone)]
pub struct NumberSequence {
    range: RangeInclusive<u64>,
}

/// How many runs a sequence is cut into: enough for any subtask to find work, whatever the others' speed.
const SPLITS: u64 = 64;

impl NumberSequence {
    /// The numbers `from..=to`; none where `from` is above `to`.
    #[must_use]
    pub fn new(from: u64, to: u64) -> Self {
        Self { range: from..=to }
    }
}

/// A run of the sequence: `next..=last`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceSplit {
    next: u64,
    last: u64,
}

impl Source for NumberSequence {
    type Out = u64;
    type Split = SequenceSplit;
    type Enumerator = FixedSplits<SequenceSplit>;
    type Reader = SequenceReader;

    fn name(&self) -> String {
        "Sequence Source".into()
    }

    fn descriptor(&self) -> Option<ConnectorDescriptor> {
        let options = [("from", self.range.start()), ("to", self.range.end())];
        Some(ConnectorDescriptor {
            kind: "number-sequence".into(),
            options: options.map(|(name, value)| (name.into(), value.to_string())).into(),
        })
    }

    fn create_enumerator(&self) -> Result<Self::Enumerator> {
        let (first, last) = (*self.range.start(), *self.range.end());
        if first > last {
            return Ok(FixedSplits::new([]));
        }
        let run = (last - first) / SPLITS + 1;
        let starts =
            (0..SPLITS).map_while(|index| run.checked_mul(index)?.checked_add(first)).filter(|&start| start <= last);
        Ok(FixedSplits::new(starts.map(|next| SequenceSplit { next, last: next.saturating_add(run - 1).min(last) })))
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<Self::Enumerator> {
        FixedSplits::restore(state)
    }

    fn create_reader(&self, _: &RuntimeContext) -> Result<SequenceReader> {
        Ok(SequenceReader { splits: Vec::new() })
    }
}

/// Counts.
pub struct SequenceReader {
    /// The last is read first.
    splits: Vec<SequenceSplit>,
}

impl SourceReader for SequenceReader {
    type Out = u64;
    type Split = SequenceSplit;

    fn add_split(&mut self, split: SequenceSplit) -> Result {
        self.splits.push(split);
        Ok(())
    }

    fn poll(&mut self, budget: usize, out: &mut SourceOutput<'_, '_, u64>) -> Result<ReaderStatus> {
        let Some(split) = self.splits.last_mut() else { return Ok(ReaderStatus::NeedsSplit) };
        let last = split.last.min(split.next.saturating_add(budget as u64 - 1));
        out.extend(split.next..=last);
        if last == split.last {
            self.splits.pop();
        } else {
            split.next = last + 1;
        }
        Ok(if self.splits.is_empty() { ReaderStatus::NeedsSplit } else { ReaderStatus::More })
    }

    fn snapshot(&mut self) -> Result<Vec<SequenceSplit>> {
        Ok(self.splits.clone())
    }
}
