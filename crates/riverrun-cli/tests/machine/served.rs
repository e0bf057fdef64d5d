//! A service that the command runs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Machine;

/// How long anything may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// `riverrun serve`, killed when it is dropped.
pub(crate) struct Served {
    child: Child,
    lines: Receiver<String>,
    pub(crate) url: String,
}

impl Machine {
    /// Starts it and waits until it says where it is.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Served {
        let mut child = self.command(&[&["serve"], arguments].concat()).stderr(Stdio::piped()).spawn().unwrap();
        let (said, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
        let mut served = Served { child, lines, url: String::new() };
        let line = served.wait_for("serving at ");
        let url = line.split_whitespace().nth(2).unwrap();
        served.url = url.trim_end_matches(',').rsplit_once('/').unwrap().0.to_owned();
        served
    }
}

impl Served {
    /// The next line that it says with this in it.
    pub(crate) fn wait_for(&self, part: &str) -> String {
        let (until, mut before) = (Instant::now() + SOON, Vec::new());
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if line.contains(part) {
                return line;
            }
            before.push(line);
        }
        panic!("it never said `{part}`, but {before:?}");
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = std::process::Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success());
    }

    /// Its exit code, once it has ended; none if a signal ended it.
    pub(crate) fn exit(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
