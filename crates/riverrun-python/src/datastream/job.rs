//! A job that was started, for Python.

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use riverrun::stream::JobClient;

use super::errors::of_job;
use super::failed::Failed;

/// The native side of `riverrun.common.JobClient`.
#[pyclass(module = "riverrun._native", name = "Job", frozen)]
pub(crate) struct PyJob {
    pub(crate) client: JobClient,
    pub(crate) failed: Arc<Failed>,
}

/// How often a wait looks whether the program was interrupted.
const SLICE: Duration = Duration::from_millis(50);

#[pymethods]
impl PyJob {
    fn id(&self) -> String {
        self.client.job_id().to_string()
    }

    fn name(&self) -> String {
        self.client.job_name().into()
    }

    fn status(&self) -> String {
        self.client.status().to_string()
    }

    fn is_ended(&self) -> bool {
        self.client.status().is_globally_terminal()
    }

    fn cancel(&self, py: Python<'_>) {
        py.detach(|| self.client.cancel());
    }

    /// Waits for the end, for at most this long: the milliseconds that the job ran, or `None` if it has not ended. Signals are
    /// looked at meanwhile.
    #[pyo3(signature = (at_most_millis = None))]
    fn wait(&self, py: Python<'_>, at_most_millis: Option<u64>) -> PyResult<Option<u64>> {
        crate::forked::check()?;
        let mut left = at_most_millis.map(Duration::from_millis);
        loop {
            let slice = left.map_or(SLICE, |left| left.min(SLICE));
            if let Some(result) = py.detach(|| self.client.wait_at_most(slice)) {
                let result = result.map_err(|error| {
                    let exception = of_job(py, &error);
                    // What a partitioner raised comes apart from the error that it ended the job with.
                    if let (Some(raised), None) = (self.failed.raised(py), exception.cause(py)) {
                        exception.set_cause(py, Some(raised));
                    }
                    exception
                })?;
                return Ok(Some(u64::try_from(result.runtime.as_millis()).unwrap_or(u64::MAX)));
            }
            py.check_signals()?;
            crate::gate::check(py)?;
            if let Some(time) = &mut left {
                *time = time.saturating_sub(slice);
                if time.is_zero() {
                    return Ok(None);
                }
            }
        }
    }

    /// The metrics of every operator, as a table.
    fn metrics(&self) -> String {
        self.client.metrics().to_string()
    }
}
