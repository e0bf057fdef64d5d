//! When a part is complete: [`RollingPolicy`].

use std::time::Duration;

use riverrun_stream::element::Timestamp;
use riverrun_stream::{FunctionError, Result};

/// When a [`FileSink`](crate::FileSink) closes a part and begins the next.
///
/// ```
/// # use riverrun_connectors::RollingPolicy;
/// # use std::time::Duration;
/// let policy = RollingPolicy::new().max_part_size(16 * 1024 * 1024).rollover_interval(Duration::from_secs(10));
/// ```
///
/// Same as Flink's `DefaultRollingPolicy`.
#[derive(Debug, Clone)]
pub struct RollingPolicy {
    max_part_size: u64,
    rollover_interval: Duration,
    inactivity_interval: Duration,
    pub(super) on_checkpoint: bool,
}

impl RollingPolicy {
    /// When a part has 128 MiB, when it is 60 s old, and when nothing was written to it for 60 s.
    #[must_use]
    pub fn new() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            max_part_size: 128 * 1024 * 1024,
            rollover_interval: minute,
            inactivity_interval: minute,
            on_checkpoint: false,
        }
    }

    /// At every checkpoint, and never in between. Same as Flink's `OnCheckpointRollingPolicy`.
    ///
    /// Where no checkpoints are taken, everything is one part until the job ends.
    #[must_use]
    pub fn on_checkpoint() -> Self {
        Self {
            max_part_size: u64::MAX,
            rollover_interval: Duration::MAX,
            inactivity_interval: Duration::MAX,
            on_checkpoint: true,
        }
    }

    /// How many bytes a part has when it is closed: 128 MiB unless set. The record that brings it there is its last.
    #[must_use]
    pub fn max_part_size(mut self, bytes: u64) -> Self {
        self.max_part_size = bytes;
        self
    }

    /// How old a part is when it is closed: 60 s unless set.
    #[must_use]
    pub fn rollover_interval(mut self, interval: Duration) -> Self {
        self.rollover_interval = interval;
        self
    }

    /// How long nothing was written to a part when it is closed: 60 s unless set.
    #[must_use]
    pub fn inactivity_interval(mut self, interval: Duration) -> Self {
        self.inactivity_interval = interval;
        self
    }

    pub(super) fn check(&self) -> Result {
        let zero = if self.max_part_size == 0 {
            "`max_part_size` is 0; give 1 byte or more"
        } else if self.rollover_interval.as_millis() == 0 {
            "`rollover_interval` is 0; give 1 ms or more"
        } else if self.inactivity_interval.as_millis() == 0 {
            "`inactivity_interval` is 0; give 1 ms or more"
        } else {
            return Ok(());
        };
        Err(FunctionError::new(zero))
    }

    pub(super) fn is_full(&self, length: u64) -> bool {
        length >= self.max_part_size
    }

    /// When a part of this age has to be closed.
    pub(super) fn due(&self, opened: Timestamp, last_write: Timestamp) -> Timestamp {
        let millis = |interval: Duration| i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        let too_old = opened.saturating_add(millis(self.rollover_interval));
        too_old.min(last_write.saturating_add(millis(self.inactivity_interval)))
    }
}

impl Default for RollingPolicy {
    fn default() -> Self {
        Self::new()
    }
}
