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
    /// A file that holds something else than text in UTF-8, as its first bytes say.
    #[error("{input} is {found}; {advice}: `{command} {input}`")]
    NotText {
        /// The file.
        input: String,
        /// What it is.
        found: &'static str,
        /// What to do about it.
        advice: &'static str,
        /// With which command.
        command: &'static str,
    },
    /// A pattern that no file's name matches.
    #[error("no file matches {pattern}; check the pattern and the directory that it begins in")]
    NoMatch {
        /// The pattern, as it was given.
        pattern: String,
    },
    /// A pattern that means nothing.
    #[error("{pattern} is no pattern: {reason}; write `\\` in front of a character that means itself")]
    Pattern {
        /// The pattern, as it was given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A directory can't be listed.
    #[error("cannot list the files in {directory}: {source}; {advice}")]
    List {
        /// The directory.
        directory: String,
        /// What to do about it.
        advice: &'static str,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A file or a directory can't be written.
    #[error("cannot write {output}: {source}; {advice}")]
    Write {
        /// The file or the directory.
        output: String,
        /// What to do about it.
        advice: &'static str,
        /// The operating system's answer.
        source: io::Error,
    },
    /// Something stands where a finished part should go.
    #[error("{part} is finished and cannot become {target}, which exists already; move that away")]
    Exists {
        /// The part, under its hidden name.
        part: String,
        /// The name it should have.
        target: String,
    },
    /// A part is gone before it was made visible.
    #[error(
        "{part} is gone before it became visible; do not take away hidden files, nor their directory, while a job writes"
    )]
    Vanished {
        /// The part, under its hidden name.
        part: String,
    },
    /// A part that a checkpoint was writing is not as it was.
    #[error(
        "{part} was being written at the checkpoint with {length} bytes, and {found}; restore the latest checkpoint, with the directory as it was"
    )]
    Changed {
        /// The part, under its hidden name.
        part: String,
        /// How many bytes it had.
        length: u64,
        /// What there is instead.
        found: String,
    },
    /// Reading broke off.
    #[error("cannot read on: {source}; check the disk or the device behind it")]
    Read {
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
    /// A connection could not be made.
    #[error("cannot connect to {peer}: {source}; start what listens there, or allow more with `max_retries`")]
    Connect {
        /// Host and port.
        peer: String,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A connection broke.
    #[error("the connection to {peer} broke: {source}; allow more of them with `max_retries`")]
    Disconnected {
        /// Host and port.
        peer: String,
        /// The operating system's answer.
        source: io::Error,
    },
}

/// The result of talking to the outside.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn open(input: String, source: io::Error) -> Self {
        Self::Open { input, advice: advice(&source), source }
    }

    pub(crate) fn write(output: &std::path::Path, source: io::Error) -> Self {
        Self::Write { output: output.display().to_string(), advice: advice(&source), source }
    }

    pub(crate) fn list(directory: String, source: io::Error) -> Self {
        Self::List { directory, advice: advice(&source), source }
    }

    /// As a failure of the system outside, which a restart can help.
    pub(crate) fn into_external(self) -> FunctionError {
        FunctionError::external(self.to_string())
    }
}

/// `EMFILE` of every Unix.
const TOO_MANY_OPEN_FILES: i32 = 24;

/// What to do about what the operating system says.
fn advice(error: &io::Error) -> &'static str {
    if error.raw_os_error() == Some(TOO_MANY_OPEN_FILES) {
        return "raise the limit of open files (`ulimit -n`), or open fewer of them at a time";
    }
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free space on the disk",
        io::ErrorKind::ReadOnlyFilesystem => "choose another place",
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => "move away the file that stands in its place",
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "change its permissions",
        _ => "check the disk or the device behind it",
    }
}
