//! The signals that end the service.

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::{Failure, Result, say};

/// SIGTERM and Ctrl-C.
pub(super) struct Shutdown {
    terminate: Signal,
    interrupt: Signal,
}

impl Shutdown {
    /// Listens from now on.
    pub(super) fn listen(runtime: &Runtime) -> Result<Self> {
        let _inside = runtime.enter();
        let on = |kind| {
            signal(kind)
                .map_err(|error| Failure::Failed(format!("cannot listen to signals: {error}; start it from a shell")))
        };
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    /// Waits for the first one. The second one ends the process at once.
    pub(super) async fn requested(mut self) {
        self.any().await;
        say("finishing what was accepted; once more ends it at once");
        tokio::spawn(async move {
            self.any().await;
            std::process::exit(130);
        });
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
