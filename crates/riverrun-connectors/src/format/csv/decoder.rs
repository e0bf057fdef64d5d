//! From rows to values.

use std::marker::PhantomData;

use csv::{ByteRecord, ErrorKind};
use csv_core::{ReadRecordResult, Terminator};
use riverrun_stream::{Data, Result};

use crate::format::{Decoder, not_utf8};
use crate::reading::Place;

/// Makes values of rows.
pub struct CsvDecoder<T> {
    parser: csv_core::Reader,
    wants_header: bool,
    header: Option<ByteRecord>,
    /// The fields of the row that is being parsed, one behind the other, and where each ends.
    fields: Vec<u8>,
    ends: Vec<usize>,
    row: ByteRecord,
    record: PhantomData<fn() -> T>,
}

impl<T> CsvDecoder<T> {
    pub(super) fn new(delimiter: u8, has_header: bool) -> Self {
        // A row comes without its end, and any `\r` in it is a character.
        let parser = csv_core::ReaderBuilder::new().delimiter(delimiter).terminator(Terminator::Any(b'\n')).build();
        Self {
            parser,
            wants_header: has_header,
            header: None,
            fields: vec![0; 1024],
            ends: vec![0; 32],
            row: ByteRecord::new(),
            record: PhantomData,
        }
    }

    /// Parses a row into `row`.
    fn parse(&mut self, mut bytes: Vec<u8>) -> Result<(), String> {
        std::str::from_utf8(&bytes).map_err(not_utf8)?;
        bytes.push(b'\n');
        self.parser.reset();
        let (mut read, mut written, mut ended) = (0, 0, 0);
        loop {
            let input = bytes.get(read..).unwrap_or_default();
            let fields = self.fields.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(ended..).unwrap_or_default();
            let (result, consumed, produced, found) = self.parser.read_record(input, fields, ends);
            (read, written, ended) = (read + consumed, written + produced, ended + found);
            match result {
                ReadRecordResult::Record | ReadRecordResult::End => break,
                ReadRecordResult::OutputFull => self.fields.resize(2 * self.fields.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                // Not even the newline ended the row.
                ReadRecordResult::InputEmpty => return Err("a quote is opened in it and never closed".into()),
            }
        }
        self.row.clear();
        let mut start = 0;
        for &end in self.ends.get(..ended).unwrap_or_default() {
            self.row.push_field(self.fields.get(start..end).unwrap_or_default());
            start = end;
        }
        Ok(())
    }

    /// What is wrong with the row, for the error output.
    fn describe(&self, error: &csv::Error) -> String {
        let ErrorKind::Deserialize { err, .. } = error.kind() else { return error.to_string() };
        let Some(field) = err.field().and_then(|field| usize::try_from(field).ok()) else {
            return err.kind().to_string();
        };
        let name = self.header.as_ref().and_then(|header| header.get(field));
        match name {
            Some(name) => format!("field `{}`: {}", String::from_utf8_lossy(name), err.kind()),
            None => format!("field {}: {}", field + 1, err.kind()),
        }
    }
}

impl<T: Data> Decoder for CsvDecoder<T> {
    type Out = T;

    fn wants_header(&self) -> bool {
        self.wants_header
    }

    fn header(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.parse(bytes.to_vec())
            .map_err(|message| format!("{message}; without its header the file cannot be read"))?;
        self.wants_header = false;
        self.header = Some(std::mem::take(&mut self.row));
        Ok(())
    }

    fn decode(&mut self, bytes: Vec<u8>, _: Place<'_>) -> Result<Option<T>, String> {
        if bytes.is_empty() {
            return Ok(None);
        }
        self.parse(bytes)?;
        if let Some(header) = &self.header
            && header.len() != self.row.len()
        {
            let count = self.row.len();
            let noun = if count == 1 { "field" } else { "fields" };
            return Err(format!("{count} {noun}, and the header has {}", header.len()));
        }
        self.row.deserialize(self.header.as_ref()).map(Some).map_err(|error| self.describe(&error))
    }
}
