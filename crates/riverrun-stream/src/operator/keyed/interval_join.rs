//! Joins two keyed streams on the distance of their times.

use std::collections::{BTreeMap, VecDeque};

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::{FunctionError, Result};
use crate::functions::{Collector, Key, KeyExtractor, ProcessJoinContext, ProcessJoinFunction};
use crate::metrics::Counter;
use crate::operator::keyed::KeyedCore;
use crate::operator::keyed::interval_buffer::IntervalBuffer;
use crate::operator::{
    BATCH_SIZE, FrozenState, Operator, Readiness, RestoredState, SnapshotRequest, SnapshotWriter, Turn,
};
use crate::state::{FrozenPart, KeyedSnapshot};
use crate::time::InputWatermarks;

const BUFFERS: &str = "buffers";
const PENDING: &str = "pending";

/// Which pairs an interval join makes: those with `left + lower <= right <= left + upper`, in milliseconds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// The least that the right record may come after the left one.
    pub lower: i64,
    /// The most.
    pub upper: i64,
}

impl Interval {
    /// The times of right records that belong to a left one, first and last.
    fn of_left(self, time: Timestamp) -> (Timestamp, Timestamp) {
        within_time(i128::from(time) + i128::from(self.lower), i128::from(time) + i128::from(self.upper))
    }

    /// The times of left records that belong to a right one, first and last.
    fn of_right(self, time: Timestamp) -> (Timestamp, Timestamp) {
        within_time(i128::from(time) - i128::from(self.upper), i128::from(time) - i128::from(self.lower))
    }

    /// The first left time that a right record at or behind the watermark can still belong to. A record whose time is the
    /// watermark's is not late.
    fn left_horizon(self, watermark: Timestamp) -> Timestamp {
        watermark.saturating_sub(self.upper)
    }

    fn right_horizon(self, watermark: Timestamp) -> Timestamp {
        watermark.saturating_add(self.lower)
    }
}

/// The part of a range that timestamps can express; a range that is behind its own end where there is none.
fn within_time(first: i128, last: i128) -> (Timestamp, Timestamp) {
    let (least, most) = (i128::from(Timestamp::MIN), i128::from(Timestamp::MAX));
    if first > most || last < least {
        return (Timestamp::MAX, Timestamp::MIN);
    }
    (first.max(least) as Timestamp, last.min(most) as Timestamp)
}

/// The side outputs of late records, by the names of their ports.
#[derive(Debug, Clone, Default)]
pub struct LateOutputs {
    /// For those of the left stream.
    pub left: Option<String>,
    /// For those of the right stream.
    pub right: Option<String>,
}

/// Both sides of one key.
#[derive(Clone)]
struct Buffers<L, R> {
    left: IntervalBuffer<L>,
    right: IntervalBuffer<R>,
    /// When the watermark has come this far, something here is of no use any more; a check is set for then.
    check: Timestamp,
}

impl<L, R> Default for Buffers<L, R> {
    fn default() -> Self {
        Self { left: IntervalBuffer::default(), right: IntervalBuffer::default(), check: Timestamp::MAX }
    }
}

/// A record of either side.
#[derive(Clone, Serialize, Deserialize)]
enum Side<L, R> {
    Left(L),
    Right(R),
}

/// A record that was taken and is not joined with all that it belongs to.
#[derive(Clone, Serialize, Deserialize)]
struct PendingRecord<K, L, R> {
    number: usize,
    key: K,
    time: Timestamp,
    side: Side<L, R>,
    /// How many of the records that it belongs to it has been joined with.
    joined: usize,
}

#[derive(Clone, Serialize, Deserialize)]
struct BuffersForm<K, L, R> {
    key: K,
    left: Vec<(Timestamp, L)>,
    right: Vec<(Timestamp, R)>,
}

/// Any number of records out for each record in. A turn stops when its output is full, also in the middle of a record's pairs.
pub struct IntervalJoinOperator<K, L, R, F> {
    function: F,
    interval: Interval,
    late_outputs: LateOutputs,
    left_keys: KeyExtractor<L, K>,
    right_keys: KeyExtractor<R, K>,
    core: KeyedCore<K, ()>,
    inputs: InputWatermarks,
    buffers: HashMap<K, Buffers<L, R>>,
    /// The keys to look at when the watermark has come so far.
    checks: BTreeMap<Timestamp, Vec<K>>,
    pending: VecDeque<PendingRecord<K, L, R>>,
    late_dropped: Counter,
}

impl<K: Key, L: Data, R: Data, F: ProcessJoinFunction<L, R>> IntervalJoinOperator<K, L, R, F>
where
    F::Out: Data,
{
    /// An operator that calls `function` for the pairs of an interval.
    pub fn new(
        left_keys: KeyExtractor<L, K>, right_keys: KeyExtractor<R, K>, interval: Interval, late_outputs: LateOutputs,
        function: F,
    ) -> Self {
        Self {
            function,
            interval,
            late_outputs,
            left_keys,
            right_keys,
            core: KeyedCore::default(),
            inputs: InputWatermarks::new(2),
            buffers: HashMap::new(),
            checks: BTreeMap::new(),
            pending: VecDeque::new(),
            late_dropped: Counter::default(),
        }
    }

    /// Adds the records of a batch to those that wait; late ones go elsewhere.
    fn take<T: Data>(
        &mut self, batch: Batch, keys: &KeyExtractor<T, K>, late_output: Option<String>, side: fn(T) -> Side<L, R>,
        turn: &mut Turn<'_>,
    ) -> Result {
        let records = batch.into_records::<T>()?;
        let mut extracted = Vec::new();
        keys.extract(&records, &mut extracted)?;
        let watermark = self.core.watermark();
        for (key, StreamRecord { value, timestamp }) in extracted.into_iter().zip(records) {
            let Some(time) = timestamp else {
                return Err(FunctionError::new(
                    "a record without a timestamp came to an interval join, which joins by time; call `assign_timestamps_and_watermarks` before it",
                ));
            };
            if time < watermark {
                match &late_output {
                    Some(port) => {
                        let port = turn.port_named(port)?;
                        turn.output(port)?.push(StreamRecord::at(value, time));
                    }
                    None => self.late_dropped.add(1),
                }
                continue;
            }
            self.pending.push_back(PendingRecord { number: 0, key, time, side: side(value), joined: 0 });
        }
        Ok(())
    }

    /// Joins what waits, as far as the output has room; true when nothing is left.
    fn join(&mut self, main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>) -> Result<bool> {
        while let Some(mut record) = self.pending.pop_front() {
            let time = record.time;
            let buffers = self.buffers.entry_ref(&record.key).or_default();
            let function = &mut self.function;
            let mut all = true;
            match &record.side {
                Side::Left(left) => {
                    let (lower, upper) = self.interval.of_left(time);
                    for (other, right) in buffers.right.between(lower, upper, record.joined) {
                        pair(function, (time, left), (*other, right), main, turn)?;
                        record.joined += 1;
                        if is_full(main, turn) {
                            all = false;
                            break;
                        }
                    }
                }
                Side::Right(right) => {
                    let (lower, upper) = self.interval.of_right(time);
                    for (other, left) in buffers.left.between(lower, upper, record.joined) {
                        pair(function, (*other, left), (time, right), main, turn)?;
                        record.joined += 1;
                        if is_full(main, turn) {
                            all = false;
                            break;
                        }
                    }
                }
            }
            if !all {
                self.pending.push_front(record);
                return Ok(false);
            }
            self.keep(record);
        }
        Ok(true)
    }

    /// Puts a record that was joined with all that is there to where later ones find it.
    fn keep(&mut self, record: PendingRecord<K, L, R>) {
        let PendingRecord { key, time, side, .. } = record;
        let buffers = self.buffers.entry_ref(&key).or_default();
        match side {
            Side::Left(left) => buffers.left.insert(time, left),
            Side::Right(right) => buffers.right.insert(time, right),
        }
        let check = next_check(buffers, self.interval);
        if check < buffers.check {
            buffers.check = check;
            self.checks.entry(check).or_default().push(key);
        }
    }

    /// Forgets what no record can belong to any more. Each look finds something, since it was set for that.
    fn clean_up(&mut self) {
        let watermark = self.core.watermark();
        while let Some(entry) = self.checks.first_entry().filter(|entry| *entry.key() <= watermark) {
            let time = *entry.key();
            for key in entry.remove() {
                let Some(buffers) = self.buffers.get_mut(&key).filter(|buffers| buffers.check == time) else {
                    continue;
                };
                buffers.left.prune(self.interval.left_horizon(watermark));
                buffers.right.prune(self.interval.right_horizon(watermark));
                if buffers.left.is_empty() && buffers.right.is_empty() {
                    self.buffers.remove(&key);
                    continue;
                }
                buffers.check = next_check(buffers, self.interval);
                let check = buffers.check;
                // At the end of time nothing is set, or the look would be at once, again and again.
                if check > watermark {
                    self.checks.entry(check).or_default().push(key);
                }
            }
        }
    }

    fn advance(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        if !self.pending.is_empty() {
            let mut main = std::mem::take(turn.output::<F::Out>(0)?);
            let joined = self.join(&mut main, turn);
            *turn.output::<F::Out>(0)? = main;
            if !joined? {
                turn.wake_now();
                return Ok(Readiness::Busy);
            }
        }
        self.clean_up();
        self.core.settle(turn);
        Ok(Readiness::Ready)
    }
}

/// When the watermark has come this far, the first record of a side is of no use.
fn next_check<L, R>(buffers: &Buffers<L, R>, interval: Interval) -> Timestamp {
    let left = buffers.left.first().map(|time| time.saturating_add(interval.upper).saturating_add(1));
    let right = buffers.right.first().map(|time| time.saturating_sub(interval.lower).saturating_add(1));
    [left, right].into_iter().flatten().min().unwrap_or(Timestamp::MAX)
}

fn pair<L, R, F: ProcessJoinFunction<L, R>>(
    function: &mut F, (left_time, left): (Timestamp, &L), (right_time, right): (Timestamp, &R),
    main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>,
) -> Result {
    let mut context = ProcessJoinContext { turn, left: left_time, right: right_time };
    let timestamp = Some(context.timestamp());
    function.process_element(left, right, &mut context, &mut Collector::new(main, timestamp))
}

fn is_full<T>(main: &[T], turn: &Turn<'_>) -> bool {
    main.len() >= BATCH_SIZE || turn.is_full()
}

impl<K: Key, L: Data, R: Data, F: ProcessJoinFunction<L, R>> Operator for IntervalJoinOperator<K, L, R, F>
where
    F::Out: Data,
{
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<L>(), DataType::of::<R>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        let mut ports = vec![(String::new(), DataType::of::<F::Out>())];
        ports.extend(self.function.side_outputs());
        ports.extend(self.late_outputs.left.iter().map(|name| (name.clone(), DataType::of::<L>())));
        ports.extend(self.late_outputs.right.iter().map(|name| (name.clone(), DataType::of::<R>())));
        ports
    }

    fn restore(&mut self, mut state: RestoredState) -> Result {
        self.inputs.restore(&mut state)?;
        let snapshot: &mut KeyedSnapshot = self.core.restore(state)?;
        let buffers: Vec<BuffersForm<K, L, R>> = snapshot.take(BUFFERS)?;
        let mut pending: Vec<PendingRecord<K, L, R>> = snapshot.take(PENDING)?;
        pending.sort_by_key(|record| record.number);
        self.pending = pending.into();
        for BuffersForm { key, left, right } in buffers {
            let mut restored = Buffers {
                left: IntervalBuffer(left.into()),
                right: IntervalBuffer(right.into()),
                ..Buffers::default()
            };
            restored.check = next_check(&restored, self.interval);
            self.checks.entry(restored.check).or_default().push(key.clone());
            self.buffers.insert(key, restored);
        }
        Ok(())
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        self.late_dropped = context.metrics.counter("numLateRecordsDropped");
        self.core.open(context, turn, |context| self.function.open(context))
    }

    fn process(&mut self, input: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        if input == 0 {
            let (keys, late) = (self.left_keys.clone(), self.late_outputs.left.clone());
            self.take(batch, &keys, late, Side::Left, turn)?;
        } else {
            let (keys, late) = (self.right_keys.clone(), self.late_outputs.right.clone());
            self.take(batch, &keys, late, Side::Right, turn)?;
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
        let buffers: Vec<BuffersForm<K, L, R>> = self
            .buffers
            .iter()
            .map(|(key, buffers)| BuffersForm {
                key: key.clone(),
                left: buffers.left.0.iter().cloned().collect(),
                right: buffers.right.0.iter().cloned().collect(),
            })
            .collect();
        let mut pending: Vec<_> = self.pending.iter().cloned().collect();
        for (number, record) in pending.iter_mut().enumerate() {
            record.number = number;
        }
        let buffers: FrozenPart = Box::new(move |snapshot| snapshot.add(BUFFERS, buffers, |form| &form.key));
        let pending: FrozenPart = Box::new(move |snapshot| snapshot.add(PENDING, pending, |record| &record.key));
        let (core, inputs) = (self.core.freeze(vec![buffers, pending])?, self.inputs.clone());
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            inputs.write(writer)?;
            core.write(writer)
        }))
    }

    fn finish(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.advance(turn)
    }

    fn close(&mut self) -> Result {
        self.function.close()
    }
}
