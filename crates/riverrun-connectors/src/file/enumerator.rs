//! Deals out files, large ones in ranges: [`FileEnumerator`].

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use riverrun_stream::Result;
use riverrun_stream::operator::{decode_state, encode_state};
use riverrun_stream::source::{SplitAssignment, SplitEnumerator};
use serde::{Deserialize, Serialize};

use super::discovery::{Found, check, discover};
use crate::reading::{Input, InputSplit};

/// A range that is smaller is not worth a seek, unless the user says so.
const SMALLEST_RANGE: u64 = 1024 * 1024;
const LARGEST_RANGE: u64 = 64 * 1024 * 1024;

/// How many ranges there are for each subtask, so that they end at about the same time.
const RANGES_PER_SUBTASK: u64 = 4;

const STATE: &str = "files";

/// What of the source the enumerator has to know.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) patterns: Vec<PathBuf>,
    /// How often to look for new files, if ever.
    pub(super) interval: Option<Duration>,
    pub(super) is_splittable: bool,
    pub(super) max_split_bytes: Option<u64>,
}

/// Deals out files in their order, large ones in ranges, and looks for new ones where it was asked to.
pub struct FileEnumerator {
    plan: Plan,
    state: State,
    waiting_bytes: u64,
    /// The subtasks that were told to wait since the files were listed last. One that asks again has waited for the interval.
    told_to_wait: BTreeSet<usize>,
}

#[derive(Default, Serialize, Deserialize)]
struct State {
    waiting: VecDeque<Waiting>,
    /// The files that were found before, where new ones are looked for.
    seen: BTreeSet<OsString>,
}

/// A part of a file that nobody reads yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Waiting {
    split: InputSplit,
    /// How many bytes there are; none for pipes and devices.
    length: Option<u64>,
}

impl FileEnumerator {
    /// Over all files there are now.
    pub(super) fn new(plan: Plan) -> Result<Self> {
        let mut enumerator = Self::of(plan, State::default());
        enumerator.look()?;
        Ok(enumerator)
    }

    /// Goes on from what `snapshot` gave.
    pub(super) fn restore(plan: Plan, state: &[u8]) -> Result<Self> {
        Ok(Self::of(plan, decode_state(STATE, state)?))
    }

    fn of(plan: Plan, state: State) -> Self {
        let waiting_bytes = state.waiting.iter().filter_map(|file| file.length).sum();
        Self { plan, state, waiting_bytes, told_to_wait: BTreeSet::new() }
    }

    /// Lists the files and adds those that are new.
    fn look(&mut self) -> Result {
        let is_monitoring = self.plan.interval.is_some();
        // A file that was read may be taken away, and is not missed where it was given by name.
        let patterns = self.plan.patterns.iter().filter(|path| !self.state.seen.contains(path.as_os_str()));
        for file in discover(patterns, is_monitoring)? {
            if is_monitoring && !self.state.seen.insert(file.path.clone().into_os_string()) {
                continue;
            }
            check(&file)?;
            let Found { path, length } = file;
            self.waiting_bytes += length.unwrap_or_default();
            self.state.waiting.push_back(Waiting { split: InputSplit::whole(Input::File(path.into())), length });
        }
        Ok(())
    }

    /// How many bytes a range may have.
    fn range(&self, parallelism: usize) -> u64 {
        if let Some(bytes) = self.plan.max_split_bytes {
            return bytes.max(1);
        }
        if parallelism < 2 {
            // Whole files keep their order and their line numbers.
            return u64::MAX;
        }
        (self.waiting_bytes / (RANGES_PER_SUBTASK * parallelism as u64)).clamp(SMALLEST_RANGE, LARGEST_RANGE)
    }

    fn take(&mut self, parallelism: usize) -> Option<InputSplit> {
        let range = if self.plan.is_splittable { self.range(parallelism) } else { u64::MAX };
        let file = self.state.waiting.front_mut()?;
        match &mut file.length {
            Some(length) if *length > range => {
                *length -= range;
                self.waiting_bytes -= range;
                let middle = file.split.offset + range;
                Some(file.split.cut_off_before(middle))
            }
            length => {
                self.waiting_bytes -= length.unwrap_or_default();
                self.state.waiting.pop_front().map(|file| file.split)
            }
        }
    }
}

impl SplitEnumerator for FileEnumerator {
    type Split = InputSplit;

    fn next_split(&mut self, subtask: usize, parallelism: usize) -> Result<SplitAssignment<InputSplit>> {
        if let Some(split) = self.take(parallelism) {
            return Ok(SplitAssignment::Split(split));
        }
        let Some(interval) = self.plan.interval else { return Ok(SplitAssignment::NoMore) };
        if !self.told_to_wait.insert(subtask) {
            self.told_to_wait.clear();
            self.look()?;
            if let Some(split) = self.take(parallelism) {
                return Ok(SplitAssignment::Split(split));
            }
            self.told_to_wait.insert(subtask);
        }
        Ok(SplitAssignment::Wait(i64::try_from(interval.as_millis()).unwrap_or(i64::MAX)))
    }

    fn add_splits_back(&mut self, splits: Vec<InputSplit>) {
        self.state.waiting.extend(splits.into_iter().map(|split| Waiting { split, length: None }));
    }

    fn snapshot(&self) -> Result<Vec<u8>> {
        Ok(encode_state(STATE, &self.state)?)
    }
}
