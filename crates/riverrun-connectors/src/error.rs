//! What can go wrong between a connector and what it connects to.

use std::io;

use riverrun_stream::FunctionError;

/// What a connector met outside. It becomes a [`FunctionError`] with `?`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is not there, or this user may not read it.
    #[error("cannot open {input}: {source}; {advice}")]
    Open {
        /// The file, as it was given.
        input: String,
        /// What to do about it.
        advice: &'static str,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A directory stands where a file was expected.
    #[error("{input} is a directory; give the files in it")]
    Directory {
        /// The directory, as it was given.
        input: String,
    },
    /// Reading broke off.
    #[error("cannot read {input} on from line {line}: {source}; check the disk or the device behind it")]
    Read {
        /// What was being read.
        input: String,
        /// The line at which it ended.
        line: u64,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A file is shorter than what was read of it before.
    #[error(
        "{input} has {length} bytes, and byte {offset} is where it should be read on; put back the file that was being read"
    )]
    Shrunk {
        /// The file.
        input: String,
        /// Its length now.
        length: u64,
        /// The position to go on from.
        offset: u64,
    },
}

/// The result of talking to the outside.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn open(input: String, source: io::Error) -> Self {
        let advice = match source.kind() {
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::PermissionDenied => "change its permissions",
            _ => "check the disk or the device behind it",
        };
        Self::Open { input, advice, source }
    }

    /// As a failure of the system outside, which a restart can help.
    pub(crate) fn into_external(self) -> FunctionError {
        FunctionError::external(self.to_string())
    }
}
