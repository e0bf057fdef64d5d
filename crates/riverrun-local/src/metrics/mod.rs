//! The metrics of a job: what its operators register, and what its tasks count.

mod registry;
mod task_times;

pub(crate) use registry::{NodeMetrics, Registry};
pub(crate) use task_times::{Activity, TaskTimes};
