//! Which directory a record goes to: [`BucketAssigner`].

use std::path::{Component, Path};

use riverrun_stream::element::Timestamp;
use riverrun_stream::{FunctionError, Result};

/// What is known of a record beside its value.
#[derive(Debug, Clone, Copy)]
pub struct BucketContext {
    /// Processing time, in milliseconds since 1970.
    pub processing_time: Timestamp,
    /// The record's event time, if it has one.
    pub timestamp: Option<Timestamp>,
}

/// Says which bucket a record goes to. A closure from a record to a `String` is one.
pub trait BucketAssigner<T>: Clone + Send + Sync + 'static {
    /// The bucket: a path below the sink's directory, as `2026-11-24--14` or `country=fr/day=7`. The empty one is the sink's
    /// directory itself.
    ///
    /// # Errors
    /// The record belongs nowhere; the job fails.
    fn bucket(&self, value: &T, context: &BucketContext) -> Result<String>;
}

impl<T, F: Fn(&T) -> String + Clone + Send + Sync + 'static> BucketAssigner<T> for F {
    fn bucket(&self, value: &T, _: &BucketContext) -> Result<String> {
        Ok(self(value))
    }
}

/// All records go to the sink's directory itself. Same as Flink's `BasePathBucketAssigner`.
#[derive(Debug, Clone, Copy, Default)]
pub struct BasePathBucketAssigner;

impl<T> BucketAssigner<T> for BasePathBucketAssigner {
    fn bucket(&self, _: &T, _: &BucketContext) -> Result<String> {
        Ok(String::new())
    }
}

/// A bucket an hour or a day, in UTC.
///
/// As Flink's `DateTimeBucketAssigner`, which takes the time zone of the machine.
#[derive(Debug, Clone, Copy)]
pub struct DateTimeBucketAssigner {
    is_daily: bool,
    is_event_time: bool,
}

impl DateTimeBucketAssigner {
    /// A bucket an hour, `2026-11-24--14`, by processing time.
    #[must_use]
    pub fn hourly() -> Self {
        Self { is_daily: false, is_event_time: false }
    }

    /// A bucket a day, `2026-11-24`, by processing time.
    #[must_use]
    pub fn daily() -> Self {
        Self { is_daily: true, is_event_time: false }
    }

    /// By the records' event time instead. A record without one fails the job.
    #[must_use]
    pub fn by_event_time(mut self) -> Self {
        self.is_event_time = true;
        self
    }
}

impl<T> BucketAssigner<T> for DateTimeBucketAssigner {
    fn bucket(&self, _: &T, context: &BucketContext) -> Result<String> {
        let time = if self.is_event_time {
            context.timestamp.ok_or_else(|| {
                FunctionError::new(
                    "a record without a timestamp has no bucket by event time; assign timestamps before the sink",
                )
            })?
        } else {
            context.processing_time
        };
        let hours = time.div_euclid(3_600_000);
        let (year, month, day) = date(hours.div_euclid(24));
        let date = format!("{year:04}-{month:02}-{day:02}");
        Ok(if self.is_daily { date } else { format!("{date}--{:02}", hours.rem_euclid(24)) })
    }
}

/// Year, month and day of a day since 1970, in the Gregorian calendar.
fn date(days: i64) -> (i64, i64, i64) {
    // Years begin in March, so that the leap day is the last, and eras of 400 years are alike.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// A bucket comes from the data, and must not lead out of the sink's directory.
pub(super) fn check(bucket: &str, directory: &Path) -> Result {
    if Path::new(bucket).components().all(|part| matches!(part, Component::Normal(_))) && !bucket.contains('\0') {
        return Ok(());
    }
    Err(FunctionError::new(format!(
        "the bucket {bucket:?} is no path below {}; leave out `..`, and `/` in front",
        directory.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(assigner: DateTimeBucketAssigner, processing_time: Timestamp) -> String {
        assigner.bucket(&(), &BucketContext { processing_time, timestamp: None }).unwrap()
    }

    #[test]
    fn dates_are_those_of_the_calendar_before_1970_and_in_leap_years_too() {
        let daily = |days: i64| bucket(DateTimeBucketAssigner::daily(), days * 86_400_000);

        let expected = ["1969-12-31", "1970-01-01", "2000-02-29", "2000-03-01", "2100-02-28", "2100-03-01"];
        assert_eq!([-1, 0, 11_016, 11_017, 47_540, 47_541].map(daily), expected);
        assert_eq!(daily(-719_468), "0000-03-01");
        assert_eq!(bucket(DateTimeBucketAssigner::hourly(), -1), "1969-12-31--23");
        assert_eq!(bucket(DateTimeBucketAssigner::hourly(), 1_795_530_600_000), "2026-11-24--14");
        // The ends of the type have a date too.
        assert!([i64::MIN, i64::MAX].map(|time| bucket(DateTimeBucketAssigner::hourly(), time))[0].starts_with('-'));
    }

    #[test]
    fn a_bucket_does_not_lead_out_of_the_directory() {
        let is_refused = |bucket: &str| check(bucket, Path::new("out")).is_err();

        assert!(["..", "a/../..", "/etc", "a\0b"].into_iter().all(is_refused));
        assert!(!["", "a", "a/b=c", "a..b"].into_iter().any(is_refused));
    }
}
