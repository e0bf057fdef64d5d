//! [`BoundServer`]: accepts connections until it is told to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse;
use futures_util::FutureExt;
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use super::activity::Activity;
use super::drain::{DrainSummary, Phase, Phases};
use super::idle::idle_for;
use super::listener::{Address, Duplex, Listener};
use super::peer::Peer;
use super::{Server, connection};
use crate::fault::Fault;
use crate::state::SharedState;

/// How many connections beyond the limit are told so at a time; the others are dropped.
const TOLD: usize = 64;

/// After so long without a connection nobody is to learn of the shutdown. A moment without one means nothing: clients may open
/// one for each request.
const NOBODY: Duration = Duration::from_millis(100);

/// A server that has its addresses. Clients can connect; [`serve`](Self::serve) answers them.
pub struct BoundServer {
    listeners: Vec<Listener>,
    shared: Shared,
    drain_grace: Duration,
    drain_timeout: Duration,
}

#[derive(Clone)]
struct Shared {
    options: Arc<Server>,
    builder: Arc<Builder<TokioExecutor>>,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    /// For connections beyond the limit.
    refusal: Router,
    state: SharedState,
    room: Arc<Semaphore>,
    told: Arc<Semaphore>,
    requests: Arc<AtomicU64>,
}

impl std::fmt::Debug for BoundServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BoundServer").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}

impl BoundServer {
    pub(super) fn new(
        options: Server, listeners: Vec<Listener>, acceptor: Option<TlsAcceptor>, router: Router, state: SharedState,
    ) -> Self {
        let limit = options.max_connections;
        let room = Arc::new(Semaphore::new(limit));
        state.observe.watch_connections(room.clone(), limit);
        let refusal =
            Router::new().fallback(move || async move { Fault::TooManyConnections { limit }.into_response() });
        let (drain_grace, drain_timeout) = (options.drain_grace, options.drain_timeout);
        let shared = Shared {
            builder: Arc::new(connection::builder(&options)),
            options: Arc::new(options),
            acceptor,
            router,
            refusal,
            state,
            room,
            told: Arc::new(Semaphore::new(TOLD)),
            requests: Arc::default(),
        };
        Self { listeners, shared, drain_grace, drain_timeout }
    }

    /// Where it listens, with the ports that it was given.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        self.listeners.iter().map(Listener::address).collect()
    }

    /// Answers requests until `shutdown` completes, then drains: readiness goes off at once, what comes during the
    /// [grace](Server::drain_grace) is still answered, what is under way is finished up to the
    /// [deadline](Server::drain_timeout).
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> DrainSummary {
        let Self { listeners, shared, drain_grace, drain_timeout } = self;
        let (phase, phases) = Phases::new();
        // Each connection holds a sender; all are gone when nothing comes any more.
        let (alive, mut gone) = mpsc::channel::<()>(1);
        let accepting: Vec<_> = listeners
            .into_iter()
            .map(|listener| tokio::spawn(accept(listener, shared.clone(), phases.clone(), alive.clone())))
            .collect();
        drop(alive);

        match shared.options.end_when_idle {
            Some(time) => tokio::select! {
                () = shutdown => {}
                () = idle_for(time, &shared.room, shared.options.max_connections) => {}
            },
            None => shutdown.await,
        }
        let begun = Instant::now();
        let limit = shared.options.max_connections;
        let open_connections = limit - shared.room.available_permits();
        shared.state.drain();
        phase.send_replace(Phase::Refusing);
        let _ = timeout(drain_grace.min(drain_timeout), idle_for(NOBODY, &shared.room, limit)).await;
        phase.send_replace(Phase::Closing);
        for accepting in accepting {
            let _ = accepting.await;
        }
        let rest = drain_timeout.saturating_sub(begun.elapsed());
        let cut_off = match timeout(rest, gone.recv()).await {
            Ok(_) => 0,
            Err(_) => {
                let cut_off = limit - shared.room.available_permits();
                phase.send_replace(Phase::Over);
                let _ = gone.recv().await;
                cut_off
            }
        };
        shared.state.observe.close().await;
        let requests = shared.requests.load(Ordering::Relaxed);
        DrainSummary { requests, open_connections, cut_off, took: begun.elapsed() }
    }
}

async fn accept(listener: Listener, shared: Shared, phases: Phases, alive: mpsc::Sender<()>) {
    loop {
        let mut until = phases.clone();
        tokio::select! {
            biased;
            () = until.reached(Phase::Closing) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => take(stream, peer, &shared, &phases, &alive),
                Err(error) => {
                    // Out of descriptors, most likely: connections that end give some back.
                    tracing::warn!(target: "riverrun::connection", %error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    // Connections that the system has accepted already would be reset with the listener.
    while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
        take(stream, peer, &shared, &phases, &alive);
    }
}

fn take(stream: Box<dyn Duplex>, peer: Peer, shared: &Shared, phases: &Phases, alive: &mpsc::Sender<()>) {
    let (permit, router) = match shared.room.clone().try_acquire_owned() {
        Ok(permit) => (permit, shared.router.clone()),
        Err(_) => match shared.told.clone().try_acquire_owned() {
            Ok(permit) => (permit, shared.refusal.clone()),
            Err(_) => return,
        },
    };
    let connection = talk(stream, peer, shared.clone(), router, phases.clone());
    tokio::spawn(hold(connection, permit, alive.clone(), phases.clone()));
}

async fn hold(
    connection: impl Future<Output = ()>, permit: OwnedSemaphorePermit, alive: mpsc::Sender<()>, mut phases: Phases,
) {
    tokio::select! {
        () = connection => {}
        // One that is still at its TLS handshake does not look at the phase by itself.
        () = phases.reached(Phase::Over) => {}
    }
    drop((permit, alive));
}

async fn talk(stream: Box<dyn Duplex>, peer: Peer, shared: Shared, router: Router, phases: Phases) {
    let Shared { options, builder, acceptor, requests, .. } = shared;
    let activity = Activity::new(peer);
    let stream: Box<dyn Duplex> = match acceptor {
        Some(acceptor) if peer != Peer::Unix => match timeout(options.header_timeout, acceptor.accept(stream)).await {
            Ok(Ok(secured)) => Box::new(secured),
            Ok(Err(error)) => {
                tracing::debug!(target: "riverrun::connection", %peer, %error, "no TLS handshake");
                return;
            }
            Err(_) => return,
        },
        _ => stream,
    };
    connection::serve(stream, activity.clone(), &builder, router, &options, phases).await;
    requests.fetch_add(activity.requests(), Ordering::Relaxed);
}
