//! Which job, and how far it is: [`JobId`] and [`JobStatus`].

use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// A job's id: another one for each run. Shown as 32 hexadecimal digits, as in Flink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobId(u128);

impl JobId {
    /// An id that no other job has.
    #[must_use]
    pub fn random() -> Self {
        // The standard library seeds its hash maps from the system's random numbers.
        let half = || u128::from(RandomState::new().hash_one(0_u8));
        Self(half() << 64 | half())
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// How far a job is. The names are Flink's, and so is their spelling when shown: `RUNNING`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobStatus {
    /// No task has been started yet.
    Created,
    /// Tasks are at work.
    Running,
    /// Something has failed; tasks are being stopped.
    Failing,
    /// It failed, and nothing of it runs any more.
    Failed,
    /// Somebody has cancelled it; tasks are being stopped.
    Cancelling,
    /// It was cancelled, and nothing of it runs any more.
    Canceled,
    /// It came to its end, and everything is committed.
    Finished,
}

impl JobStatus {
    /// Whether the job has ended: its status and its result stay as they are. Same as Flink's `isGloballyTerminalState`.
    #[must_use]
    pub fn is_globally_terminal(self) -> bool {
        matches!(self, Self::Failed | Self::Canceled | Self::Finished)
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "CREATED",
            Self::Running => "RUNNING",
            Self::Failing => "FAILING",
            Self::Failed => "FAILED",
            Self::Cancelling => "CANCELLING",
            Self::Canceled => "CANCELED",
            Self::Finished => "FINISHED",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_jobs_have_two_ids_of_32_digits() {
        let (one, other) = (JobId::random(), JobId::random());

        assert_ne!(one, other);
        assert_eq!(one.to_string().len(), 32);
        assert_ne!(one.to_string()[..16], one.to_string()[16..]);
    }
}
