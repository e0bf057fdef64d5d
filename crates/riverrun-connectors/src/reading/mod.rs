//! From bytes to records, whatever they come from: an [input](input) is [cut](cutter) into records, which a format decodes.

mod cutter;
mod input;
mod pipe;
mod quoting;
mod reader;
mod split;

pub use reader::RecordReader;
pub use split::InputSplit;

pub(crate) use cutter::{Cut, Cutter, PIECE};
pub(crate) use input::Input;
pub(crate) use pipe::{Ended, Pipe, Pushing};
pub(crate) use quoting::Quoting;
pub(crate) use split::Place;

/// The longest record, unless said otherwise: 16 MiB.
pub(crate) const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;

/// Where the records of an input end.
#[derive(Debug, Clone, Copy)]
pub struct Framing {
    /// The byte behind each record.
    pub(crate) delimiter: u8,
    /// Where that byte may stand inside a record.
    pub(crate) quoting: Option<Quoting>,
    /// The most bytes that a record may have.
    pub(crate) max_record: usize,
}
