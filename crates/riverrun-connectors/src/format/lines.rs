//! A line is a record: [`LinesFormat`].

use std::fmt::Display;
use std::io::Write as _;
use std::marker::PhantomData;

use riverrun_stream::{Data, Result};

use super::line::LineRecord;
use super::sealed::Sealed;
use super::{Decoder, Encoder, ReadFormat, WriteFormat, not_utf8};
use crate::reading::{Framing, Place};

/// Lines of text. A line ends at `\n`; a `\r` before it is dropped, and the last line needs no end.
#[derive(Debug, Clone)]
pub struct LinesFormat<L> {
    delimiter: u8,
    record: PhantomData<fn() -> L>,
}

impl<L> LinesFormat<L> {
    pub(crate) fn new() -> Self {
        Self::delimited_by(b'\n')
    }

    pub(crate) fn delimited_by(delimiter: u8) -> Self {
        Self { delimiter, record: PhantomData }
    }
}

impl<L> Sealed for LinesFormat<L> {}

impl<L: LineRecord> ReadFormat for LinesFormat<L> {
    type Out = L;
    type Decoder = LinesDecoder<L>;

    fn name(&self) -> &'static str {
        "Lines"
    }

    fn options(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn is_splittable(&self) -> bool {
        !L::IS_NUMBERED
    }

    fn framing(&self, max_record: usize) -> Framing {
        Framing { delimiter: self.delimiter, quoting: None, max_record }
    }

    fn decoder(&self) -> LinesDecoder<L> {
        LinesDecoder(PhantomData)
    }
}

/// Makes strings of bytes.
pub struct LinesDecoder<L>(PhantomData<fn() -> L>);

impl<L: LineRecord> Decoder for LinesDecoder<L> {
    type Out = L;

    fn decode(&mut self, bytes: Vec<u8>, place: Place<'_>) -> Result<Option<L>, String> {
        let text = String::from_utf8(bytes).map_err(|error| not_utf8(error.utf8_error()))?;
        Ok(Some(L::of(text, place)))
    }
}

impl<T: Data + Display> WriteFormat for LinesFormat<T> {
    type In = T;
    type Encoder = LinesEncoder<T>;

    fn name(&self) -> &'static str {
        "Lines"
    }

    fn encoder(&self, _: bool) -> LinesEncoder<T> {
        LinesEncoder(PhantomData)
    }
}

/// Makes lines of what a value displays.
pub struct LinesEncoder<T>(PhantomData<fn() -> T>);

impl<T: Display> Encoder for LinesEncoder<T> {
    type In = T;

    fn encode(&mut self, value: &T, out: &mut Vec<u8>) -> Result<(), String> {
        writeln!(out, "{value}").map_err(|error| error.to_string())
    }
}
