//! The prediction log: what was answered by which version, as JSON lines in files that rotate.

mod entry;
mod files;
mod writer;

use std::path::PathBuf;

pub(super) use entry::{Entry, written_inputs};
pub(crate) use writer::PredictionWriter;

use crate::error::ServiceError;

/// Where and how a service logs its predictions: see [`Service::prediction_log`](crate::Service::prediction_log).
///
/// One JSON line per computation goes to `predictions.jsonl` in a directory that no other service writes to. A file that is full is
/// renamed to `predictions-NUMBER.jsonl`, with rising numbers, and the oldest are removed. Writing is done by a thread of its own:
/// where it cannot keep up, or the disk is full, lines are dropped and counted, and no request waits or fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredictionLog {
    directory: PathBuf,
    inputs: bool,
    max_bytes: u64,
    max_files: usize,
}

impl PredictionLog {
    /// In this directory, which is made if there is none.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), inputs: false, max_bytes: 64 << 20, max_files: 16 }
    }

    /// Logs the inputs too. They may be what people wrote, so they are left out by default.
    #[must_use]
    pub fn inputs(mut self, inputs: bool) -> Self {
        self.inputs = inputs;
        self
    }

    /// The most bytes of a file; 64 MiB by default. A line that is longer has a file for itself.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes.max(1);
        self
    }

    /// The most files, that which is written to included; 16 by default.
    #[must_use]
    pub fn max_files(mut self, files: usize) -> Self {
        self.max_files = files.max(1);
        self
    }

    pub(crate) fn start(&self) -> Result<PredictionWriter, ServiceError> {
        PredictionWriter::start(self)
    }
}
