//! Reads the records of one split after the other.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use riverrun_stream::operator::CompletionSender;
use riverrun_stream::source::{ReaderStatus, SourceOutput, SourceReader};
use riverrun_stream::{FunctionError, Result};

use super::input::{Input, Records};
use super::split::Place;
use super::{Cut, Framing, InputSplit, PIECE};
use crate::error::Error;
use crate::format::{Decoder, ReadFormat};

/// How many bytes a poll reads, about.
const POLL_BYTES: usize = 1024 * 1024;

/// Reads records in a format, of one split after the other.
pub struct RecordReader<F: ReadFormat> {
    format: F,
    framing: Framing,
    completions: CompletionSender,
    waiting: VecDeque<InputSplit>,
    current: Option<Current<F::Decoder>>,
}

/// The split that is being read.
struct Current<D> {
    split: InputSplit,
    name: Arc<str>,
    records: Records,
    decoder: D,
    /// Where the record began that was cut last, and the number of its line.
    begun: (u64, Option<u64>),
}

impl<D: Decoder> Current<D> {
    fn open(split: InputSplit, framing: Framing, decoder: D, completions: &CompletionSender) -> Result<Self> {
        let records = Records::open(&split, framing, completions)?;
        let begun = (split.offset, split.line);
        let mut current = Self { name: split.input.name(), split, records, decoder, begun };
        if current.decoder.wants_header() {
            current.find_header(framing)?;
        }
        Ok(current)
    }

    /// Tells the decoder what the first record of the input said, where this split begins behind it.
    fn find_header(&mut self, framing: Framing) -> Result {
        let cut = match (&self.split.header, &self.split.input, &self.records) {
            (Some(header), ..) => Some(Cut::Record { bytes: header.clone(), lines: 1 }),
            (None, Input::File(file), Records::File(_)) if self.split.offset > 0 => {
                match Records::first_of(Path::new(file), framing)? {
                    Some((begin, cut)) if begin < self.split.offset => Some(cut),
                    // There is nothing but blank lines before this split.
                    _ => return Ok(()),
                }
            }
            _ => return Ok(()),
        };
        match cut {
            Some(Cut::Record { bytes, .. }) if self.decoder.header(&bytes).is_ok() => self.split.header = Some(bytes),
            // What is wrong with it is said where the file's first split is read.
            _ => self.records = Records::None,
        }
        Ok(())
    }

    /// Reads on; `None` is nothing at present.
    fn next(&mut self) -> Result<Option<Cut>> {
        self.begun = (self.split.offset, self.split.line);
        let cut = match &mut self.records {
            Records::File(cutter) => {
                if self.split.end.is_some_and(|end| self.split.offset >= end) {
                    return Ok(Some(Cut::End));
                }
                cutter.next().map_err(|source| Error::Read { source })
            }
            Records::Pipe(pipe) => match pipe.next() {
                Ok(None) => return Ok(None),
                Ok(Some(cut)) => Ok(cut),
                Err(error) => Err(error),
            },
            Records::None => Ok(Cut::End),
        };
        let cut = cut.map_err(|error| match error {
            Error::Read { .. } => error.into_external().context(self.place()),
            error => error.into_external(),
        })?;
        let (Cut::Record { lines, .. } | Cut::TooLong { lines, .. }) = cut else { return Ok(Some(cut)) };
        if let Records::File(cutter) = &self.records {
            self.split.offset = cutter.offset();
        }
        if !self.split.is_record_start {
            // The end of a record that began in the split before.
            self.split.is_record_start = true;
            return Ok(Some(Cut::Piece));
        }
        self.split.line = self.split.line.map(|line| line + lines);
        Ok(Some(cut))
    }

    /// Where the record stood that was cut last.
    fn place(&self) -> Place<'_> {
        Place { offset: self.begun.0, line: self.begun.1, input: &self.name }
    }

    /// What the bytes of a record mean; nothing, where they are the header or blank.
    fn decode(&mut self, bytes: Vec<u8>) -> Result<Option<D::Out>, String> {
        let place = Place { offset: self.begun.0, line: self.begun.1, input: &self.name };
        if !self.decoder.wants_header() || bytes.is_empty() {
            return self.decoder.decode(bytes, place);
        }
        self.decoder.header(&bytes)?;
        self.split.header = Some(bytes);
        Ok(None)
    }
}

impl<F: ReadFormat> RecordReader<F> {
    pub(crate) fn new(format: F, max_record: usize, completions: CompletionSender) -> Self {
        let framing = format.framing(max_record);
        Self { format, framing, completions, waiting: VecDeque::new(), current: None }
    }
}

impl<F: ReadFormat> SourceReader for RecordReader<F> {
    type Out = F::Out;
    type Split = InputSplit;

    fn add_split(&mut self, split: InputSplit) -> Result {
        self.waiting.push_back(split);
        Ok(())
    }

    fn poll(&mut self, budget: usize, out: &mut SourceOutput<'_, '_, F::Out>) -> Result<ReaderStatus> {
        let (mut records, mut bytes) = (0, 0);
        while records < budget && bytes < POLL_BYTES {
            let current = match &mut self.current {
                Some(current) => current,
                None => {
                    let Some(split) = self.waiting.pop_front() else { return Ok(ReaderStatus::NeedsSplit) };
                    let decoder = self.format.decoder();
                    self.current.insert(Current::open(split, self.framing, decoder, &self.completions)?)
                }
            };
            let Some(cut) = current.next()? else { return Ok(ReaderStatus::WaitForCompletion) };
            let refused = match cut {
                Cut::Record { bytes: record, .. } => {
                    // A blank record counts, so that a poll of a file of them has an end.
                    bytes += record.len() + 1;
                    match current.decode(record) {
                        Ok(Some(value)) => {
                            out.collect(value);
                            records += 1;
                            continue;
                        }
                        Ok(None) => continue,
                        Err(message) => message,
                    }
                }
                Cut::TooLong { length, .. } => too_long(length, &self.framing),
                Cut::Piece => {
                    bytes += PIECE;
                    continue;
                }
                Cut::End => {
                    self.current = None;
                    continue;
                }
            };
            records += 1;
            out.error(current.place().error(refused))?;
            if current.decoder.wants_header() {
                // It was the header that was refused, and nothing in the input can be named without it.
                self.current = None;
            }
        }
        Ok(ReaderStatus::More)
    }

    fn snapshot(&mut self) -> Result<Vec<InputSplit>, FunctionError> {
        let current = self.current.iter().map(|current| &current.split);
        Ok(current.chain(&self.waiting).cloned().collect())
    }
}

fn too_long(length: u64, framing: &Framing) -> String {
    let max = framing.max_record;
    let or = if framing.quoting.is_some() { ", or close the quote that may be open in it" } else { "" };
    format!("{length} bytes long, more than the {max} that a record may have; set `max_record_bytes` higher{or}")
}
