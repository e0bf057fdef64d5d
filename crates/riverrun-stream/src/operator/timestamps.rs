//! Gives a stream timestamps and watermarks in place of those it had.

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{MAX_WATERMARK, Timestamp};
use crate::error::{FunctionError, Result};
use crate::operator::{Operator, Readiness, Turn};
use crate::time::{EventTime, WatermarkStrategy};

/// Assigns timestamps and makes watermarks. Watermarks and idleness from upstream stop here, but for the watermark that ends
/// event time. Same as Flink's `TimestampsAndWatermarksOperator`.
///
/// It keeps no state: after a restore its watermarks begin anew.
pub struct TimestampsAndWatermarksOperator<T> {
    strategy: WatermarkStrategy<T>,
    event_time: Option<EventTime<T>>,
}

impl<T: Data> TimestampsAndWatermarksOperator<T> {
    /// An operator that follows `strategy`.
    #[must_use]
    pub fn new(strategy: WatermarkStrategy<T>) -> Self {
        Self { strategy, event_time: None }
    }

    fn event_time(&mut self) -> Result<&mut EventTime<T>> {
        let unopened = || FunctionError::internal("the operator was called before it was opened");
        self.event_time.as_mut().ok_or_else(unopened)
    }
}

impl<T: Data> Operator for TimestampsAndWatermarksOperator<T> {
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<T>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        vec![(String::new(), DataType::of::<T>())]
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        let event_time = EventTime::new(&self.strategy, context, turn.now());
        turn.wake_at(event_time.next_emit());
        self.event_time = Some(event_time);
        Ok(())
    }

    fn process(&mut self, _: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.event_time()?.records(batch.into_records::<T>()?, turn)?;
        Ok(Readiness::Ready)
    }

    fn watermark(&mut self, _: usize, watermark: Timestamp, turn: &mut Turn<'_>) -> Result<Readiness> {
        if watermark == MAX_WATERMARK {
            self.event_time()?.advance(watermark, turn);
        }
        Ok(Readiness::Ready)
    }

    fn idle(&mut self, _: usize, _: bool, _: &mut Turn<'_>) -> Result<Readiness> {
        Ok(Readiness::Ready)
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        let event_time = self.event_time()?;
        event_time.wake(turn);
        turn.wake_at(event_time.next_emit());
        Ok(Readiness::Ready)
    }

    fn finish(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        turn.wake_at(None);
        self.event_time()?.finish(turn);
        Ok(Readiness::Ready)
    }
}
