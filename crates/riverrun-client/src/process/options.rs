//! How a runner's process is started: [`ProcessOptions`].

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::command::serve;
use crate::options::ClientOptions;

type Make = dyn Fn(&Path, Duration) -> Command + Send + Sync;
type Adjust = dyn Fn(ClientOptions) -> ClientOptions + Send + Sync;

/// How a runner's process is started, for [`init_process_with`](crate::ClientExt::init_process_with).
///
/// ```
/// use std::time::Duration;
/// use riverrun_client::ProcessOptions;
///
/// let options = ProcessOptions::serve("text-classification")
///     .arguments(["--parallelism", "2"])
///     .client(|client| client.timeout(Duration::from_secs(5)));
/// # let _ = options;
/// ```
#[derive(Clone)]
pub struct ProcessOptions {
    pub(super) name: String,
    pub(super) make: Arc<Make>,
    pub(super) arguments: Vec<OsString>,
    pub(super) directory: Option<PathBuf>,
    pub(crate) start_timeout: Duration,
    pub(super) idle_exit: Duration,
    pub(super) shortest_pause: Duration,
    pub(super) longest_pause: Duration,
    pub(super) adjust: Arc<Adjust>,
}

impl ProcessOptions {
    /// `riverrun serve TAG`, as it is found on `PATH` or named by `RIVERRUN_EXECUTABLE`.
    pub fn serve(tag: impl Into<String>) -> Self {
        let tag = tag.into();
        Self::command(tag.clone(), move |socket, idle_exit| serve(&tag, socket, idle_exit))
    }

    /// Any command that serves a runner on a Unix socket: `make` gets the socket's path, and the time without a connection after
    /// which the process is to end by itself. That is how it ends when the programs that use it are killed.
    ///
    /// `name` says what it serves: programs whose name, [arguments](Self::arguments) and [directory](Self::directory) are the same
    /// share one process. It is started again whenever it dies.
    pub fn command(name: impl Into<String>, make: impl Fn(&Path, Duration) -> Command + Send + Sync + 'static) -> Self {
        Self {
            name: name.into(),
            make: Arc::new(make),
            arguments: Vec::new(),
            directory: None,
            start_timeout: Duration::from_secs(120),
            idle_exit: Duration::from_secs(10),
            shortest_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
            adjust: Arc::new(|options| options),
        }
    }

    /// Further arguments of the command.
    #[must_use]
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Where the socket, the locks and the process's log are: a directory that only its user may read. By default `run-`
    /// and the user's id in `RIVERRUN_HOME`, or else `riverrun` in `XDG_RUNTIME_DIR`, or else one in the directory for temporary
    /// files.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// How long the process may take until it is ready; 2 minutes by default.
    #[must_use]
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.start_timeout = timeout;
        self
    }

    /// After how long without a connection the process ends by itself; 10 s by default. The program that started it ends it at
    /// once if it drops its runner and nobody else uses it.
    #[must_use]
    pub fn idle_exit(mut self, time: Duration) -> Self {
        self.idle_exit = time;
        self
    }

    /// How long to wait before it is started again: `shortest` the first time, twice as long each time that it dies soon after,
    /// and no longer than `longest`. 100 ms and 10 s by default.
    #[must_use]
    pub fn pause(mut self, shortest: Duration, longest: Duration) -> Self {
        (self.shortest_pause, self.longest_pause) = (shortest, longest.max(shortest));
        self
    }

    /// Timeouts, retries and so on of the calls to it.
    #[must_use]
    pub fn client(mut self, adjust: impl Fn(ClientOptions) -> ClientOptions + Send + Sync + 'static) -> Self {
        self.adjust = Arc::new(adjust);
        self
    }
}

impl From<&str> for ProcessOptions {
    fn from(tag: &str) -> Self {
        Self::serve(tag)
    }
}

impl From<String> for ProcessOptions {
    fn from(tag: String) -> Self {
        Self::serve(tag)
    }
}

impl fmt::Debug for ProcessOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessOptions")
            .field("name", &self.name)
            .field("arguments", &self.arguments)
            .field("directory", &self.directory)
            .field("start_timeout", &self.start_timeout)
            .field("idle_exit", &self.idle_exit)
            .finish_non_exhaustive()
    }
}
