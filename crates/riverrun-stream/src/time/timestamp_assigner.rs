//! When a record happened: the user's closure, called through one dynamic call per batch.

use crate::element::{StreamRecord, Timestamp};

/// Gives the records of a batch their timestamps.
pub(super) trait TimestampAssigner<T>: Send + Sync {
    fn assign(&self, records: &mut [StreamRecord<T>]);
}

impl<T, F: Fn(&T, Option<Timestamp>) -> Timestamp + Send + Sync> TimestampAssigner<T> for F {
    fn assign(&self, records: &mut [StreamRecord<T>]) {
        for record in records {
            record.timestamp = Some(self(&record.value, record.timestamp));
        }
    }
}
