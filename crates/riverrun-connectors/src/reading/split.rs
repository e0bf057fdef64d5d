//! The part of an input that one reader reads.

use riverrun_stream::source::RecordError;
use serde::{Deserialize, Serialize};

use super::input::Input;

/// An input, or a range of a file, and where to read on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSplit {
    pub(crate) input: Input,
    /// The byte at which to read on.
    pub(crate) offset: u64,
    /// The byte before which the last record begins; where there is none, the last is that of the input.
    pub(crate) end: Option<u64>,
    /// Whether a record begins at `offset`, and not somewhere behind it.
    pub(crate) is_record_start: bool,
    /// The number of the line at `offset`, from 1, where it is known.
    pub(crate) line: Option<u64>,
    /// The record that names the fields of the others, once it was read.
    pub(crate) header: Option<Vec<u8>>,
}

impl InputSplit {
    /// The whole of an input.
    pub(crate) fn whole(input: Input) -> Self {
        Self { input, offset: 0, end: None, is_record_start: true, line: Some(1), header: None }
    }

    /// Cuts off what lies before `middle`, which leaves what begins at or behind it.
    pub(crate) fn cut_off_before(&mut self, middle: u64) -> Self {
        let front = Self { end: Some(middle), ..self.clone() };
        (self.offset, self.is_record_start, self.line) = (middle, false, None);
        front
    }
}

/// Where a record stood.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The number of its line, where it is known.
    pub(crate) line: Option<u64>,
    /// The byte at which it begins.
    pub(crate) offset: u64,
    /// The input's name.
    pub(crate) input: &'a std::sync::Arc<str>,
}

impl Place<'_> {
    pub(super) fn error(&self, message: String) -> RecordError {
        RecordError { record: self.to_string(), message }
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line} of {}", self.input),
            None => write!(f, "the line at byte {} of {}", self.offset, self.input),
        }
    }
}
