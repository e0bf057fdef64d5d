//! What the bytes of a record mean: [lines](lines), [CSV](csv), [JSON lines](json_lines).

mod csv;
mod json_lines;
mod line;
mod lines;
mod positioned;

use riverrun_stream::{Data, Result};

use crate::reading::Framing;
use crate::reading::Place;

pub use csv::CsvFormat;
pub use json_lines::JsonLinesFormat;
pub use line::{Line, LineRecord};
pub use lines::LinesFormat;
pub use positioned::{Positioned, PositionedFormat};

/// A format that records are read in: [`LinesFormat`], [`CsvFormat`] or [`JsonLinesFormat`].
pub trait ReadFormat: Clone + Send + Sync + sealed::Sealed + 'static {
    /// What a record becomes.
    type Out: Data;
    /// What decodes the records of one input.
    type Decoder: Decoder<Out = Self::Out>;

    /// As plans name a source of it.
    fn name(&self) -> &'static str;

    /// Its options, by name.
    fn options(&self) -> Vec<(&'static str, String)>;

    /// Whether its options make sense.
    ///
    /// # Errors
    /// They do not.
    fn check(&self) -> Result {
        Ok(())
    }

    /// Whether reading can begin in the middle of an input.
    fn is_splittable(&self) -> bool;

    /// Where records end.
    fn framing(&self, max_record: usize) -> Framing;

    /// For one input.
    fn decoder(&self) -> Self::Decoder;
}

/// Decodes the records of one input.
pub trait Decoder: Send {
    /// What a record becomes.
    type Out;

    /// Whether the first record names the fields of the others, and it was not told yet.
    fn wants_header(&self) -> bool {
        false
    }

    /// Takes that record.
    ///
    /// # Errors
    /// It can't be read, in words for the error output.
    fn header(&mut self, bytes: &[u8]) -> Result<(), String> {
        let _ = bytes;
        Ok(())
    }

    /// What a record's bytes mean. Nothing, where the format passes over such a record.
    ///
    /// # Errors
    /// It can't be read, in words for the error output.
    fn decode(&mut self, bytes: Vec<u8>, place: Place<'_>) -> Result<Option<Self::Out>, String>;
}

/// A format that records are written in: [`LinesFormat`], [`CsvFormat`] or [`JsonLinesFormat`].
pub trait WriteFormat: Clone + Send + Sync + sealed::Sealed + 'static {
    /// What becomes a record.
    type In: Data;
    /// What encodes the records of one file.
    type Encoder: Encoder<In = Self::In>;

    /// As plans name a sink of it.
    fn name(&self) -> &'static str;

    /// Whether its options make sense.
    ///
    /// # Errors
    /// They do not.
    fn check(&self) -> Result {
        Ok(())
    }

    /// For one file, from its beginning or from behind its last record.
    fn encoder(&self, is_new: bool) -> Self::Encoder;
}

/// Encodes the records of one file.
pub trait Encoder: Send {
    /// What becomes a record.
    type In;

    /// Puts a record behind the others.
    ///
    /// # Errors
    /// The value has no form in this format, in words.
    fn encode(&mut self, value: &Self::In, out: &mut Vec<u8>) -> Result<(), String>;
}

fn not_utf8(error: std::str::Utf8Error) -> String {
    format!("not UTF-8 from byte {} on; convert the file to UTF-8", error.valid_up_to() + 1)
}

mod sealed {
    pub trait Sealed {}
}
