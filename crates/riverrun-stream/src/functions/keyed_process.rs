//! One value with a key in, any number out, with state and timers.

use crate::batch::DataType;
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Result;
use crate::functions::{Collector, Key, OutputTag};
use crate::operator::Turn;
use crate::state::{KeyedContext, StateTables};
use crate::time::{TimeDomain, TimerService};

/// What a keyed function knows of the value or timer at hand: its key and times, keyed state, timers and side outputs.
pub struct KeyedProcessContext<'t, 'a, K> {
    pub(crate) turn: &'t mut Turn<'a>,
    pub(crate) key: &'t K,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) time_domain: Option<TimeDomain>,
    pub(crate) watermark: Timestamp,
    pub(crate) states: &'t mut StateTables,
    pub(crate) timers: &'t mut TimerService<K, ()>,
}

impl<K> KeyedContext for KeyedProcessContext<'_, '_, K> {
    fn states(&mut self) -> &mut StateTables {
        self.states
    }
}

impl<K: Key> KeyedProcessContext<'_, '_, K> {
    /// The key of the value or timer.
    #[must_use]
    pub fn current_key(&self) -> &K {
        self.key
    }

    /// The value's event timestamp, if it has one; in `on_timer` the time of an event-time timer.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    /// Which kind of timer has fired; none while an element is processed.
    #[must_use]
    pub fn time_domain(&self) -> Option<TimeDomain> {
        self.time_domain
    }

    /// Processing time now.
    #[must_use]
    pub fn current_processing_time(&self) -> Timestamp {
        self.turn.now()
    }

    /// How far event time has come: [`Timestamp::MIN`] before the first watermark.
    #[must_use]
    pub fn current_watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Has `on_timer` called for this key when the watermark reaches this time; where it has passed it already, at the next
    /// watermark. Setting the same timer twice is setting it once.
    pub fn register_event_time_timer(&mut self, time: Timestamp) {
        self.timers.register(TimeDomain::EventTime, time, self.key, &());
    }

    /// Has `on_timer` called for this key when processing time reaches this time, or at the end of the input.
    pub fn register_processing_time_timer(&mut self, time: Timestamp) {
        self.timers.register(TimeDomain::ProcessingTime, time, self.key, &());
    }

    /// Takes an event-time timer back; one that is not set is ignored.
    pub fn delete_event_time_timer(&mut self, time: Timestamp) {
        self.timers.delete(TimeDomain::EventTime, time, self.key, &());
    }

    /// Takes a processing-time timer back; one that is not set is ignored.
    pub fn delete_processing_time_timer(&mut self, time: Timestamp) {
        self.timers.delete(TimeDomain::ProcessingTime, time, self.key, &());
    }

    /// Emits a value to a side output.
    ///
    /// # Errors
    /// The function did not declare the tag in its `side_outputs`, or declared it with another type.
    pub fn output<T: Data>(&mut self, tag: &OutputTag<T>, value: T) -> Result {
        let port = self.turn.port_named(tag.id())?;
        let timestamp = self.timestamp;
        self.turn.output(port)?.push(StreamRecord { value, timestamp });
        Ok(())
    }
}

/// Makes any number of values of each value of a keyed stream, with state and timers of the value's key. Same as Flink's
/// `KeyedProcessFunction`, but that its side outputs are declared and its states are used with the context.
pub trait KeyedProcessFunction<K: Key, In>: Clone + Send + 'static {
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

    /// Makes values and hands them to `out`, or to a side output of `context`.
    ///
    /// # Errors
    /// An error fails the task.
    fn process_element(
        &mut self, value: In, context: &mut KeyedProcessContext<'_, '_, K>, out: &mut Collector<'_, Self::Out>,
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
