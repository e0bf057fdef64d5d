//! Records that are too late for all their windows: [`LateRecords`].

use crate::batch::DataType;
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::StreamRecord;
use crate::error::Result;
use crate::functions::OutputTag;
use crate::metrics::{Counter, names};
use crate::operator::Turn;

/// Sends late records to a side output, or counts them.
#[derive(Clone)]
pub(crate) struct LateRecords<T> {
    tag: Option<OutputTag<T>>,
    port: usize,
    dropped: Counter,
}

impl<T> Default for LateRecords<T> {
    fn default() -> Self {
        Self { tag: None, port: 0, dropped: Counter::default() }
    }
}

impl<T: Data> LateRecords<T> {
    pub(crate) fn to(tag: Option<OutputTag<T>>) -> Self {
        Self { tag, ..Self::default() }
    }

    pub(super) fn port(&self) -> Option<(String, DataType)> {
        self.tag.as_ref().map(OutputTag::port)
    }

    pub(super) fn open(&mut self, context: &RuntimeContext, turn: &Turn<'_>) -> Result {
        self.dropped = context.metrics.counter(names::NUM_LATE_RECORDS_DROPPED);
        if let Some(tag) = &self.tag {
            self.port = turn.port_named(tag.id())?;
        }
        Ok(())
    }

    /// Takes a late record, and says whether it was emitted.
    pub(super) fn take(&self, record: StreamRecord<T>, turn: &mut Turn<'_>) -> Result<bool> {
        if self.tag.is_none() {
            self.dropped.add(1);
            return Ok(false);
        }
        turn.output(self.port)?.push(record);
        Ok(true)
    }
}
