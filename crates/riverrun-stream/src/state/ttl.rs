//! How long state lives: [`StateTtlConfig`].

use std::time::Duration;

use crate::element::Timestamp;

/// What renews the life of a state entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateType {
    /// Making and changing it.
    OnCreateAndWrite,
    /// Reading it as well.
    OnReadAndWrite,
}

/// Whether an entry can be seen whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateVisibility {
    /// Never.
    NeverReturnExpired,
    /// As long as it has not been cleaned up.
    ReturnExpiredIfNotCleanedUp,
}

/// A time to live for state, in processing time. Each value, list element and map entry has its own. Same as Flink's
/// `StateTtlConfig`.
///
/// Expired entries are left out of snapshots, and cleaned up a few at each access ([`cleanup_incrementally`]).
///
/// [`cleanup_incrementally`]: Self::cleanup_incrementally
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateTtlConfig {
    pub(super) millis: i64,
    pub(super) update: UpdateType,
    pub(super) visibility: StateVisibility,
    pub(super) cleanup: usize,
}

impl StateTtlConfig {
    /// Entries live this long after they were last written, and are not seen afterwards. A zero time is refused where the
    /// state is asked for.
    #[must_use]
    pub fn new(ttl: Duration) -> Self {
        Self {
            millis: ttl.as_millis().try_into().unwrap_or(i64::MAX),
            update: UpdateType::OnCreateAndWrite,
            visibility: StateVisibility::NeverReturnExpired,
            cleanup: 5,
        }
    }

    /// What renews the life of an entry: [`UpdateType::OnCreateAndWrite`] unless set.
    #[must_use]
    pub fn set_update_type(mut self, update: UpdateType) -> Self {
        self.update = update;
        self
    }

    /// Whether expired entries can be seen: [`StateVisibility::NeverReturnExpired`] unless set.
    #[must_use]
    pub fn set_state_visibility(mut self, visibility: StateVisibility) -> Self {
        self.visibility = visibility;
        self
    }

    /// How many keys are looked at for expired entries whenever the state is used: 5 unless set; 0 cleans up in snapshots only.
    #[must_use]
    pub fn cleanup_incrementally(mut self, keys: usize) -> Self {
        self.cleanup = keys;
        self
    }

    /// Whether an entry of this time is over.
    pub(super) fn is_expired(&self, at: Timestamp, now: Timestamp) -> bool {
        at.saturating_add(self.millis) <= now
    }

    pub(super) fn shows_expired(&self) -> bool {
        self.visibility == StateVisibility::ReturnExpiredIfNotCleanedUp
    }

    pub(super) fn renews_on_read(&self) -> bool {
        self.update == UpdateType::OnReadAndWrite
    }
}
