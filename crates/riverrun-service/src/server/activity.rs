//! [`Activity`]: what a connection is doing, for its time-outs and its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::peer::Peer;

/// What a connection is doing. Shared by its socket, its requests and the task that watches over it.
pub(crate) struct Activity {
    peer: Peer,
    accepted: Instant,
    requests: AtomicU64,
    under_way: AtomicUsize,
    http2: AtomicBool,
    linger: AtomicBool,
    late: AtomicBool,
    /// Milliseconds since `accepted` at which the last request ended, and at which the first byte after that came (0: none).
    rested: AtomicU64,
    heard: AtomicU64,
    close: Notify,
}

/// How long a connection may be without a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) head: Duration,
    pub(super) idle: Duration,
}

impl Activity {
    pub(super) fn new(peer: Peer) -> Arc<Self> {
        Arc::new(Self {
            peer,
            accepted: Instant::now(),
            requests: AtomicU64::new(0),
            under_way: AtomicUsize::new(0),
            http2: AtomicBool::new(false),
            linger: AtomicBool::new(false),
            late: AtomicBool::new(false),
            rested: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            close: Notify::new(),
        })
    }

    pub(crate) fn peer(&self) -> Peer {
        self.peer
    }

    /// A request's body is not read to its end: at the end of the connection what still comes of it is read and thrown
    /// away for a moment, since a reset would take the answer from the client's hands.
    pub(super) fn linger(&self) {
        self.linger.store(true, Ordering::Release);
    }

    pub(super) fn lingers(&self) -> bool {
        self.linger.load(Ordering::Acquire)
    }

    /// Part of a head has come and its time is up: the client is told so at the end of the connection.
    pub(super) fn give_up_on_head(&self) -> bool {
        let is_half = !self.speaks_http2() && self.under_way() == 0 && self.heard.load(Ordering::Relaxed) > 0;
        self.late.store(is_half, Ordering::Release);
        is_half
    }

    pub(super) fn is_late(&self) -> bool {
        self.late.load(Ordering::Acquire)
    }

    pub(super) fn is_http2(&self) {
        self.http2.store(true, Ordering::Release);
    }

    pub(super) fn speaks_http2(&self) -> bool {
        self.http2.load(Ordering::Acquire)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Bytes came.
    pub(super) fn heard(&self) {
        if self.heard.load(Ordering::Relaxed) == 0 {
            self.heard.store(self.now(), Ordering::Relaxed);
        }
    }

    /// A request begins; it is under way until the guard is dropped. Says how many it makes.
    pub(super) fn begin(self: &Arc<Self>) -> (UnderWay, u64) {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        let count = self.requests.fetch_add(1, Ordering::AcqRel) + 1;
        (UnderWay(self.clone()), count)
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Acquire)
    }

    /// How many requests it has had.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Acquire)
    }

    /// The connection is to end after the requests that are under way.
    pub(super) fn close(&self) {
        self.close.notify_one();
    }

    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }

    /// Whether the client has let too much time pass without a request.
    pub(super) fn is_expired(&self, patience: Patience) -> bool {
        if self.under_way() > 0 {
            return false;
        }
        let since = |then: u64| Duration::from_millis(self.now().saturating_sub(then));
        let heard = self.heard.load(Ordering::Relaxed);
        if self.speaks_http2() {
            // Frames that are no request (pings, settings) may come at any time.
            since(self.rested.load(Ordering::Relaxed)) > patience.idle
        } else if heard > 0 {
            since(heard) > patience.head
        } else if self.requests.load(Ordering::Acquire) == 0 {
            since(0) > patience.head
        } else {
            since(self.rested.load(Ordering::Relaxed)) > patience.idle
        }
    }
}

/// A request that is under way on a connection.
pub(super) struct UnderWay(Arc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.rested.store(self.0.now(), Ordering::Relaxed);
        self.0.heard.store(0, Ordering::Relaxed);
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}
