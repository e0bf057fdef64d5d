//! Sinks of Python records: printed, and collected for the program.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyString;
use riverrun::stream::operator::Readiness;
use riverrun::stream::sink::{NoCommit, Sink, SinkWriter};
use riverrun::stream::{Result, RuntimeContext, StreamRecord, Timestamp};

use super::errors::raised;
use super::value::PyValue;

/// Prints each record as a line on the interpreter's standard output, as `print` would.
pub(crate) struct PrintSink {
    /// Stands before the records.
    pub(crate) identifier: Option<String>,
    /// What makes the text of a record; `str` otherwise.
    pub(crate) text: Option<Arc<Py<PyAny>>>,
}

impl Sink for PrintSink {
    type In = PyValue;
    type Committable = ();
    type Writer = PrintWriter;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Print to Std. Out".into()
    }

    fn create_writer(&self, context: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<PrintWriter> {
        let number = (context.parallelism > 1).then(|| (context.subtask_index + 1).to_string());
        let parts: Vec<String> = self.identifier.clone().into_iter().chain(number).collect();
        let prefix = if parts.is_empty() { String::new() } else { format!("{}> ", parts.join(":")) };
        Ok(PrintWriter { prefix, text: self.text.clone() })
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

/// Prints the records of a subtask.
pub(crate) struct PrintWriter {
    prefix: String,
    text: Option<Arc<Py<PyAny>>>,
}

impl SinkWriter for PrintWriter {
    type In = PyValue;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<PyValue>>) -> Result<Readiness> {
        let print = |py: Python<'_>| -> PyResult<()> {
            let out = py.import("sys")?.getattr("stdout")?;
            if out.is_none() {
                return Ok(());
            }
            let mut lines = String::new();
            for record in &records {
                let text = text_of(record.value.bind(py), self.text.as_deref())?;
                lines.push_str(&self.prefix);
                lines.push_str(text.to_str()?);
                lines.push('\n');
            }
            out.call_method1("write", (lines,))?;
            out.call_method0("flush").map(drop)
        };
        Python::attach(print).map_err(raised)?;
        Ok(Readiness::Ready)
    }
}

/// The text of a record.
pub(crate) fn text_of<'py>(value: &Bound<'py, PyAny>, text: Option<&Py<PyAny>>) -> PyResult<Bound<'py, PyString>> {
    match text {
        Some(text) => Ok(text.bind(value.py()).call1((value,))?.cast_into()?),
        None => value.str(),
    }
}

/// Records between a job and the program that iterates over them.
#[derive(Default)]
pub(crate) struct Collected {
    records: Mutex<VecDeque<PyValue>>,
    arrived: Condvar,
}

/// How many records may wait for the program. The job is held back above that.
const MOST_WAITING: usize = 65_536;

impl Collected {
    fn lock(&self) -> MutexGuard<'_, VecDeque<PyValue>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next record, if one comes in time. Without the interpreter.
    pub(crate) fn next(&self, at_most: Duration) -> Option<PyValue> {
        let records = self.lock();
        let waited = self.arrived.wait_timeout_while(records, at_most, |records| records.is_empty());
        waited.unwrap_or_else(PoisonError::into_inner).0.pop_front()
    }

    /// The next record, if one is there.
    pub(crate) fn take(&self) -> Option<PyValue> {
        self.lock().pop_front()
    }

    fn is_full(&self) -> bool {
        self.lock().len() >= MOST_WAITING
    }
}

/// Hands records to the program.
pub(crate) struct CollectSink(pub(crate) Arc<Collected>);

impl Sink for CollectSink {
    type In = PyValue;
    type Committable = ();
    type Writer = CollectWriter;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Collect".into()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<CollectWriter> {
        Ok(CollectWriter { collected: self.0.clone() })
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

/// Puts the records of a subtask where the program finds them.
pub(crate) struct CollectWriter {
    collected: Arc<Collected>,
}

impl CollectWriter {
    fn readiness(&self) -> Readiness {
        if self.collected.is_full() { Readiness::Busy } else { Readiness::Ready }
    }
}

impl SinkWriter for CollectWriter {
    type In = PyValue;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<PyValue>>) -> Result<Readiness> {
        self.collected.lock().extend(records.into_iter().map(|record| record.value));
        self.collected.arrived.notify_all();
        Ok(self.readiness())
    }

    fn processing_time(&mut self, now: Timestamp) -> Result<Option<Timestamp>> {
        // The program takes records without a word to the task, which therefore looks again.
        Ok(self.collected.is_full().then_some(now + 1))
    }

    fn resume(&mut self) -> Result<Readiness> {
        Ok(self.readiness())
    }
}

/// Takes records and does nothing with them.
pub(crate) struct DiscardSink;

impl Sink for DiscardSink {
    type In = PyValue;
    type Committable = ();
    type Writer = DiscardWriter;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Discard".into()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<DiscardWriter> {
        Ok(DiscardWriter)
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

/// Does nothing.
pub(crate) struct DiscardWriter;

impl SinkWriter for DiscardWriter {
    type In = PyValue;
    type Committable = ();

    fn write(&mut self, _: Vec<StreamRecord<PyValue>>) -> Result<Readiness> {
        Ok(Readiness::Ready)
    }
}
