//! One value in from either of two streams, any number out, to the main and to side outputs.

use crate::batch::DataType;
use crate::context::RuntimeContext;
use crate::element::Timestamp;
use crate::error::Result;
use crate::functions::{Collector, Key, KeyedProcessContext, ProcessContext};

/// Makes any number of values of each value of two streams, for the main output and for side outputs. Same as Flink's
/// `CoProcessFunction`, but that its side outputs are declared.
pub trait CoProcessFunction<A, B>: Clone + Send + 'static {
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

    /// Makes values of one of the first stream.
    ///
    /// # Errors
    /// An error fails the task.
    fn process_element1(
        &mut self, value: A, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, Self::Out>,
    ) -> Result;

    /// Makes values of one of the second stream.
    ///
    /// # Errors
    /// An error fails the task.
    fn process_element2(
        &mut self, value: B, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, Self::Out>,
    ) -> Result;

    /// Called once per subtask after the last value, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}

/// Makes any number of values of each value of two streams with one kind of key, with state and timers that both share. Same as
/// Flink's `KeyedCoProcessFunction`, but that its side outputs are declared and its states are used with the context.
pub trait KeyedCoProcessFunction<K: Key, A, B>: Clone + Send + 'static {
    /// What it makes for the main output.
    type Out;

    /// The side outputs it uses: `vec![tag.port()]`.
    fn side_outputs(&self) -> Vec<(String, DataType)> {
        Vec::new()
    }

    /// Called once per subtask before the first value. States are asked for here.
    ///
    /// # Errors
    /// An error fails the task.
    fn open(&mut self, context: &RuntimeContext) -> Result {
        let _ = context;
        Ok(())
    }

    /// Makes values of one of the first stream.
    ///
    /// # Errors
    /// An error fails the task.
    fn process_element1(
        &mut self, value: A, context: &mut KeyedProcessContext<'_, '_, K>, out: &mut Collector<'_, Self::Out>,
    ) -> Result;

    /// Makes values of one of the second stream.
    ///
    /// # Errors
    /// An error fails the task.
    fn process_element2(
        &mut self, value: B, context: &mut KeyedProcessContext<'_, '_, K>, out: &mut Collector<'_, Self::Out>,
    ) -> Result;

    /// Called when a timer that was set for the current key fires. Values made here carry the time of an event-time timer, and
    /// no timestamp for one of processing time.
    ///
    /// # Errors
    /// An error fails the task.
    fn on_timer(
        &mut self, timestamp: Timestamp, context: &mut KeyedProcessContext<'_, '_, K>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result {
        let _ = (timestamp, context, out);
        Ok(())
    }

    /// Called once per subtask after the last value, also when the job failed.
    ///
    /// # Errors
    /// An error fails the task.
    fn close(&mut self) -> Result {
        Ok(())
    }
}
