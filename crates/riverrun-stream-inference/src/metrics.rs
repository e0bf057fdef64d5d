//! What `infer` measures.

use std::time::Duration;

use riverrun_runner::{BatchObserver, Runnable, Runner, RunnerError};
use riverrun_stream::RuntimeContext;
use riverrun_stream::metrics::{Counter, Gauge, names};

/// Histogram: items of each batch of the runner. As everything about batches, it is measured for all who share the runner,
/// and shown by the first subtask of each operator that uses it.
pub const BATCH_SIZE: &str = "batchSize";

/// Histogram: what the items of each batch cost together; tokens for a text model.
pub const BATCH_COST: &str = "batchCost";

/// Histogram: how long each batch took to compute, in microseconds.
pub const BATCH_LATENCY: &str = "batchLatencyUs";

/// Histogram: how long the item of each batch that waited longest had waited, in microseconds.
pub const QUEUE_TIME: &str = "queueTimeUs";

/// Counter: what all batches cost together; tokens for a text model.
pub const NUM_TOKENS: &str = "numTokens";

/// Counter: records of this subtask that the model could not be applied to.
pub const NUM_FAILURES: &str = "numFailures";

pub(crate) struct InferMetrics {
    pub(crate) in_flight: Gauge,
    pub(crate) failures: Counter,
    _batches: Option<BatchObserver>,
}

impl InferMetrics {
    pub(crate) fn unregistered() -> Self {
        Self { in_flight: Gauge::default(), failures: Counter::default(), _batches: None }
    }

    pub(crate) fn of<R: Runnable>(context: &RuntimeContext, runner: &Runner<R>) -> Result<Self, RunnerError> {
        let metrics = &context.metrics;
        // Batches belong to the runner, not to a subtask: shown by each, they would count several times.
        let batches = if context.subtask_index == 0 { Some(observe(context, runner)?) } else { None };
        Ok(Self {
            in_flight: metrics.gauge(names::IN_FLIGHT),
            failures: metrics.counter(NUM_FAILURES),
            _batches: batches,
        })
    }
}

fn observe<R: Runnable>(context: &RuntimeContext, runner: &Runner<R>) -> Result<BatchObserver, RunnerError> {
    let metrics = &context.metrics;
    let (size, cost) = (metrics.histogram(BATCH_SIZE), metrics.histogram(BATCH_COST));
    let (latency, queue_time) = (metrics.histogram(BATCH_LATENCY), metrics.histogram(QUEUE_TIME));
    let tokens = metrics.counter(NUM_TOKENS);
    runner.observe(move |report| {
        size.record(report.items as u64);
        cost.record(report.cost as u64);
        latency.record(micros(report.took));
        queue_time.record(micros(report.queued));
        tokens.add(report.cost as u64);
    })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
