//! How a command ends other than well, and the exit code for it.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use riverrun::model::Error as ModelError;

use crate::printable::printable;

/// Why a command ended.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was called wrongly: exit code 2.
    Usage(String),
    /// It could not do what it was asked for: exit code 1.
    Failed(String),
    /// Whoever read its output has had enough: no failure, and nothing to say.
    OutputClosed,
    /// It was interrupted, and has said so: exit code 130, as shells expect.
    Interrupted,
}

pub(crate) type Result<T = ()> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn failed(message: impl Display) -> Self {
        Self::Failed(message.to_string())
    }

    /// What happened, in words.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Usage(message) | Self::Failed(message) => message,
            Self::OutputClosed => "its output was closed",
            Self::Interrupted => "it was interrupted",
        }
    }

    /// Says what happened, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Usage(message) => {
                say(message);
                ExitCode::from(2)
            }
            Self::Failed(message) => {
                say(message);
                ExitCode::FAILURE
            }
            Self::OutputClosed => ExitCode::SUCCESS,
            Self::Interrupted => ExitCode::from(130),
        }
    }

    /// Writing to `target` was refused.
    pub(crate) fn write(target: &str, error: &io::Error) -> Self {
        let advice = match error.kind() {
            io::ErrorKind::BrokenPipe => return Self::OutputClosed,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space, or write to another disk",
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "change the permissions, or write to another place"
            }
            io::ErrorKind::NotFound => "make its directory, or write to another place",
            _ => "write to another place",
        };
        Self::Failed(format!("cannot write {target}: {error}; {advice}"))
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::InvalidTag { .. }
            | ModelError::EmptyVersion { .. }
            | ModelError::NotExact { .. }
            | ModelError::ReservedVersion { .. }
            | ModelError::InvalidLabel { .. }
            | ModelError::InvalidHubReference { .. }
            | ModelError::InvalidEndpoint { .. }
            | ModelError::InvalidToken { .. }
            | ModelError::NoName { .. } => Self::Usage(error.to_string()),
            _ => Self::failed(error),
        }
    }
}

/// Tells people something. Nobody may be there to hear it.
///
/// It may have names in it that others have chosen: of its characters only the ends of lines do something.
pub(crate) fn say(message: impl Display) {
    let message = message.to_string();
    let lines: Vec<String> = message.split('\n').map(printable).collect();
    let _ = writeln!(io::stderr(), "{}", lines.join("\n"));
}

/// Writes a result to standard output.
pub(crate) fn put(result: impl Display) -> Result {
    let mut output = io::stdout().lock();
    writeln!(output, "{result}")
        .and_then(|()| output.flush())
        .map_err(|error| Failure::write("standard output", &error))
}
