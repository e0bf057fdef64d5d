//! Runs a [`KeyedProcessFunction`].

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Result;
use crate::functions::{Collector, Key, KeyExtractor, KeyedProcessContext, KeyedProcessFunction};
use crate::operator::keyed::{KeyedCore, Pending};
use crate::operator::{BATCH_SIZE, FrozenState, Operator, Readiness, RestoredState, SnapshotRequest, Turn};
use crate::state::{HeapBackend, KeyedStateBackend};
use crate::time::TimeDomain;

const PENDING: &str = "pending";

/// Any number of records out for each record and each timer. A turn stops when its output is full.
pub struct KeyedProcessOperator<K, In, F, B = HeapBackend<K>> {
    function: F,
    keys: KeyExtractor<In, K>,
    core: KeyedCore<K, (), B>,
    pending: Pending<K, In>,
    /// Reused from batch to batch.
    extracted: Vec<K>,
}

impl<K: Key, In: Data, F> KeyedProcessOperator<K, In, F> {
    /// An operator that calls `function`, with its state in memory.
    pub fn new(keys: KeyExtractor<In, K>, function: F) -> Self {
        Self { function, keys, core: KeyedCore::default(), pending: Pending::default(), extracted: Vec::new() }
    }
}

impl<K: Key, In: Data, F: KeyedProcessFunction<K, In>, B: KeyedStateBackend<K>> KeyedProcessOperator<K, In, F, B>
where
    F::Out: Data,
{
    fn element(
        &mut self, key: &K, record: StreamRecord<In>, main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>,
    ) -> Result {
        let StreamRecord { value, timestamp } = record;
        let now = turn.now();
        self.core.backend.set_current_key(key, now);
        let watermark = self.core.watermark();
        let mut context = KeyedProcessContext {
            turn,
            key,
            timestamp,
            time_domain: None,
            watermark,
            states: self.core.backend.states(),
            timers: &mut self.core.timers,
        };
        self.function.process_element(value, &mut context, &mut Collector::new(main, timestamp))
    }

    fn drive(&mut self, main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>) -> Result<Readiness> {
        while let Some((key, record)) = self.pending.0.pop_front() {
            self.element(&key, record, main, turn)?;
            if is_full(main, turn) {
                turn.wake_now();
                return Ok(Readiness::Busy);
            }
        }
        let now = turn.now();
        while let Some(timer) = self.core.next_timer(now) {
            self.core.backend.set_current_key(&timer.key, now);
            let watermark = self.core.watermark();
            let timestamp = Some(timer.time).filter(|_| timer.domain == TimeDomain::EventTime);
            let mut context = KeyedProcessContext {
                turn,
                key: &timer.key,
                timestamp,
                time_domain: Some(timer.domain),
                watermark,
                states: self.core.backend.states(),
                timers: &mut self.core.timers,
            };
            self.function.on_timer(timer.time, &mut context, &mut Collector::new(main, timestamp))?;
            if is_full(main, turn) {
                turn.wake_now();
                return Ok(Readiness::Busy);
            }
        }
        Ok(Readiness::Ready)
    }

    /// Does what is pending and due. The main output is taken out of the turn, so that the context can reach the side outputs.
    fn advance(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        let mut main = std::mem::take(turn.output::<F::Out>(0)?);
        let outcome = self.drive(&mut main, turn);
        *turn.output::<F::Out>(0)? = main;
        if outcome? == Readiness::Busy {
            return Ok(Readiness::Busy);
        }
        self.core.settle(turn);
        Ok(Readiness::Ready)
    }
}

fn is_full<T>(main: &[T], turn: &Turn<'_>) -> bool {
    main.len() >= BATCH_SIZE || turn.is_full()
}

impl<K: Key, In: Data, F: KeyedProcessFunction<K, In>, B: KeyedStateBackend<K>> Operator
    for KeyedProcessOperator<K, In, F, B>
where
    F::Out: Data,
{
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<In>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        let mut ports = vec![(String::new(), DataType::of::<F::Out>())];
        ports.extend(self.function.side_outputs());
        ports
    }

    fn restore(&mut self, state: RestoredState) -> Result {
        let snapshot = self.core.restore(state)?;
        self.pending.restore(snapshot, PENDING)
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        self.core.open(context, turn, |context| self.function.open(context))
    }

    fn process(&mut self, _: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        let records = batch.into_records::<In>()?;
        let mut keys = std::mem::take(&mut self.extracted);
        self.keys.extract(&records, &mut keys)?;
        let mut main = std::mem::take(turn.output::<F::Out>(0)?);
        let mut outcome = Ok(());
        let mut arrived = keys.drain(..).zip(records);
        for (key, record) in arrived.by_ref() {
            outcome = self.element(&key, record, &mut main, turn);
            if outcome.is_err() || is_full(&main, turn) {
                break;
            }
        }
        self.pending.0.extend(arrived);
        self.extracted = keys;
        *turn.output::<F::Out>(0)? = main;
        outcome?;
        if !self.pending.0.is_empty() {
            turn.wake_now();
            return Ok(Readiness::Busy);
        }
        // Timers that were set just now may be due already.
        turn.wake_at(self.core.timers.first_processing_time());
        Ok(Readiness::Ready)
    }

    fn watermark(&mut self, _: usize, watermark: Timestamp, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.core.advance(watermark);
        self.advance(turn)
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.advance(turn)
    }

    fn snapshot(&mut self, _: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        self.core.freeze(vec![self.pending.freeze(PENDING)])
    }

    fn finish(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.core.finish();
        self.advance(turn)
    }

    fn close(&mut self) -> Result {
        self.function.close()
    }
}
