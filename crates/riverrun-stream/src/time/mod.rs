//! Event time and processing time.

mod event_time;
mod input_watermarks;
mod timers;
mod timestamp_assigner;
mod watermark_generator;
mod watermark_strategy;

use std::time::Duration;

pub use input_watermarks::InputWatermarks;
pub use timers::{FiredTimer, TimeDomain, TimerService};
pub use watermark_generator::{
    AscendingTimestampsWatermarks, BoundedOutOfOrdernessWatermarks, NoWatermarksGenerator, WatermarkGenerator,
    WatermarkOutput,
};
pub use watermark_strategy::WatermarkStrategy;

pub(crate) use event_time::EventTime;

/// A span in the unit of timestamps; one beyond their range is the longest that they can express.
pub(crate) fn millis(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap_or(i64::MAX)
}
