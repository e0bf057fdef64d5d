//! The command that serves a runner.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::process::Child;

use super::options::ProcessOptions;
use super::place::Place;

/// The variable that names the program of `riverrun serve`.
const EXECUTABLE: &str = "RIVERRUN_EXECUTABLE";

/// `riverrun serve`, on this socket.
pub(super) fn serve(tag: &str, socket: &Path, idle_exit: Duration) -> Command {
    let program = std::env::var_os(EXECUTABLE).filter(|program| !program.is_empty());
    let mut command = Command::new(program.unwrap_or_else(|| "riverrun".into()));
    command.args(["serve", tag, "--unix-socket"]).arg(socket);
    command.arg("--idle-exit").arg(idle_exit.as_secs().max(1).to_string());
    command
}

/// Starts the process; what it says goes to the log, whose former content is gone.
///
/// # Errors
/// Says what could not be started, and what to do.
pub(super) fn start(options: &ProcessOptions, place: &Place) -> Result<Child, String> {
    let mut command = (options.make)(&place.socket(), options.idle_exit);
    command.args(&options.arguments);
    // A file, not a pipe to this program: the process may outlive it.
    let log = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(place.log());
    let log = log.and_then(|log| Ok((log.try_clone()?, log)));
    let (output, errors) =
        log.map_err(|error| format!("its log {} can't be written: {error}", place.log().display()))?;
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    // A Ctrl-C in this program's terminal is not meant for a process that others use too.
    command.process_group(0);
    let program = command.get_program().to_string_lossy().into_owned();
    tokio::process::Command::from(command).spawn().map_err(|error| {
        let next = match error.kind() {
            io::ErrorKind::NotFound => format!("; put it on PATH, or set {EXECUTABLE} to its path"),
            io::ErrorKind::PermissionDenied => "; make it executable".to_owned(),
            _ => String::new(),
        };
        format!("`{program}` can't be started: {error}{next}")
    })
}
