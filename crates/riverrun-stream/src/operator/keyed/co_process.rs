//! Runs a [`KeyedCoProcessFunction`].

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Result;
use crate::functions::{Collector, Key, KeyExtractor, KeyedCoProcessFunction, KeyedProcessContext};
use crate::operator::co_process::no_such_input;
use crate::operator::keyed::{KeyedCore, Pending};
use crate::operator::{
    BATCH_SIZE, FrozenState, Operator, Readiness, RestoredState, SnapshotRequest, SnapshotWriter, Turn,
};
use crate::state::{HeapBackend, KeyedStateBackend};
use crate::time::{InputWatermarks, TimeDomain};

const PENDING: [&str; 2] = ["pending 1", "pending 2"];

/// Any number of records out for each record of either input and each timer. A turn stops when its output is full.
pub struct KeyedCoProcessOperator<K, A, B, F, S = HeapBackend<K>> {
    function: F,
    keys: (KeyExtractor<A, K>, KeyExtractor<B, K>),
    core: KeyedCore<K, (), S>,
    inputs: InputWatermarks,
    /// Records taken and not processed: of one input, but after a restore.
    pending: (Pending<K, A>, Pending<K, B>),
    /// Reused from batch to batch.
    extracted: Vec<K>,
}

impl<K: Key, A: Data, B: Data, F> KeyedCoProcessOperator<K, A, B, F> {
    /// An operator that calls `function`, with its state in memory.
    pub fn new(first: KeyExtractor<A, K>, second: KeyExtractor<B, K>, function: F) -> Self {
        Self {
            function,
            keys: (first, second),
            core: KeyedCore::default(),
            inputs: InputWatermarks::new(2),
            pending: (Pending::default(), Pending::default()),
            extracted: Vec::new(),
        }
    }
}

impl<K, A, B, F, S> KeyedCoProcessOperator<K, A, B, F, S>
where
    K: Key,
    A: Data,
    B: Data,
    F: KeyedCoProcessFunction<K, A, B, Out: Data>,
    S: KeyedStateBackend<K>,
{
    /// Calls the function with its key as the current one. True where the output is full afterwards.
    fn call(
        &mut self, key: &K, timestamp: Option<Timestamp>, time_domain: Option<TimeDomain>,
        main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>,
        call: impl FnOnce(&mut F, &mut KeyedProcessContext<'_, '_, K>, &mut Collector<'_, F::Out>) -> Result,
    ) -> Result<bool> {
        let now = turn.now();
        self.core.backend.set_current_key(key, now);
        let watermark = self.core.watermark();
        let mut context = KeyedProcessContext {
            turn,
            key,
            timestamp,
            time_domain,
            watermark,
            states: self.core.backend.states(),
            timers: &mut self.core.timers,
        };
        call(&mut self.function, &mut context, &mut Collector::new(main, timestamp))?;
        Ok(main.len() >= BATCH_SIZE || turn.is_full())
    }

    fn element1(
        &mut self, key: &K, record: StreamRecord<A>, main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>,
    ) -> Result<bool> {
        let StreamRecord { value, timestamp } = record;
        self.call(key, timestamp, None, main, turn, |function, context, out| {
            function.process_element1(value, context, out)
        })
    }

    fn element2(
        &mut self, key: &K, record: StreamRecord<B>, main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>,
    ) -> Result<bool> {
        let StreamRecord { value, timestamp } = record;
        self.call(key, timestamp, None, main, turn, |function, context, out| {
            function.process_element2(value, context, out)
        })
    }

    /// Does what is pending and due; true where something is left.
    fn drive(&mut self, main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>) -> Result<bool> {
        while let Some((key, record)) = self.pending.0.0.pop_front() {
            if self.element1(&key, record, main, turn)? {
                return Ok(true);
            }
        }
        while let Some((key, record)) = self.pending.1.0.pop_front() {
            if self.element2(&key, record, main, turn)? {
                return Ok(true);
            }
        }
        let now = turn.now();
        while let Some(timer) = self.core.next_timer(now) {
            let timestamp = Some(timer.time).filter(|_| timer.domain == TimeDomain::EventTime);
            let full = self.call(&timer.key, timestamp, Some(timer.domain), main, turn, |function, context, out| {
                function.on_timer(timer.time, context, out)
            })?;
            if full {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The main output is taken out of the turn meanwhile, so that the context can reach the side outputs.
    fn advance(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        let mut main = std::mem::take(turn.output::<F::Out>(0)?);
        let outcome = self.drive(&mut main, turn);
        *turn.output::<F::Out>(0)? = main;
        if outcome? {
            turn.wake_now();
            return Ok(Readiness::Busy);
        }
        self.core.settle(turn);
        Ok(Readiness::Ready)
    }
}

/// Processes a batch of one input, and keeps what comes behind a full output.
macro_rules! process_batch {
    ($operator:ident, $input:tt, $element:ident, $batch:ident, $turn:ident) => {{
        let records = $batch.into_records()?;
        let mut keys = std::mem::take(&mut $operator.extracted);
        $operator.keys.$input.extract(&records, &mut keys)?;
        let mut main = std::mem::take($turn.output::<F::Out>(0)?);
        let mut outcome = Ok(false);
        let mut arrived = keys.drain(..).zip(records);
        for (key, record) in arrived.by_ref() {
            outcome = $operator.$element(&key, record, &mut main, $turn);
            if !matches!(outcome, Ok(false)) {
                break;
            }
        }
        $operator.pending.$input.0.extend(arrived);
        $operator.extracted = keys;
        *$turn.output::<F::Out>(0)? = main;
        outcome?;
    }};
}

impl<K, A, B, F, S> Operator for KeyedCoProcessOperator<K, A, B, F, S>
where
    K: Key,
    A: Data,
    B: Data,
    F: KeyedCoProcessFunction<K, A, B, Out: Data>,
    S: KeyedStateBackend<K>,
{
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<A>(), DataType::of::<B>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        let mut ports = vec![(String::new(), DataType::of::<F::Out>())];
        ports.extend(self.function.side_outputs());
        ports
    }

    fn restore(&mut self, mut state: RestoredState) -> Result {
        self.inputs.restore(&mut state)?;
        let snapshot = self.core.restore(state)?;
        self.pending.0.restore(snapshot, PENDING[0])?;
        self.pending.1.restore(snapshot, PENDING[1])
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        self.core.open(context, turn, |context| self.function.open(context))
    }

    fn process(&mut self, input: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        match input {
            0 => process_batch!(self, 0, element1, batch, turn),
            1 => process_batch!(self, 1, element2, batch, turn),
            _ => return Err(no_such_input(input)),
        }
        if !(self.pending.0.0.is_empty() && self.pending.1.0.is_empty()) {
            turn.wake_now();
            return Ok(Readiness::Busy);
        }
        // Timers that were set just now may be due already.
        turn.wake_at(self.core.timers.first_processing_time());
        Ok(Readiness::Ready)
    }

    fn watermark(&mut self, input: usize, watermark: Timestamp, turn: &mut Turn<'_>) -> Result<Readiness> {
        if let Some(watermark) = self.inputs.on_watermark(input, watermark, turn) {
            self.core.advance(watermark);
        }
        self.advance(turn)
    }

    fn idle(&mut self, input: usize, idle: bool, turn: &mut Turn<'_>) -> Result<Readiness> {
        if let Some(watermark) = self.inputs.on_idle(input, idle, turn) {
            self.core.advance(watermark);
        }
        self.advance(turn)
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.advance(turn)
    }

    fn snapshot(&mut self, _: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        let pending = vec![self.pending.0.freeze(PENDING[0]), self.pending.1.freeze(PENDING[1])];
        let (core, inputs) = (self.core.freeze(pending)?, self.inputs.clone());
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            inputs.write(writer)?;
            core.write(writer)
        }))
    }

    fn finish(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.core.finish();
        self.advance(turn)
    }

    fn close(&mut self) -> Result {
        self.function.close()
    }
}
