//! Gives the records of one subtask their timestamps and its stream watermarks: the core of the operators that do.

use std::sync::Arc;

use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Result;
use crate::operator::Turn;
use crate::time::timestamp_assigner::TimestampAssigner;
use crate::time::watermark_generator::{BatchGenerator, Signal};
use crate::time::{WatermarkOutput, WatermarkStrategy, millis};

pub(crate) struct EventTime<T> {
    assigner: Option<Arc<dyn TimestampAssigner<T>>>,
    generator: Box<dyn BatchGenerator<T>>,
    output: WatermarkOutput,
    interval: i64,
    /// When the generator is asked again.
    next_emit: Option<Timestamp>,
    watermark: Timestamp,
    idle: bool,
}

impl<T: Data> EventTime<T> {
    pub(crate) fn new(strategy: &WatermarkStrategy<T>, context: &RuntimeContext, now: Timestamp) -> Self {
        let interval = millis(context.auto_watermark_interval);
        let periodic = interval > 0 && !context.is_batch();
        Self {
            assigner: strategy.assigner(),
            generator: strategy.generator(context),
            output: WatermarkOutput::default(),
            interval,
            next_emit: periodic.then(|| now.saturating_add(interval)),
            watermark: Timestamp::MIN,
            idle: false,
        }
    }

    pub(crate) fn next_emit(&self) -> Option<Timestamp> {
        self.next_emit
    }

    /// Emits records with their timestamps, and behind each the watermark that it brought about.
    pub(crate) fn records(&mut self, mut records: Vec<StreamRecord<T>>, turn: &mut Turn<'_>) -> Result {
        if records.is_empty() {
            return Ok(());
        }
        if let Some(assigner) = &self.assigner {
            assigner.assign(&mut records);
        }
        self.generator.on_batch(&records, &mut self.output);
        // The input of another task takes a record for a sign of activity, and would wait for the next word on it.
        self.set_idle(false, turn);
        if self.output.signals.is_empty() {
            return turn.emit(0, records);
        }
        let mut signals = std::mem::take(&mut self.output.signals);
        let mut records = records.into_iter();
        let mut emitted = 0;
        for (position, signal) in signals.drain(..) {
            if position > emitted {
                self.set_idle(false, turn);
                turn.output(0)?.extend(records.by_ref().take(position - emitted));
                emitted = position;
            }
            self.say(signal, turn);
        }
        self.output.signals = signals;
        if records.len() > 0 {
            self.set_idle(false, turn);
            turn.output(0)?.extend(records);
        }
        Ok(())
    }

    /// Asks the generator if it is time to.
    pub(crate) fn wake(&mut self, turn: &mut Turn<'_>) {
        if self.next_emit.is_some_and(|time| time <= turn.now()) {
            self.ask(turn);
            self.next_emit = Some(turn.now().saturating_add(self.interval));
        }
    }

    /// The input has ended: the generator is asked a last time.
    pub(crate) fn finish(&mut self, turn: &mut Turn<'_>) {
        self.next_emit = None;
        self.ask(turn);
    }

    /// Emits a watermark, unless it is not beyond the last.
    pub(crate) fn advance(&mut self, watermark: Timestamp, turn: &mut Turn<'_>) {
        if watermark > self.watermark {
            self.watermark = watermark;
            self.set_idle(false, turn);
            turn.emit_watermark(watermark);
        }
    }

    fn ask(&mut self, turn: &mut Turn<'_>) {
        self.generator.on_periodic_emit(turn.now(), &mut self.output);
        let mut signals = std::mem::take(&mut self.output.signals);
        signals.drain(..).for_each(|(_, signal)| self.say(signal, turn));
        self.output.signals = signals;
    }

    fn say(&mut self, signal: Signal, turn: &mut Turn<'_>) {
        match signal {
            Signal::Watermark(watermark) => self.advance(watermark, turn),
            Signal::Idle => self.set_idle(true, turn),
            Signal::Active => self.set_idle(false, turn),
        }
    }

    fn set_idle(&mut self, idle: bool, turn: &mut Turn<'_>) {
        if std::mem::replace(&mut self.idle, idle) != idle {
            turn.emit_idle(idle);
        }
    }
}
