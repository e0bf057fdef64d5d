//! One value in, any number out.

use crate::context::RuntimeContext;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Result;

/// Where a function puts the values it makes. They carry the event timestamp of the value they were made from.
pub struct Collector<'a, Out> {
    records: &'a mut Vec<StreamRecord<Out>>,
    timestamp: Option<Timestamp>,
}

impl<'a, Out> Collector<'a, Out> {
    pub(crate) fn new(records: &'a mut Vec<StreamRecord<Out>>, timestamp: Option<Timestamp>) -> Self {
        Self { records, timestamp }
    }

    /// Emits a value.
    pub fn collect(&mut self, value: Out) {
        self.records.push(StreamRecord { value, timestamp: self.timestamp });
    }
}

/// Makes any number of values of each value. Same as Flink's `FlatMapFunction`.
pub trait FlatMapFunction<In>: Clone + Send + 'static {
    /// What it makes.
    type Out;

    /// Called once per subtask before the first value.
    ///
    /// # Errors
    /// An error fails the task.
    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// Makes values and hands them to `out`.
    ///
    /// # Errors
    /// An error fails the task.
    fn flat_map(&mut self, value: In, out: &mut Collector<'_, Self::Out>) -> Result;

    /// Called once per subtask after the last value, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

#[derive(Clone)]
pub(crate) struct FlatMapClosure<F>(pub(crate) F);

impl<In, I: IntoIterator, F: FnMut(In) -> I + Clone + Send + 'static> FlatMapFunction<In> for FlatMapClosure<F> {
    type Out = I::Item;

    #[inline]
    fn flat_map(&mut self, value: In, out: &mut Collector<'_, I::Item>) -> Result {
        for made in (self.0)(value) {
            out.collect(made);
        }
        Ok(())
    }
}
