//! [`PredictionWriter`]: the thread that writes, and what requests hand to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::PredictionLog;
use super::entry::Entry;
use super::files::Files;
use crate::error::ServiceError;

/// How many lines, and how many bytes of them, may wait to be written.
const LINES: usize = 8192;
const BYTES: usize = 32 << 20;
/// How much is written at a time.
const AT_A_TIME: usize = 256 << 10;
/// How often it is said that lines are dropped.
const SAY_EVERY: Duration = Duration::from_secs(10);

const LOG: &str = "riverrun::predictions";

/// What became of the lines.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) written: AtomicU64,
    pub(crate) dropped: AtomicU64,
    waiting_bytes: AtomicUsize,
}

enum Message {
    Line(Vec<u8>),
    Close(oneshot::Sender<()>),
}

/// Hands lines to the thread that writes them. Never waits.
pub(crate) struct PredictionWriter {
    inputs: bool,
    lines: SyncSender<Message>,
    counts: Arc<Counts>,
}

impl PredictionWriter {
    pub(super) fn start(log: &PredictionLog) -> Result<Self, ServiceError> {
        let files = Files::open(log)?;
        let (lines, received) = sync_channel(LINES);
        let counts = Arc::new(Counts::default());
        let thread = Thread {
            files,
            counts: counts.clone(),
            lines: Vec::new(),
            count: 0,
            said: None,
            reason: String::new(),
            unsaid: 0,
        };
        thread::Builder::new().name("riverrun-predictions".into()).spawn(move || thread.run(&received)).map_err(
            |error| ServiceError::PredictionLog {
                directory: log.directory.clone(),
                reason: format!("no thread can be had to write it: {error}"),
            },
        )?;
        Ok(Self { inputs: log.inputs, lines, counts })
    }

    pub(crate) fn takes_inputs(&self) -> bool {
        self.inputs
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Has the entry written, or counts it where too many wait.
    pub(crate) fn write(&self, entry: &Entry<'_>) {
        let sent = entry.line().is_some_and(|line| {
            let bytes = line.len();
            if self.counts.waiting_bytes.fetch_add(bytes, Ordering::AcqRel) + bytes <= BYTES
                && self.lines.try_send(Message::Line(line)).is_ok()
            {
                return true;
            }
            self.counts.waiting_bytes.fetch_sub(bytes, Ordering::AcqRel);
            false
        });
        if !sent {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was handed over is written and the directory is free for another service, so long at most. Lines that
    /// come later are dropped.
    pub(crate) async fn close(&self, limit: Duration) {
        let (done, closed) = oneshot::channel();
        let mut message = Message::Close(done);
        let until = Instant::now() + limit;
        while let Err(error) = self.lines.try_send(message) {
            let TrySendError::Full(back) = error else { return };
            if Instant::now() > until {
                return;
            }
            message = back;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let _ = tokio::time::timeout_at(until.into(), closed).await;
    }
}

struct Thread {
    files: Files,
    counts: Arc<Counts>,
    /// What is written next, and how many lines it is.
    lines: Vec<u8>,
    count: u64,
    /// When it was said last that lines are dropped, why they were, and how many it was not said of.
    said: Option<Instant>,
    reason: String,
    unsaid: u64,
}

impl Thread {
    fn run(mut self, received: &Receiver<Message>) {
        let mut seen = 0;
        while let Ok(first) = received.recv() {
            let mut closing = None;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Line(line) => self.add(&line),
                    Message::Close(done) => closing = Some(done),
                }
                next = if closing.is_none() { received.try_recv().ok() } else { None };
            }
            self.write();
            let dropped = self.counts.dropped.load(Ordering::Relaxed);
            self.unsaid += dropped - seen;
            seen = dropped;
            self.say();
            if let Some(done) = closing {
                // The lock on the directory is given back before anybody is told.
                drop(self);
                let _ = done.send(());
                return;
            }
        }
    }

    fn add(&mut self, line: &[u8]) {
        if self.lines.len() >= AT_A_TIME || !self.files.has_room(self.lines.len() + line.len()) {
            self.write();
        }
        self.lines.extend_from_slice(line);
        self.count += 1;
    }

    fn write(&mut self) {
        if self.count == 0 {
            return;
        }
        match self.files.write(&self.lines) {
            Ok(()) => {
                self.counts.written.fetch_add(self.count, Ordering::Relaxed);
            }
            Err(error) => {
                self.reason = error.to_string();
                self.counts.dropped.fetch_add(self.count, Ordering::Relaxed);
            }
        }
        self.counts.waiting_bytes.fetch_sub(self.lines.len(), Ordering::AcqRel);
        self.lines.clear();
        self.count = 0;
    }

    fn say(&mut self) {
        if self.unsaid == 0 || self.said.is_some_and(|said| said.elapsed() < SAY_EVERY) {
            return;
        }
        let reason = if self.reason.is_empty() { "more came than could be written" } else { &self.reason };
        tracing::error!(target: LOG, dropped = self.unsaid, reason, "predictions are not logged; requests go on");
        (self.said, self.unsaid, self.reason) = (Some(Instant::now()), 0, String::new());
    }
}
