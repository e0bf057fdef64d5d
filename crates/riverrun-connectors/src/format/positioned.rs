//! Records that know where they stood: [`PositionedFormat`].

use std::sync::Arc;

use riverrun_stream::Result;
use serde::{Deserialize, Serialize};

use super::sealed::Sealed;
use super::{Decoder, ReadFormat};
use crate::reading::{Framing, Place};

/// A record and where it stood.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Positioned<T> {
    /// The record.
    pub value: T,
    /// The number of its first line in its input, from 1.
    pub number: u64,
    /// The file it is in, as it was given.
    pub input: Arc<str>,
}

/// Another format, whose records are [`Positioned`]. Each input is read from its beginning to its end by one subtask.
#[derive(Debug, Clone)]
pub struct PositionedFormat<F>(F);

impl<F> PositionedFormat<F> {
    pub(crate) fn of(format: F) -> Self {
        Self(format)
    }
}

impl<F> Sealed for PositionedFormat<F> {}

impl<F: ReadFormat> ReadFormat for PositionedFormat<F> {
    type Out = Positioned<F::Out>;
    type Decoder = PositionedDecoder<F::Decoder>;

    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn options(&self) -> Vec<(&'static str, String)> {
        self.0.options()
    }

    fn check(&self) -> Result {
        self.0.check()
    }

    fn is_splittable(&self) -> bool {
        false
    }

    fn framing(&self, max_record: usize) -> Framing {
        self.0.framing(max_record)
    }

    fn decoder(&self) -> Self::Decoder {
        PositionedDecoder(self.0.decoder())
    }
}

/// Decodes the records of one input, and notes where each stood.
#[derive(Debug)]
pub struct PositionedDecoder<D>(D);

impl<D: Decoder> Decoder for PositionedDecoder<D> {
    type Out = Positioned<D::Out>;

    fn wants_header(&self) -> bool {
        self.0.wants_header()
    }

    fn header(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.0.header(bytes)
    }

    fn decode(&mut self, bytes: Vec<u8>, place: Place<'_>) -> Result<Option<Self::Out>, String> {
        let value = self.0.decode(bytes, place)?;
        let (number, input) = (place.line.unwrap_or_default(), place.input.clone());
        Ok(value.map(|value| Positioned { value, number, input }))
    }
}
