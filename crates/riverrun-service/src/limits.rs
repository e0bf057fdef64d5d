//! [`Limits`]: what one request may have.

use std::time::Duration;

/// What one request may have, and what all may have together. Each default suits a service of short texts.
///
/// ```
/// use std::time::Duration;
/// use riverrun_service::Limits;
///
/// let limits = Limits::default().max_body(1 << 20).timeout(Duration::from_secs(5));
/// assert_eq!(limits, limits.clone());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub(crate) max_body: usize,
    pub(crate) max_bodies: usize,
    pub(crate) max_items: usize,
    pub(crate) body_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) stream_window: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: 10 << 20,
            max_bodies: 256 << 20,
            max_items: 4096,
            body_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(60),
            stream_window: 64,
        }
    }
}

impl Limits {
    /// The most bytes of a body, after decompression; 10 MiB by default. More is refused with 413, before it is read where
    /// `Content-Length` tells. Of a stream of texts it is the most bytes of a line.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes.max(1);
        self
    }

    /// The most bytes of all bodies that are in memory at a time; 256 MiB by default. A request beyond it gets 429.
    #[must_use]
    pub fn max_bodies(mut self, bytes: usize) -> Self {
        self.max_bodies = bytes.max(1);
        self
    }

    /// The most inputs of one request; 4,096 by default. More are refused with 413.
    #[must_use]
    pub fn max_items(mut self, items: usize) -> Self {
        self.max_items = items.max(1);
        self
    }

    /// How long a body may take to arrive, and how long a stream of texts may pause; 30 s by default. Then 408.
    #[must_use]
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// How long a request may take from its head to its answer; 60 s by default. A request may ask for less, not for
    /// more, with `X-Timeout-Ms`. Then 504, and what is still in a queue is not computed.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many texts of one stream may be queued or computed at a time; 64 by default. No more is read until results
    /// have gone out.
    #[must_use]
    pub fn stream_window(mut self, items: usize) -> Self {
        self.stream_window = items.max(1);
        self
    }
}
