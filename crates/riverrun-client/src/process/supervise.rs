//! Keeps a process running for as long as this program uses it.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

use super::command::start;
use super::failure::last_lines;
use super::options::ProcessOptions;
use super::place::Place;
use crate::endpoint::Endpoint;
use crate::error::ClientError;
use crate::options::ClientOptions;

/// How often a program that only uses the process asks whether its supervisor is gone.
const ROLE: Duration = Duration::from_millis(200);
/// How soon a connection that was closed is made again.
const RECONNECT: Duration = Duration::from_millis(100);
/// A process that lived for so long did not die of how it was started.
const STABLE: Duration = Duration::from_secs(10);
/// So many deaths in a row are no accident, if it never got as far as to accept a connection …
const STILLBORN: u32 = 3;
/// … or so many soon after.
const SHORT_LIVED: u32 = 12;
/// How often a process that was started is asked whether it accepts connections.
const LOOK: Duration = Duration::from_millis(20);
/// How long a process that was told to end may finish what it has.
const GRACE: Duration = Duration::from_secs(30);

/// This program's part in a process. Dropping it is leaving.
pub(crate) struct Supervision {
    _stay: oneshot::Sender<()>,
    hung: Arc<Notify>,
}

impl Supervision {
    /// Joins those who use the process, and starts it unless somebody else looks after it.
    ///
    /// # Errors
    /// The locks can't be used.
    pub(crate) fn begin(
        runtime: &Handle, runner: &str, place: &Place, options: &ProcessOptions,
    ) -> Result<Self, ClientError> {
        let fail = |error: io::Error| ClientError::Socket {
            runner: runner.into(),
            path: place.socket(),
            reason: format!("the locks beside it can't be taken: {error}"),
        };
        let users = place.users().map_err(fail)?;
        let supervisor = place.supervisor().map_err(fail)?;
        if supervisor.is_some() {
            // Whoever wrote it is gone.
            place.clear_failure();
        }
        let (stay, left) = oneshot::channel();
        let hung = Arc::new(Notify::new());
        let member = Member { place: place.clone(), options: options.clone(), users, hung: hung.clone() };
        runtime.spawn(member.stay(supervisor, left));
        Ok(Self { _stay: stay, hung })
    }

    /// Watches for a process that is there but does not answer any more, so that its supervisor ends it, and starts it again.
    pub(crate) fn end_if_it_hangs(&self, endpoint: Arc<Endpoint>) -> impl Future<Output = ()> + Send + 'static {
        let hung = self.hung.clone();
        async move {
            loop {
                endpoint.hangs().await;
                hung.notify_waiters();
                sleep(ROLE).await;
            }
        }
    }

    /// How the process is called.
    pub(crate) fn client(place: &Place, options: &ProcessOptions) -> ClientOptions {
        (options.adjust)(ClientOptions::from(format!("unix:{}", place.socket().display())))
    }
}

struct Member {
    place: Place,
    options: ProcessOptions,
    users: File,
    hung: Arc<Notify>,
}

impl Member {
    async fn stay(self, supervisor: Option<File>, mut left: oneshot::Receiver<()>) {
        let Self { place, options, users, hung } = self;
        // Also while there is nothing to send: a process without connections ends.
        let presence = tokio::spawn({
            let socket = place.socket();
            async move {
                loop {
                    present(&socket).await;
                    sleep(RECONNECT).await;
                }
            }
        });
        let mut charge = Charge { place, options, supervisor, hung, child: None };
        tokio::select! {
            _ = &mut left => {}
            () = charge.keep() => {}
        }
        presence.abort();
        charge.leave(&users).await;
    }
}

/// What a supervisor has, and a program that may become one.
struct Charge {
    place: Place,
    options: ProcessOptions,
    supervisor: Option<File>,
    hung: Arc<Notify>,
    /// The process, if this program started it.
    child: Option<Child>,
}

impl Charge {
    /// Keeps the process running, for ever.
    async fn keep(&mut self) {
        self.become_supervisor().await;
        let (mut deaths, mut stillborn) = (0, 0);
        loop {
            // One that an earlier supervisor left behind.
            let socket = self.place.socket();
            if connect(&socket).await.is_some() {
                present(&socket).await;
                tracing::warn!(socket = %socket.display(), "a runner's process is gone");
            }
            let Death { reason, life } = self.run().await;
            deaths = if life == Life::Long { 1 } else { deaths + 1 };
            stillborn = if matches!(life, Life::None | Life::Unheard) { stillborn + 1 } else { 0 };
            tracing::warn!(process = self.options.name, reason, deaths, "a runner's process ended");
            if life == Life::None {
                self.place.set_failure(&reason);
            } else if stillborn >= STILLBORN || deaths >= SHORT_LIVED {
                self.place.set_failure(&format!("{deaths} times in a row {reason}"));
            }
            let factor = 2_u32.saturating_pow(deaths.saturating_sub(1).min(20));
            let pause = self.options.shortest_pause.saturating_mul(factor).min(self.options.longest_pause);
            sleep(pause).await;
        }
    }

    async fn become_supervisor(&mut self) {
        while self.supervisor.is_none() {
            sleep(ROLE).await;
            match self.place.supervisor() {
                Ok(supervisor) => self.supervisor = supervisor,
                Err(error) => tracing::warn!(process = self.options.name, %error, "a lock can't be tried"),
            }
            if self.supervisor.is_some() {
                self.place.clear_failure();
            }
        }
    }

    /// Starts the process and waits for its end.
    async fn run(&mut self) -> Death {
        self.place.clear_socket();
        let child = match start(&self.options, &self.place) {
            Ok(child) => self.child.insert(child),
            Err(reason) => return Death { reason, life: Life::None },
        };
        let mut life = Life::Unheard;
        tracing::info!(process = self.options.name, id = child.id(), "a runner's process was started");
        let socket = self.place.socket();
        let growing = async {
            while connect(&socket).await.is_none() {
                sleep(LOOK).await;
            }
            life = Life::Short;
            sleep(STABLE).await;
            life = Life::Long;
            // What was wrong before is over.
            self.place.clear_failure();
            std::future::pending::<Infallible>().await
        };
        let mut hung = false;
        let status = tokio::select! {
            status = child.wait() => status,
            never = growing => match never {},
            () = self.hung.notified() => {
                hung = true;
                // It would not hear of anything milder.
                child.kill().await.and(child.wait().await)
            }
        };
        self.child = None;
        let ended = match status {
            Ok(_) if hung => "it did not answer any more, was ended".to_owned(),
            Ok(status) => format!("it ended with {status}"),
            Err(error) => format!("its end can't be seen ({error})"),
        };
        let log = self.place.log();
        let said = match last_lines(&log) {
            lines if lines.is_empty() => "without a word".to_owned(),
            lines => format!("and said last: {lines}"),
        };
        Death { reason: format!("{ended} {said} (all of it is in {})", log.display()), life }
    }

    /// Ends the process if this program started it and nobody else uses it. What others still use ends by itself after the last
    /// of them.
    async fn leave(mut self, users: &File) {
        let Some(mut child) = self.child.take() else { return };
        let last = users.unlock().is_ok() && users.try_lock().is_ok();
        if last && let Some(id) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // The lock of the supervisor is held until it is gone: whoever comes meanwhile starts its own after it.
            let _ = users.unlock();
            if kill_process(id, Signal::TERM).is_ok() && timeout(GRACE, child.wait()).await.is_err() {
                let _ = child.start_kill();
            }
        }
        // Others take over; this program is still the one that its end is told to.
        drop(self.supervisor.take());
        let _ = child.wait().await;
    }
}

/// How a process ended.
struct Death {
    reason: String,
    life: Life,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    /// It could not be started.
    None,
    /// It ended before it accepted a connection.
    Unheard,
    Short,
    Long,
}

/// A connection; none if there is nobody to connect to.
async fn connect(socket: &Path) -> Option<UnixStream> {
    loop {
        match UnixStream::connect(socket).await {
            Ok(stream) => return Some(stream),
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => {
                return None;
            }
            // Somebody is there and has too many at its door, say.
            Err(error) => tracing::debug!(socket = %socket.display(), %error, "no connection to a runner's process"),
        }
        sleep(RECONNECT).await;
    }
}

/// Stays connected; returns once there is nobody to connect to. A service may close a connection that is not used.
async fn present(socket: &Path) {
    while let Some(mut stream) = connect(socket).await {
        let mut unexpected = [0; 64];
        while stream.read(&mut unexpected).await.is_ok_and(|bytes| bytes > 0) {}
        drop(stream);
        sleep(RECONNECT).await;
    }
}
