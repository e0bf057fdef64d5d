//! The names of the metrics that every operator has, as Flink spells them.

/// Counter: records that came in.
pub const NUM_RECORDS_IN: &str = "numRecordsIn";

/// Counter: records that went out, counted once whatever the number of readers.
pub const NUM_RECORDS_OUT: &str = "numRecordsOut";

/// Counter: bytes that came in, where something is serialized.
pub const NUM_BYTES_IN: &str = "numBytesIn";

/// Counter: bytes that went out, where something is serialized.
pub const NUM_BYTES_OUT: &str = "numBytesOut";

/// Gauge: the part of the last second in which the task worked, in milliseconds.
pub const BUSY_TIME: &str = "busyTimeMsPerSecond";

/// Gauge: the part of the last second in which the task had nothing to do, in milliseconds.
pub const IDLE_TIME: &str = "idleTimeMsPerSecond";

/// Gauge: the part of the last second in which the task waited for room in its output, in milliseconds.
pub const BACK_PRESSURED_TIME: &str = "backPressuredTimeMsPerSecond";

/// Gauge: the last watermark that came in, the lowest of the inputs; `i64::MIN` before the first.
pub const CURRENT_INPUT_WATERMARK: &str = "currentInputWatermark";

/// Gauge: the last watermark that went out; `i64::MIN` before the first.
pub const CURRENT_OUTPUT_WATERMARK: &str = "currentOutputWatermark";

/// Counter: records that were too late for all their windows, and that no late side output took.
pub const NUM_LATE_RECORDS_DROPPED: &str = "numLateRecordsDropped";

/// Gauge: elements of an async operator that were taken and not emitted.
pub const IN_FLIGHT: &str = "inFlight";

/// Counter: calls of an async operator that were made again.
pub const NUM_RETRIES: &str = "numRetries";

/// Counter: elements of an async operator whose time was over.
pub const NUM_TIMEOUTS: &str = "numTimeouts";
