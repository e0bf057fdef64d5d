//! Writes the parts of one subtask.

use std::collections::BTreeMap;
use std::fs;

use riverrun_stream::element::Timestamp;
use riverrun_stream::operator::{Readiness, decode_state, encode_state};
use riverrun_stream::sink::SinkWriter;
use riverrun_stream::{FunctionError, Result, RuntimeContext, StreamRecord};

use super::FileSink;
use super::bucket::{BucketAssigner, BucketContext, check};
use super::committer::commit_now;
use super::part::{Part, PartState, PendingPart, hidden};
use crate::error::Error;
use crate::format::{Encoder, WriteFormat};

const STATE: &str = "part";

/// So many buckets' last numbers are kept; those of others are found in their directories again.
const NUMBERED_BUCKETS: usize = 1000;

/// Writes the parts of one subtask.
pub struct FileWriter<F: WriteFormat, B> {
    sink: FileSink<F, B>,
    subtask: usize,
    /// Whether checkpoints are taken, and parts become visible with them.
    checkpointing: bool,
    now: Timestamp,
    /// By bucket.
    open: BTreeMap<String, Part<F::Encoder>>,
    /// The number of the next part, by bucket.
    numbers: BTreeMap<String, u64>,
    /// Complete, for the next checkpoint.
    pending: Vec<PendingPart>,
    /// No open part has to be closed before.
    due: Option<Timestamp>,
}

impl<F: WriteFormat, B: BucketAssigner<F::In>> FileWriter<F, B> {
    pub(super) fn new(sink: FileSink<F, B>, context: &RuntimeContext, state: &[Vec<u8>]) -> Result<Self> {
        fs::create_dir_all(&sink.directory).map_err(|error| Error::write(&sink.directory, error))?;
        let mut writer = Self {
            sink,
            subtask: context.subtask_index,
            checkpointing: context.checkpointing,
            now: Timestamp::MIN,
            open: BTreeMap::new(),
            numbers: BTreeMap::new(),
            pending: Vec::new(),
            due: None,
        };
        for part in state {
            writer.resume(decode_state(STATE, part)?)?;
        }
        Ok(writer)
    }

    fn resume(&mut self, state: PartState) -> Result {
        let bucket = state.part.bucket.clone();
        let part = Part::resume(&self.sink.directory, state, self.sink.format.encoder(false))?;
        if self.open.contains_key(&bucket) {
            // Several subtasks wrote to the bucket, and one has it now.
            return self.complete(part, false);
        }
        self.hold(bucket, part);
        Ok(())
    }

    fn hold(&mut self, bucket: String, part: Part<F::Encoder>) {
        let due = self.sink.rolling.due(part.opened, part.last_write);
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
        self.open.insert(bucket, part);
    }

    fn write_record(&mut self, record: &StreamRecord<F::In>) -> Result {
        let context = BucketContext { processing_time: self.now, timestamp: record.timestamp };
        let bucket = self.sink.buckets.bucket(&record.value, &context)?;
        if !self.open.contains_key(&bucket) {
            let part = self.create(&bucket)?;
            self.hold(bucket.clone(), part);
        }
        let Some(part) = self.open.get_mut(&bucket) else { return Ok(()) };
        part.encoder.encode(&record.value, &mut part.buffer).map_err(|reason| {
            let format = self.sink.format.name();
            FunctionError::new(format!(
                "a record has no form as {format}: {reason}; map it to one that has before the sink"
            ))
        })?;
        part.last_write = self.now;
        part.write_if_much()?;
        if self.sink.rolling.is_full(part.length()) {
            self.roll(&bucket)?;
        }
        Ok(())
    }

    /// Begins the bucket's next part, under a number that nobody has used.
    fn create(&mut self, bucket: &str) -> Result<Part<F::Encoder>> {
        check(bucket, &self.sink.directory)?;
        let path = self.sink.directory.join(bucket);
        fs::create_dir_all(&path).map_err(|error| Error::write(&path, error))?;
        let mut number = match self.numbers.get(bucket) {
            Some(&number) => number,
            None => self.unused_number(bucket)?,
        };
        if self.numbers.len() == NUMBERED_BUCKETS {
            self.numbers.clear();
        }
        loop {
            let part = PendingPart { bucket: bucket.into(), name: self.name(number) };
            let encoder = self.sink.format.encoder(true);
            number += 1;
            if let Some(part) = Part::create(&self.sink.directory, part, encoder, self.now)? {
                self.numbers.insert(bucket.into(), number);
                return Ok(part);
            }
        }
    }

    fn name(&self, number: u64) -> String {
        format!("{}-{}-{number}{}", self.sink.prefix, self.subtask, self.sink.suffix)
    }

    /// The number behind those of the parts that are there, of earlier runs too.
    fn unused_number(&self, bucket: &str) -> Result<u64> {
        let path = self.sink.directory.join(bucket);
        let start = format!("{}-{}-", self.sink.prefix, self.subtask);
        let number =
            |name: &str, start: &str, end: &str| name.strip_prefix(start)?.strip_suffix(end)?.parse::<u64>().ok();
        let (hidden_start, hidden_end) = (format!(".{start}"), hidden(&self.sink.suffix).split_off(1));
        let mut next = 0;
        for entry in fs::read_dir(&path).map_err(|error| Error::write(&path, error))? {
            let name = entry.map_err(|error| Error::write(&path, error))?.file_name();
            let Some(name) = name.to_str() else { continue };
            let taken = number(name, &start, &self.sink.suffix).or_else(|| number(name, &hidden_start, &hidden_end));
            next = next.max(taken.map_or(0, |taken| taken.saturating_add(1)));
        }
        Ok(next)
    }

    /// Completes a bucket's part.
    fn roll(&mut self, bucket: &str) -> Result {
        match self.open.remove(bucket) {
            Some(part) => self.complete(part, false),
            None => Ok(()),
        }
    }

    fn complete(&mut self, part: Part<F::Encoder>, is_last: bool) -> Result {
        let part = part.close()?;
        if self.checkpointing || is_last {
            self.pending.push(part);
            return Ok(());
        }
        commit_now(&part, &self.sink.directory)
    }

    fn complete_all(&mut self, are_last: bool) -> Result {
        self.due = None;
        std::mem::take(&mut self.open).into_values().try_for_each(|part| self.complete(part, are_last))
    }
}

impl<F: WriteFormat, B: BucketAssigner<F::In>> SinkWriter for FileWriter<F, B> {
    type In = F::In;
    type Committable = PendingPart;

    fn write(&mut self, records: Vec<StreamRecord<F::In>>) -> Result<Readiness> {
        records.iter().try_for_each(|record| self.write_record(record))?;
        Ok(Readiness::Ready)
    }

    fn processing_time(&mut self, now: Timestamp) -> Result<Option<Timestamp>> {
        self.now = now;
        if self.due.is_some_and(|due| due <= now) {
            let rolling = self.sink.rolling.clone();
            let due = |part: &Part<F::Encoder>| rolling.due(part.opened, part.last_write);
            let over: Vec<_> =
                self.open.iter().filter(|(_, part)| due(part) <= now).map(|(bucket, _)| bucket.clone()).collect();
            over.iter().try_for_each(|bucket| self.roll(bucket))?;
            self.due = self.open.values().map(due).min();
        }
        Ok(self.due.filter(|&due| due < Timestamp::MAX))
    }

    fn flush(&mut self, end_of_input: bool) -> Result<Readiness> {
        if end_of_input {
            // The last checkpoint of the job is to come, and makes them visible.
            self.complete_all(true)?;
        }
        Ok(Readiness::Ready)
    }

    fn prepare_commit(&mut self) -> Result<Vec<PendingPart>> {
        if self.sink.rolling.on_checkpoint {
            self.complete_all(true)?;
        }
        Ok(std::mem::take(&mut self.pending))
    }

    fn snapshot(&mut self) -> Result<Vec<Vec<u8>>> {
        self.open.values_mut().map(|part| Ok(encode_state(STATE, &part.persist()?)?)).collect()
    }
}
