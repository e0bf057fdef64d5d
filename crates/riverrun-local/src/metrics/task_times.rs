//! What a task spends its time on.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long is averaged over, once that long has passed.
const WINDOW: Duration = Duration::from_secs(1);

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    Busy,
    Idle,
    /// It has something to send, and there is no room for it.
    BackPressured,
}

/// The time that a task has spent on each activity. Told by the task where it begins or ends to wait, and read by anybody.
pub(crate) struct TaskTimes(Mutex<Times>);

#[derive(Debug)]
struct Times {
    activity: Activity,
    /// Until when the window is accounted for.
    until: Instant,
    window_start: Instant,
    /// By activity, in this window.
    spent: [Duration; 3],
    /// Milliseconds per second in the last full window.
    last: Option<[i64; 3]>,
}

impl TaskTimes {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new(Times {
            activity: Activity::Idle,
            until: now,
            window_start: now,
            spent: [Duration::ZERO; 3],
            last: None,
        }))
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the task does this.
    pub(crate) fn turn_to(&self, activity: Activity, now: Instant) {
        let mut times = self.times();
        times.account(now);
        times.activity = activity;
    }

    /// Milliseconds per second in the last second, by activity: since the start while that is less.
    pub(crate) fn per_second(&self, now: Instant) -> [i64; 3] {
        let mut times = self.times();
        times.account(now);
        times.last.unwrap_or_else(|| times.rates())
    }
}

impl Times {
    fn account(&mut self, now: Instant) {
        self.spent[self.activity as usize] += now.saturating_duration_since(self.until);
        self.until = self.until.max(now);
        if self.until - self.window_start >= WINDOW {
            self.last = Some(self.rates());
            self.spent = [Duration::ZERO; 3];
            self.window_start = self.until;
        }
    }

    fn rates(&self) -> [i64; 3] {
        let length = (self.until - self.window_start).as_secs_f64();
        let rate =
            |spent: Duration| if length > 0.0 { (spent.as_secs_f64() / length * 1000.0).round() as i64 } else { 0 };
        self.spent.map(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_last_full_second() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let times = TaskTimes::new(start);

        times.turn_to(Activity::Busy, after(100));
        assert_eq!(times.per_second(after(200)), [500, 500, 0]);
        times.turn_to(Activity::BackPressured, after(600));
        times.turn_to(Activity::Busy, after(1000));

        assert_eq!(times.per_second(after(1000)), [500, 100, 400]);
        assert_eq!(times.per_second(after(1900)), [500, 100, 400]);
        assert_eq!(times.per_second(after(2100)), [1000, 0, 0]);
    }
}
