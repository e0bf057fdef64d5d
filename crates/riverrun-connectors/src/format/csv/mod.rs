//! A row is a record: [`CsvFormat`].

mod decoder;
mod encoder;

use std::marker::PhantomData;

use riverrun_stream::{Data, FunctionError, Result};

use super::sealed::Sealed;
use super::{ReadFormat, WriteFormat};
use crate::reading::{Framing, Quoting};
use decoder::CsvDecoder;
use encoder::CsvEncoder;

/// CSV as RFC 4180 has it, of rows that serde makes into a type.
///
/// Fields may stand in double quotes, which are doubled inside, and quoted fields may hold newlines. Rows end at `\n`; a `\r`
/// before it is dropped. Empty lines are passed over.
#[derive(Debug)]
pub struct CsvFormat<T> {
    pub(crate) delimiter: u8,
    pub(crate) has_header: bool,
    pub(crate) is_one_row_per_line: bool,
    record: PhantomData<fn() -> T>,
}

impl<T> CsvFormat<T> {
    pub(crate) fn new() -> Self {
        Self { delimiter: b',', has_header: true, is_one_row_per_line: false, record: PhantomData }
    }

    fn check_delimiter(&self) -> Result {
        if matches!(self.delimiter, QUOTE | b'\n' | b'\r') || !self.delimiter.is_ascii() {
            let delimiter = char::from(self.delimiter);
            return Err(FunctionError::new(format!(
                "{delimiter:?} cannot be the delimiter of CSV; give an ASCII character that is no quote and no line's end"
            )));
        }
        Ok(())
    }
}

impl<T> Clone for CsvFormat<T> {
    fn clone(&self) -> Self {
        Self { record: PhantomData, ..*self }
    }
}

impl<T> Sealed for CsvFormat<T> {}

const QUOTE: u8 = b'"';

impl<T: Data> ReadFormat for CsvFormat<T> {
    type Out = T;
    type Decoder = CsvDecoder<T>;

    fn name(&self) -> &'static str {
        "CSV"
    }

    fn options(&self) -> Vec<(&'static str, String)> {
        vec![
            ("delimiter", char::from(self.delimiter).to_string()),
            ("header", self.has_header.to_string()),
            ("one-row-per-line", self.is_one_row_per_line.to_string()),
        ]
    }

    fn check(&self) -> Result {
        self.check_delimiter()
    }

    fn is_splittable(&self) -> bool {
        self.is_one_row_per_line
    }

    fn framing(&self, max_record: usize) -> Framing {
        let quoting = (!self.is_one_row_per_line).then(|| Quoting::new(self.delimiter, QUOTE));
        Framing { delimiter: b'\n', quoting, max_record }
    }

    fn decoder(&self) -> CsvDecoder<T> {
        CsvDecoder::new(self.delimiter, self.has_header)
    }
}

impl<T: Data> WriteFormat for CsvFormat<T> {
    type In = T;
    type Encoder = CsvEncoder<T>;

    fn name(&self) -> &'static str {
        "CSV"
    }

    fn check(&self) -> Result {
        self.check_delimiter()
    }

    fn encoder(&self, is_new: bool) -> CsvEncoder<T> {
        CsvEncoder::new(self.delimiter, self.has_header && is_new)
    }
}
