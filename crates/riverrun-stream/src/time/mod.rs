//! Event time and processing time.

mod timers;

pub use timers::{FiredTimer, TimeDomain, TimerService};
