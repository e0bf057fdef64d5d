//! A line is a JSON value: [`JsonLinesFormat`].

use std::marker::PhantomData;

use riverrun_stream::{Data, Result};

use super::sealed::Sealed;
use super::{Decoder, Encoder, ReadFormat, WriteFormat, not_utf8};
use crate::reading::{Framing, Place};

/// One JSON value a line, of a type that serde knows. Blank lines are passed over.
#[derive(Debug)]
pub struct JsonLinesFormat<T>(PhantomData<fn() -> T>);

impl<T> JsonLinesFormat<T> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Clone for JsonLinesFormat<T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<T> Sealed for JsonLinesFormat<T> {}

impl<T: Data> ReadFormat for JsonLinesFormat<T> {
    type Out = T;
    type Decoder = Self;

    fn name(&self) -> &'static str {
        "JSON lines"
    }

    fn options(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn is_splittable(&self) -> bool {
        true
    }

    fn framing(&self, max_record: usize) -> Framing {
        Framing { delimiter: b'\n', quoting: None, max_record }
    }

    fn decoder(&self) -> Self {
        self.clone()
    }
}

impl<T: Data> Decoder for JsonLinesFormat<T> {
    type Out = T;

    fn decode(&mut self, bytes: Vec<u8>, _: Place<'_>) -> Result<Option<T>, String> {
        let text = std::str::from_utf8(&bytes).map_err(not_utf8)?;
        if text.trim_ascii().is_empty() {
            return Ok(None);
        }
        serde_json::from_str(text).map(Some).map_err(|error| {
            // Its own place counts lines from the beginning of the record.
            let (message, column) = (error.to_string(), error.column());
            let message =
                message.strip_suffix(&format!(" at line {} column {column}", error.line())).unwrap_or(&message);
            format!("{message} (column {column})")
        })
    }
}

impl<T: Data> WriteFormat for JsonLinesFormat<T> {
    type In = T;
    type Encoder = Self;

    fn name(&self) -> &'static str {
        "JSON lines"
    }

    fn encoder(&self, _: bool) -> Self {
        self.clone()
    }
}

impl<T: Data> Encoder for JsonLinesFormat<T> {
    type In = T;

    fn encode(&mut self, value: &T, out: &mut Vec<u8>) -> Result<(), String> {
        serde_json::to_writer(&mut *out, value).map_err(|error| error.to_string())?;
        out.push(b'\n');
        Ok(())
    }
}
