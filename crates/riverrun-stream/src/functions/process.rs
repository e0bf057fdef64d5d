//! One value in, any number out, to the main and to side outputs.

use std::marker::PhantomData;

use crate::batch::DataType;
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Result;
use crate::functions::Collector;
use crate::operator::Turn;

/// Names a side output and its type.
///
/// ```
/// # use riverrun_stream::OutputTag;
/// let late = OutputTag::<String>::new("late");
/// assert_eq!(late.id(), "late");
/// ```
#[derive(Debug, Clone)]
pub struct OutputTag<T> {
    id: String,
    data: PhantomData<fn() -> T>,
}

impl<T: Data> OutputTag<T> {
    /// The side output of this name.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), data: PhantomData }
    }

    /// The name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The output port that carries it.
    #[must_use]
    pub fn port(&self) -> (String, DataType) {
        (self.id.clone(), DataType::of::<T>())
    }
}

/// What a process function knows of the value at hand, and its side outputs.
pub struct ProcessContext<'t, 'a> {
    pub(crate) turn: &'t mut Turn<'a>,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) watermark: Timestamp,
}

impl ProcessContext<'_, '_> {
    /// The value's event timestamp, if it has one.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    /// Processing time now.
    #[must_use]
    pub fn processing_time(&self) -> Timestamp {
        self.turn.now()
    }

    /// How far event time has come: [`Timestamp::MIN`] before the first watermark.
    #[must_use]
    pub fn current_watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Emits a value to a side output.
    ///
    /// # Errors
    /// The function did not declare the tag in [`ProcessFunction::side_outputs`], or declared it with another type.
    pub fn output<T: Data>(&mut self, tag: &OutputTag<T>, value: T) -> Result {
        let port = self.turn.port_named(tag.id())?;
        let timestamp = self.timestamp;
        self.turn.output(port)?.push(StreamRecord { value, timestamp });
        Ok(())
    }
}

/// Makes any number of values of each value, for the main output and for side outputs. Same as Flink's `ProcessFunction`,
/// but that its side outputs are declared.
pub trait ProcessFunction<In>: Clone + Send + 'static {
    /// What it makes for the main output.
    type Out;

    /// The side outputs it uses: `vec![tag.port()]`.
    fn side_outputs(&self) -> Vec<(String, DataType)> {
        Vec::new()
    }

    /// Called once per subtask before the first value.
    ///
    /// # Errors
    /// An error fails the task.
    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// Makes values and hands them to `out`, or to a side output of `context`.
    ///
    /// # Errors
    /// An error fails the task.
    fn process_element(
        &mut self, value: In, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, Self::Out>,
    ) -> Result;

    /// Called once per subtask after the last value, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}
