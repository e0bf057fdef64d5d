//! Standard input, and pipes and devices like it: a thread waits for them, so that the stream does not.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use riverrun_stream::operator::CompletionSender;

use super::cutter::{Cut, Cutter};

/// How many bytes of lines wait at most (a longer line waits alone), and how many lines.
const QUEUED_BYTES: usize = 1024 * 1024;
const QUEUED_LINES: usize = 4096;

/// What a poll finds.
pub(super) enum Piped {
    /// A line, or [`Cut::TooLong`], or [`Cut::End`] for good.
    Cut(Cut),
    /// Reading broke off.
    Failed(io::Error),
    /// Nothing at present; a completion is sent when there is.
    Nothing,
}

/// Lines that a thread reads.
pub(super) struct Pipe {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    taken: Condvar,
}

#[derive(Default)]
struct Queue {
    cuts: VecDeque<io::Result<Cut>>,
    bytes: usize,
    /// The reader found nothing and wants to be told.
    is_awaited: bool,
    /// The reader is gone.
    is_closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room; `false` when nobody reads any more.
    fn push(&self, cut: io::Result<Cut>, completions: &CompletionSender) -> bool {
        let size = size(&cut);
        let mut queue = self.lock();
        while !queue.is_closed
            && !queue.cuts.is_empty()
            && (queue.bytes + size > QUEUED_BYTES || queue.cuts.len() == QUEUED_LINES)
        {
            queue = self.taken.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.is_closed {
            return false;
        }
        queue.bytes += size;
        queue.cuts.push_back(cut);
        if std::mem::take(&mut queue.is_awaited) {
            drop(queue);
            completions.send(Box::new(()));
        }
        true
    }
}

fn size(cut: &io::Result<Cut>) -> usize {
    if let Ok(Cut::Line(line)) = cut { line.len() } else { 0 }
}

impl Pipe {
    /// Has a thread open and read an input.
    ///
    /// The thread ends at the end of the input, or with its next line after the pipe was dropped. One that waits for an
    /// input that never comes does not hold up the end of the process.
    pub(super) fn spawn<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static, max_line: usize, completions: CompletionSender,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), taken: Condvar::new() });
        let writer = shared.clone();
        std::thread::Builder::new().name("lines".into()).spawn(move || {
            let mut cutter = match open() {
                Ok(input) => Cutter::new(input, max_line, 0, 1),
                Err(error) => {
                    writer.push(Err(error), &completions);
                    return;
                }
            };
            loop {
                let cut = cutter.next();
                let is_last = matches!(cut, Ok(Cut::End) | Err(_));
                if !matches!(cut, Ok(Cut::Piece)) && (!writer.push(cut, &completions) || is_last) {
                    return;
                }
            }
        })?;
        Ok(Self { shared })
    }

    pub(super) fn next(&mut self) -> Piped {
        let mut queue = self.shared.lock();
        let Some(cut) = queue.cuts.pop_front() else {
            queue.is_awaited = true;
            return Piped::Nothing;
        };
        queue.bytes -= size(&cut);
        drop(queue);
        self.shared.taken.notify_one();
        match cut {
            Ok(cut) => Piped::Cut(cut),
            Err(error) => Piped::Failed(error),
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.taken.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use riverrun_stream::operator::CompletionQueue;

    use super::*;

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
        let pipe = Pipe::spawn(move || Ok(input), 1 << 20, CompletionSender::disconnected()).unwrap();
        while pipe.shared.lock().bytes + 1000 < QUEUED_BYTES {
            std::thread::yield_now();
        }

        std::thread::sleep(Duration::from_millis(20));

        let most = (QUEUED_BYTES + 2 * super::super::cutter::PIECE) as u64;
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
        let mut pipe = Pipe::spawn(open, 100, completions.sender()).unwrap();
        assert!(matches!(pipe.next(), Piped::Nothing));

        go.send(()).unwrap();
        is_told.recv_timeout(Duration::from_secs(10)).unwrap();

        assert!(matches!(pipe.next(), Piped::Cut(Cut::Line(line)) if line == b"one"));
        assert!(is_told.try_recv().is_err());
    }
}
