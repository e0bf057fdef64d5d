//! [`Computation`]: one call of a runner for a request, as it is observed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use riverrun_runner::{Answers, Inputs, RequestTiming, RunnerError};

use super::prediction_log::{Entry, written_inputs};
use crate::context::RequestContext;
use crate::fault::Fault;
use crate::served_model::ServedVersion;

/// One call of a runner for a request, from before it is queued until it is answered. One that is dropped before was given up.
pub(crate) struct Computation<'a> {
    context: &'a RequestContext,
    version: &'a Arc<ServedVersion>,
    timing: Arc<RequestTiming>,
    #[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "for spans"))]
    begun: Instant,
    /// For the prediction log, if it is to have them.
    inputs: Option<serde_json::Value>,
}

impl<'a> Computation<'a> {
    pub(crate) fn begin(context: &'a RequestContext, version: &'a Arc<ServedVersion>, inputs: &Inputs) -> Self {
        let watch = context.watch();
        let inputs = watch.predictions.as_ref().filter(|log| log.takes_inputs()).map(|_| written_inputs(inputs));
        // The inputs of a stream are computed side by side, and each needs its own times: the first has the request's.
        let is_first = context.timing().queued().is_none() && !watch.timed.swap(true, Ordering::AcqRel);
        let timing = if is_first { context.timing().clone() } else { RequestTiming::new() };
        Self { context, version, timing, begun: Instant::now(), inputs }
    }

    /// Where the runner is to note its times.
    pub(crate) fn timing(&self) -> Arc<RequestTiming> {
        self.timing.clone()
    }

    /// Counts, logs and traces what came of it.
    pub(crate) fn end(self, outcome: &Result<Result<Answers, RunnerError>, Fault>) {
        let watch = self.context.watch();
        if self.timing.queued().is_none() && Arc::ptr_eq(&self.timing, self.context.timing()) {
            // Nothing was computed: the next try may have it.
            watch.timed.store(false, Ordering::Release);
        }
        let status = match outcome {
            // Nothing was tried: the request is refused, or tries again.
            Ok(Err(RunnerError::QueueFull { .. })) => return,
            Ok(Ok(answers)) => self.answered(answers),
            Ok(Err(error)) => {
                let fault = Fault::from(error.clone());
                if matches!(fault, Fault::DeadlineExceeded { .. }) {
                    self.version.metrics().expired();
                }
                fault.code()
            }
            Err(fault) => {
                if matches!(fault, Fault::DeadlineExceeded { .. }) {
                    self.version.metrics().expired();
                }
                fault.code()
            }
        };
        if let Some(log) = &watch.predictions {
            log.write(&Entry {
                request_id: self.context.id(),
                model: self.version.tag(),
                route: watch.route().unwrap_or_default(),
                status,
                timing: &self.timing,
                inputs: self.inputs,
                outcome,
            });
        }
    }

    fn answered(&self, answers: &Answers) -> &'static str {
        let errors = || (0..answers.len()).filter_map(|index| answers.get(index)?.err());
        let failed = errors().count();
        let metrics = self.version.metrics();
        metrics.answered(&self.timing);
        if failed > 0 && errors().any(|error| matches!(error, RunnerError::TimedOut { .. })) {
            metrics.expired();
        }
        #[cfg(feature = "otlp")]
        self.trace(answers.len(), failed);
        if failed > 0 { "failed" } else { "ok" }
    }

    #[cfg(feature = "otlp")]
    fn trace(&self, items: usize, failed: usize) {
        /// A stream may have any number of inputs; its span has the first of them.
        const MOST: usize = 64;
        let spans = self.context.watch().trace.as_ref().and_then(|trace| trace.spans.as_ref());
        let (Some(spans), Some(queued), Some(took)) = (spans, self.timing.queued(), self.timing.computed()) else {
            return;
        };
        let batch_items = self.timing.batch_items().unwrap_or(items);
        let computed = super::watch::Computed { begun: self.begun, queued, took, batch_items, items, failed };
        let mut list = spans.computed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if list.len() < MOST {
            list.push(computed);
        }
    }
}
