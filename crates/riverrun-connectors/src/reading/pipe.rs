//! Inputs that keep their reader waiting, like standard input: a thread waits for them, so that the stream does not.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use riverrun_stream::operator::CompletionSender;

use super::Framing;
use super::cutter::{Cut, Cutter};
use crate::error::{Error, Result};

/// How many bytes of records wait at most (a longer record waits alone), and how many records.
const QUEUED_BYTES: usize = 1024 * 1024;
const QUEUED_RECORDS: usize = 4096;

/// Records that a thread reads.
pub(crate) struct Pipe {
    shared: Arc<Shared>,
}

/// The thread's end of a [`Pipe`].
pub(crate) struct Pushing {
    shared: Arc<Shared>,
    completions: CompletionSender,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Something was taken, or nobody reads any more.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    cuts: VecDeque<Result<Cut>>,
    bytes: usize,
    /// The reader found nothing and wants to be told.
    is_awaited: bool,
    /// The reader is gone.
    is_closed: bool,
    /// Frees the thread where it waits for its input.
    on_close: Option<Box<dyn FnOnce() + Send>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(cut: &Result<Cut>) -> usize {
    if let Ok(Cut::Record { bytes, .. }) = cut { bytes.len() } else { 0 }
}

/// How the reading of an input ended.
pub(crate) enum Ended {
    /// At its end.
    AtEnd,
    /// Before.
    Failed(io::Error),
    /// Nobody wants it any more.
    Unwanted,
}

impl Pushing {
    /// Hands on what came, when there is room; `false` when nobody reads any more.
    pub(crate) fn push(&self, cut: Result<Cut>) -> bool {
        let size = size(&cut);
        let mut queue = self.shared.lock();
        while !queue.is_closed
            && !queue.cuts.is_empty()
            && (queue.bytes + size > QUEUED_BYTES || queue.cuts.len() == QUEUED_RECORDS)
        {
            queue = self.shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.is_closed {
            return false;
        }
        queue.bytes += size;
        queue.cuts.push_back(cut);
        if std::mem::take(&mut queue.is_awaited) {
            drop(queue);
            self.completions.send(Box::new(()));
        }
        true
    }

    /// Hands on the records of an input.
    pub(crate) fn push_all(&self, input: impl Read, framing: Framing) -> Ended {
        let mut cutter = Cutter::new(input, framing, 0);
        loop {
            match cutter.next() {
                Ok(Cut::End) => return Ended::AtEnd,
                Ok(Cut::Piece) => {}
                Ok(cut) => {
                    if !self.push(Ok(cut)) {
                        return Ended::Unwanted;
                    }
                }
                Err(error) => return Ended::Failed(error),
            }
        }
    }

    /// Waits; `false`, at once, when nobody reads any more.
    pub(crate) fn sleep(&self, duration: Duration) -> bool {
        let end = Instant::now() + duration;
        let mut queue = self.shared.lock();
        while !queue.is_closed {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            queue = self.shared.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Has this called when nobody reads any more; `false`, and it is not, when that is so already.
    pub(crate) fn on_close(&self, free: impl FnOnce() + Send + 'static) -> bool {
        let mut queue = self.shared.lock();
        if !queue.is_closed {
            queue.on_close = Some(Box::new(free));
        }
        !queue.is_closed
    }
}

impl Pipe {
    /// Has a thread read an input: `read` pushes its records, and [`Cut::End`] or an error as the last.
    ///
    /// The thread ends with `read`, which comes to its end at its next push after the pipe was dropped. One that waits for an
    /// input that never comes does not hold up the end of the process.
    pub(crate) fn spawn(
        completions: CompletionSender, read: impl FnOnce(&Pushing) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new() });
        let pushing = Pushing { shared: shared.clone(), completions };
        std::thread::Builder::new().name("records".into()).spawn(move || read(&pushing))?;
        Ok(Self { shared })
    }

    /// Has a thread open and read a file that is none on a disk.
    pub(crate) fn of<R: Read>(
        name: Arc<str>, framing: Framing, completions: CompletionSender,
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
    ) -> io::Result<Self> {
        Self::spawn(completions, move |pushing| {
            let end = match open() {
                Ok(input) => match pushing.push_all(input, framing) {
                    Ended::AtEnd => Ok(Cut::End),
                    Ended::Failed(source) => Err(Error::Read { source }),
                    Ended::Unwanted => return,
                },
                Err(error) => Err(Error::open(name.to_string(), error)),
            };
            pushing.push(end);
        })
    }

    /// The next record, or [`Cut::TooLong`], or [`Cut::End`] for good. `None` is nothing at present: a completion is sent
    /// when there is.
    pub(crate) fn next(&mut self) -> Result<Option<Cut>> {
        let mut queue = self.shared.lock();
        let Some(cut) = queue.cuts.pop_front() else {
            queue.is_awaited = true;
            return Ok(None);
        };
        queue.bytes -= size(&cut);
        drop(queue);
        self.shared.changed.notify_one();
        cut.map(Some)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.is_closed = true;
        let free = queue.on_close.take();
        drop(queue);
        self.shared.changed.notify_one();
        if let Some(free) = free {
            free();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use riverrun_stream::operator::CompletionQueue;

    use super::*;

    const FRAMING: Framing = Framing { delimiter: b'\n', quoting: None, max_record: 1 << 20 };

    /// Gives lines of 1000 bytes for ever, and counts the bytes.
    struct Endless(Arc<AtomicU64>, mpsc::Sender<()>);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = buffer.len().min(1000);
            buffer[..read].fill(b'x');
            buffer[read - 1] = b'\n';
            self.0.fetch_add(read as u64, Ordering::Relaxed);
            Ok(read)
        }
    }

    impl Drop for Endless {
        fn drop(&mut self) {
            let _ = self.1.send(());
        }
    }

    #[test]
    fn a_pipe_that_nobody_empties_holds_back_its_input_and_one_that_is_dropped_lets_go_of_it() {
        let read = Arc::new(AtomicU64::new(0));
        let (gone, is_gone) = mpsc::channel();
        let input = Endless(read.clone(), gone);
        let pipe = Pipe::of("input".into(), FRAMING, CompletionSender::disconnected(), move || Ok(input)).unwrap();
        while pipe.shared.lock().bytes + 1000 < QUEUED_BYTES {
            std::thread::yield_now();
        }

        std::thread::sleep(Duration::from_millis(20));

        let most = (QUEUED_BYTES + 2 * super::super::PIECE) as u64;
        assert!(read.load(Ordering::Relaxed) <= most);
        drop(pipe);
        is_gone.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn a_reader_that_found_nothing_is_told_once_of_what_comes() {
        let (told, is_told) = mpsc::channel();
        let completions = CompletionQueue::new(move || told.send(()).unwrap());
        let (go, gate) = mpsc::channel::<()>();
        let open = move || {
            gate.recv().ok();
            Ok(&b"one\ntwo\n"[..])
        };
        let mut pipe = Pipe::of("input".into(), FRAMING, completions.sender(), open).unwrap();
        assert!(matches!(pipe.next(), Ok(None)));

        go.send(()).unwrap();
        is_told.recv_timeout(Duration::from_secs(10)).unwrap();

        assert!(matches!(pipe.next(), Ok(Some(Cut::Record { bytes, .. })) if bytes == b"one"));
        assert!(is_told.try_recv().is_err());
    }
}
