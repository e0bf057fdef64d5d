//! [`Guarded`]: a body that something is kept for.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

/// A body that tells its guard of its bytes, and drops it when it has been sent or given up.
pub(crate) struct Guarded<B, G> {
    body: B,
    guard: G,
}

/// What is told of the bytes of a body.
pub(crate) trait Guard {
    /// So many bytes more.
    fn sent(&mut self, _bytes: usize) {}

    /// The headers behind the body.
    fn trailers(&mut self, _trailers: &HeaderMap) {}

    /// That was all of it.
    fn complete(&mut self) {}
}

impl<B: Body, G: Guard> Guarded<B, G> {
    pub(crate) fn new(body: B, mut guard: G) -> Self {
        // The library does not poll a body that says it is at its end.
        if body.is_end_stream() {
            guard.complete();
        }
        Self { body, guard }
    }
}

impl<B: Body<Data = Bytes> + Unpin, G: Guard + Unpin> Body for Guarded<B, G> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.guard.sent(data.len());
                }
                if let Some(trailers) = frame.trailers_ref() {
                    self.guard.trailers(trailers);
                }
                if self.body.is_end_stream() {
                    self.guard.complete();
                }
            }
            Some(Err(_)) => {}
            None => self.guard.complete(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
