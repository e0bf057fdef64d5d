//! Runs a [`KeyedBroadcastProcessFunction`].

use std::marker::PhantomData;

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Result;
use crate::functions::{
    Collector, Key, KeyExtractor, KeyedBroadcastContext, KeyedBroadcastProcessFunction, KeyedBroadcastReadContext,
    KeyedProcessContext, ProcessContext,
};
use crate::operator::co_process::no_such_input;
use crate::operator::keyed::{KeyedCore, Pending};
use crate::operator::{
    BATCH_SIZE, FrozenState, Operator, Readiness, RestoredState, SnapshotRequest, SnapshotWriter, Turn,
};
use crate::state::{BroadcastStateDescriptor, BroadcastStates, HeapBackend, KeyedStateBackend};
use crate::time::{InputWatermarks, TimeDomain};

const PENDING: &str = "pending";

/// Any number of records out for each record of the first, keyed input and each timer; the second is broadcast. A turn stops when
/// its output is full, but in a broadcast batch: that is always done whole, so that no snapshot finds subtasks at different
/// places in it.
pub struct KeyedBroadcastProcessOperator<K, A, B, F, S = HeapBackend<K>> {
    function: F,
    keys: KeyExtractor<A, K>,
    core: KeyedCore<K, (), S>,
    broadcast: BroadcastStates,
    inputs: InputWatermarks,
    /// Records taken and not processed.
    pending: Pending<K, A>,
    subtask_index: usize,
    types: PhantomData<fn(B)>,
}

impl<K: Key, A: Data, B: Data, F> KeyedBroadcastProcessOperator<K, A, B, F> {
    /// An operator that calls `function`, with these broadcast states and its keyed state in memory.
    pub fn new(keys: KeyExtractor<A, K>, descriptors: &[BroadcastStateDescriptor], function: F) -> Self {
        Self {
            function,
            keys,
            core: KeyedCore::default(),
            broadcast: BroadcastStates::new(descriptors),
            inputs: InputWatermarks::new(2),
            pending: Pending::default(),
            subtask_index: 0,
            types: PhantomData,
        }
    }
}

impl<K, A, B, F, S> KeyedBroadcastProcessOperator<K, A, B, F, S>
where
    K: Key,
    A: Data,
    B: Data,
    F: KeyedBroadcastProcessFunction<K, A, B, Out: Data>,
    S: KeyedStateBackend<K>,
{
    /// Calls the function with its key as the current one. True where the output is full afterwards.
    fn call(
        &mut self, key: &K, timestamp: Option<Timestamp>, time_domain: Option<TimeDomain>,
        main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>,
        call: impl FnOnce(&mut F, &mut KeyedBroadcastReadContext<'_, '_, K>, &mut Collector<'_, F::Out>) -> Result,
    ) -> Result<bool> {
        let now = turn.now();
        self.core.backend.set_current_key(key, now);
        let watermark = self.core.watermark();
        let inner = KeyedProcessContext {
            turn,
            key,
            timestamp,
            time_domain,
            watermark,
            states: self.core.backend.states(),
            timers: &mut self.core.timers,
        };
        let mut context = KeyedBroadcastReadContext { inner, broadcast: &self.broadcast };
        call(&mut self.function, &mut context, &mut Collector::new(main, timestamp))?;
        Ok(main.len() >= BATCH_SIZE || turn.is_full())
    }

    /// Does what is pending and due; true where something is left.
    fn drive(&mut self, main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>) -> Result<bool> {
        while let Some((key, StreamRecord { value, timestamp })) = self.pending.0.pop_front() {
            let full = self.call(&key, timestamp, None, main, turn, |function, context, out| {
                function.process_element(value, context, out)
            })?;
            if full {
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

    fn take_broadcast(
        &mut self, records: Vec<StreamRecord<B>>, main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>,
    ) -> Result {
        let watermark = self.core.watermark();
        for StreamRecord { value, timestamp } in records {
            let inner = ProcessContext { turn, timestamp, watermark };
            let (broadcast, keys) = (&mut self.broadcast, &mut self.core.backend);
            let mut context = KeyedBroadcastContext { inner, broadcast, keys };
            self.function.process_broadcast_element(value, &mut context, &mut Collector::new(main, timestamp))?;
        }
        Ok(())
    }

    /// The main output is taken out of the turn meanwhile, so that the context can reach the side outputs.
    fn with_main<R>(
        &mut self, turn: &mut Turn<'_>,
        call: impl FnOnce(&mut Self, &mut Vec<StreamRecord<F::Out>>, &mut Turn<'_>) -> Result<R>,
    ) -> Result<R> {
        let mut main = std::mem::take(turn.output::<F::Out>(0)?);
        let outcome = call(self, &mut main, turn);
        *turn.output::<F::Out>(0)? = main;
        outcome
    }

    fn advance(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        if self.with_main(turn, Self::drive)? {
            turn.wake_now();
            return Ok(Readiness::Busy);
        }
        self.core.settle(turn);
        Ok(Readiness::Ready)
    }
}

impl<K, A, B, F, S> Operator for KeyedBroadcastProcessOperator<K, A, B, F, S>
where
    K: Key,
    A: Data,
    B: Data,
    F: KeyedBroadcastProcessFunction<K, A, B, Out: Data>,
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
        self.broadcast.restore(&mut state)?;
        let snapshot = self.core.restore(state)?;
        self.pending.restore(snapshot, PENDING)
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        self.subtask_index = context.subtask_index;
        self.core.open(context, turn, |context| self.function.open(context))
    }

    fn process(&mut self, input: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        match input {
            0 => {
                let records = batch.into_records::<A>()?;
                let mut keys = Vec::new();
                self.keys.extract(&records, &mut keys)?;
                self.pending.0.extend(keys.into_iter().zip(records));
            }
            1 => {
                let records = batch.into_records()?;
                self.with_main(turn, |this, main, turn| this.take_broadcast(records, main, turn))?;
            }
            _ => return Err(no_such_input(input)),
        }
        self.advance(turn)
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
        let core = self.core.freeze(vec![self.pending.freeze(PENDING)])?;
        let inputs = self.inputs.clone();
        // It is the same on all of them.
        let broadcast = (self.subtask_index == 0).then(|| self.broadcast.freeze());
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            inputs.write(writer)?;
            broadcast.map_or(Ok(()), |broadcast| broadcast(writer))?;
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
