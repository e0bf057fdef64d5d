//! What a stream carries: records, watermarks, status, barriers, the end.

use crate::batch::Batch;
use crate::operator::SnapshotRequest;

/// Milliseconds since 1970-01-01T00:00:00Z, in event time or processing time. May be negative.
pub type Timestamp = i64;

/// The watermark that ends event time: no record follows it.
pub const MAX_WATERMARK: Timestamp = Timestamp::MAX;

/// A value and, where its source or an assigner gave one, its event timestamp.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StreamRecord<T> {
    /// The value.
    pub value: T,
    /// Event time in milliseconds since 1970, if the record has one.
    pub timestamp: Option<Timestamp>,
}

impl<T> StreamRecord<T> {
    /// A record without an event timestamp.
    pub fn new(value: T) -> Self {
        Self { value, timestamp: None }
    }

    /// A record at an event time.
    pub fn at(value: T, timestamp: Timestamp) -> Self {
        Self { value, timestamp: Some(timestamp) }
    }
}

/// One element of a stream as a host moves it: records come in batches.
#[derive(Debug)]
pub enum StreamElement {
    /// Records, in order.
    Records(Batch),
    /// No record with a timestamp at or below this one follows, late ones excepted.
    Watermark(Timestamp),
    /// Whether the stream is idle: an idle stream does not hold back its consumer's watermark.
    Idle(bool),
    /// All before it belongs to the checkpoint, all after it does not.
    Barrier(SnapshotRequest),
    /// Nothing follows.
    EndOfInput,
}
