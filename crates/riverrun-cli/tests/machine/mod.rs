//! A machine on which the command is used.

// Each test binary uses what it needs.
#![allow(dead_code, clippy::panic, clippy::unwrap_used)]

pub(crate) mod served;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

pub(crate) const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment");

/// A machine with a store of its own.
pub(crate) struct Machine(TempDir);

impl Machine {
    pub(crate) fn bare() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With the repository's model as `text-classification:1.0`.
    pub(crate) fn with_model() -> Self {
        let machine = Self::bare();
        let import = machine.run(&["models", "import", MODEL, "--name", "text-classification", "--version", "1.0"]);
        assert!(import.status.success(), "{}", stderr(&import));
        machine
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_riverrun"));
        command.args(arguments).current_dir(self.0.path()).env("RIVERRUN_HOME", self.path("home")).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A command of a Python environment that `cargo xtask test` installs.
pub(crate) fn environment(name: &str, command: &str) -> Command {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-envs").join(name).join("bin").join(command);
    assert!(path.is_file(), "{} is not there; `cargo xtask test` installs it", path.display());
    Command::new(path)
}
