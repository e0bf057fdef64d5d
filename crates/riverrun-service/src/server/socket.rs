//! [`Socket`]: a connection's bytes, with the care that the HTTP library leaves to its user.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::activity::Activity;
use super::bare_error;
use super::listener::Duplex;

/// How long, and how much, is read after the end for the sake of a client that is still sending.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 64 << 20;

/// Notes activity, gives up on a reader that stands still, gives a body to the errors that the HTTP library answers by
/// itself, and ends a connection so that its last answer arrives.
pub(super) struct Socket {
    inner: Box<dyn Duplex>,
    activity: Arc<Activity>,
    write_timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    /// Bytes to write in the place of those that the HTTP library wrote.
    instead: Vec<u8>,
    begun: bool,
    ending: Option<Ending>,
}

enum Ending {
    Lingering { until: Pin<Box<Sleep>>, read: usize },
    Over,
}

impl Socket {
    pub(super) fn new(inner: Box<dyn Duplex>, activity: Arc<Activity>, write_timeout: Duration) -> Self {
        Self { inner, activity, write_timeout, stalled: None, instead: Vec::new(), begun: false, ending: None }
    }

    fn write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = Pin::new(&mut self.inner).poll_write(context, bytes) {
            self.stalled = None;
            return Poll::Ready(written);
        }
        let timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }

    fn write_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let bytes = std::mem::take(&mut self.instead);
            let written = self.write(context, &bytes);
            self.instead = bytes;
            let count = ready!(written)?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.instead.drain(..count);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, buf);
        let new = &buf.filled()[before..];
        if !new.is_empty() {
            if !self.begun && new.starts_with(b"PRI") {
                self.activity.is_http2();
            }
            self.begun = true;
            self.activity.heard();
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.write_instead(context))?;
        if let Some(answer) = bare_error::with_body(buf) {
            // What it announces is at odds with what hyper thinks it sent, which is why such a connection ends here:
            // hyper closes it after each of these.
            tracing::debug!(target: "riverrun::connection", peer = %self.activity.peer(), "a head that is no request");
            self.instead = answer;
            let _ = self.write_instead(context)?;
            return Poll::Ready(Ok(buf.len()));
        }
        self.write(context, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_instead(context))?;
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_instead(context))?;
        if self.ending.is_none() {
            ready!(Pin::new(&mut self.inner).poll_shutdown(context))?;
            self.ending = Some(if self.activity.lingers() {
                Ending::Lingering { until: Box::pin(tokio::time::sleep(LINGER)), read: 0 }
            } else {
                Ending::Over
            });
        }
        let Self { inner, ending, .. } = &mut *self;
        let Some(Ending::Lingering { until, read }) = ending else { return Poll::Ready(Ok(())) };
        let mut space = [0; 16 << 10];
        loop {
            if until.as_mut().poll(context).is_ready() || *read > LINGER_BYTES {
                break;
            }
            let mut buf = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut *inner).poll_read(context, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => *read += buf.filled().len(),
                _ => break,
            }
        }
        *ending = Some(Ending::Over);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.activity.is_late() {
            return;
        }
        // As much as the system takes at once, which is all of so little; nobody waits for the rest.
        let mut context = Context::from_waker(Waker::noop());
        let inner = &mut self.inner;
        let _ = Pin::new(&mut *inner).poll_write(&mut context, &bare_error::head_too_slow());
        let _ = Pin::new(&mut *inner).poll_flush(&mut context);
        let _ = Pin::new(&mut *inner).poll_shutdown(&mut context);
    }
}
