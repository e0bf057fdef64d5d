//! The end of a server, in phases that lose nothing.

use std::time::Duration;

use tokio::sync::watch;

/// How far the end of a server has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It has not begun.
    Serving,
    /// Readiness is off. Connections are still accepted and requests answered, each with the word that the connection
    /// ends after it, so that load balancers and clients go elsewhere by themselves.
    Refusing,
    /// Nothing new is accepted; requests that are under way are answered.
    Closing,
    /// What is still under way is cut off.
    Over,
}

/// The phase of a server, as its connections see it.
#[derive(Clone)]
pub(crate) struct Phases(watch::Receiver<Phase>);

impl Phases {
    pub(super) fn new() -> (watch::Sender<Phase>, Self) {
        let (sender, receiver) = watch::channel(Phase::Serving);
        (sender, Self(receiver))
    }

    pub(super) fn now(&self) -> Phase {
        *self.0.borrow()
    }

    /// The next phase; a server that is gone is over.
    pub(super) async fn changed(&mut self) -> Phase {
        match self.0.changed().await {
            Ok(()) => *self.0.borrow_and_update(),
            Err(_) => Phase::Over,
        }
    }

    /// Waits until this phase has come.
    pub(super) async fn reached(&mut self, phase: Phase) {
        let _ = self.0.wait_for(|now| *now >= phase).await;
    }
}

/// How a server ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainSummary {
    /// Requests that were taken from the beginning to the end of the server.
    pub requests: u64,
    /// Connections that were open when the shutdown began.
    pub open_connections: usize,
    /// Connections that were cut off because the drain's time was up.
    pub cut_off: usize,
    /// How long the drain took.
    pub took: Duration,
}

impl std::fmt::Display for DrainSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} requests; drained in {:.1} s", self.requests, self.took.as_secs_f64())?;
        match self.cut_off {
            0 => Ok(()),
            1 => f.write_str("; 1 connection was cut off at the deadline"),
            many => write!(f, "; {many} connections were cut off at the deadline"),
        }
    }
}
