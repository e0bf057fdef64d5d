//! Runs a [`ReduceFunction`] per key.

use std::collections::VecDeque;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::StreamRecord;
use crate::error::Result;
use crate::execution_mode::RuntimeExecutionMode;
use crate::functions::{Key, KeyExtractor, ReduceFunction};
use crate::operator::{FrozenState, Operator, Readiness, RestoredState, SnapshotRequest, SnapshotWriter, Turn};
use crate::state::{FrozenPart, KeyedSnapshot};

const REDUCED: &str = "reduced";

#[derive(Clone, Serialize, Deserialize)]
struct ReducedForm<K, T> {
    key: K,
    reduced: StreamRecord<T>,
}

/// Emits the reduced value of its key for each record; in batch mode one value per key, at the end.
pub struct ReduceOperator<K, T, F> {
    function: F,
    keys: KeyExtractor<T, K>,
    /// Nothing only while the function has it.
    reduced: HashMap<K, Option<StreamRecord<T>>>,
    extracted: Vec<K>,
    context: RuntimeContext,
    /// In batch mode at the end: what has not been emitted yet.
    results: Option<VecDeque<StreamRecord<T>>>,
}

impl<K: Key, T: Data, F: ReduceFunction<T>> ReduceOperator<K, T, F> {
    /// An operator that calls `function`.
    pub fn new(keys: KeyExtractor<T, K>, function: F) -> Self {
        Self {
            function,
            keys,
            reduced: HashMap::new(),
            extracted: Vec::new(),
            context: RuntimeContext::detached("not opened"),
            results: None,
        }
    }

    /// Reduces a record into what its key has, and gives the result.
    #[inline]
    fn reduce(&mut self, key: K, record: StreamRecord<T>) -> Result<Option<&StreamRecord<T>>> {
        let place = self.reduced.entry(key).or_default();
        *place = Some(match place.take() {
            Some(reduced) => {
                StreamRecord { value: self.function.reduce(reduced.value, record.value)?, timestamp: record.timestamp }
            }
            None => record,
        });
        Ok(place.as_ref())
    }

    fn emit_results(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        let Some(results) = &mut self.results else { return Ok(Readiness::Ready) };
        let count = turn.room().min(results.len());
        turn.output::<T>(0)?.extend(results.drain(..count));
        if results.is_empty() {
            return Ok(Readiness::Ready);
        }
        turn.wake_now();
        Ok(Readiness::Busy)
    }
}

impl<K: Key, T: Data, F: ReduceFunction<T>> Operator for ReduceOperator<K, T, F> {
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<T>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        vec![(String::new(), DataType::of::<T>())]
    }

    fn restore(&mut self, state: RestoredState) -> Result {
        let mut snapshot = KeyedSnapshot::read(state.key_groups)?;
        for ReducedForm { key, reduced } in snapshot.take(REDUCED)? {
            self.reduced.insert(key, Some(reduced));
        }
        Ok(())
    }

    fn open(&mut self, context: &RuntimeContext, _: &mut Turn<'_>) -> Result {
        self.context = context.clone();
        self.function.open(context)
    }

    fn process(&mut self, _: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        let records = batch.into_records::<T>()?;
        let mut keys = std::mem::take(&mut self.extracted);
        self.keys.extract(&records, &mut keys)?;
        if self.context.runtime_mode == RuntimeExecutionMode::Batch {
            for (key, record) in keys.drain(..).zip(records) {
                self.reduce(key, record)?;
            }
        } else {
            let out = turn.output::<T>(0)?;
            out.reserve(records.len());
            for (key, record) in keys.drain(..).zip(records) {
                out.extend(self.reduce(key, record)?.cloned());
            }
        }
        self.extracted = keys;
        Ok(Readiness::Ready)
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.emit_results(turn)
    }

    fn snapshot(&mut self, _: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        let forms: Vec<_> = self
            .reduced
            .iter()
            .filter_map(|(key, reduced)| Some(ReducedForm { key: key.clone(), reduced: reduced.clone()? }))
            .collect();
        let mut snapshot = KeyedSnapshot::new(&self.context);
        let part: FrozenPart = Box::new(move |snapshot| snapshot.add(REDUCED, forms, |form| &form.key));
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            part(&mut snapshot)?;
            snapshot.write(writer)
        }))
    }

    fn finish(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        if self.context.runtime_mode == RuntimeExecutionMode::Batch && self.results.is_none() {
            self.results = Some(std::mem::take(&mut self.reduced).into_values().flatten().collect());
        }
        self.emit_results(turn)
    }

    fn close(&mut self) -> Result {
        self.function.close()
    }
}
