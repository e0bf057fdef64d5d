//! When something is tried again.

use std::time::{Duration, SystemTime};

/// How often and how long is waited for a hub that does not answer as it should.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    /// How many times in a row nothing may come.
    pub(super) attempts: u32,
    /// How long is waited after the first failure; twice as long after each further one.
    pub(super) first_wait: Duration,
    /// The longest wait, also when the hub asks for a longer one.
    pub(super) longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 6, first_wait: Duration::from_secs(1), longest_wait: Duration::from_secs(120) }
    }
}

impl Patience {
    /// How long to wait after so many failures in a row, or `None` when it is enough.
    pub(super) fn wait(&self, failures: u32, asked_for: Option<Duration>) -> Option<Duration> {
        if failures >= self.attempts || asked_for.is_some_and(|wait| wait > self.longest_wait) {
            return None;
        }
        let doubled = self.first_wait.saturating_mul(1 << failures.saturating_sub(1).min(16));
        Some(asked_for.unwrap_or_default().max(doubled.min(self.longest_wait)))
    }
}

/// What a `Retry-After` asks for: seconds, or a date.
pub(super) fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_end() {
        let patience =
            Patience { attempts: 5, first_wait: Duration::from_secs(1), longest_wait: Duration::from_secs(3) };

        let waits: Vec<_> = (1..=5).map(|failures| patience.wait(failures, None).map(|wait| wait.as_secs())).collect();

        assert_eq!(waits, [Some(1), Some(2), Some(3), Some(3), None]);
        assert_eq!(patience.wait(1, Some(Duration::from_secs(2))), Some(Duration::from_secs(2)));
        assert_eq!(patience.wait(1, Some(Duration::from_secs(60))), None);
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_by_a_date() {
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(90));

        assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
        assert!(retry_after(&soon).is_some_and(|wait| (80..=90).contains(&wait.as_secs())));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("soon"), None);
    }
}
