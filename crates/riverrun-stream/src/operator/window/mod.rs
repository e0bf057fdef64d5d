//! Operators of windows.
//!
//! [`WindowOperator`] keeps a pane per key and window, whatever the assigner, trigger, contents and function; it is compiled for
//! each combination, so that a record costs one look-up of its key and no dynamic call. A record's panes are `element.rs`, merging
//! windows `merging.rs`, timers and results `firing.rs`, snapshots `snapshot.rs`. [`SlidingOperator`] does the same for sliding
//! windows whose results can be put together from those of shorter times.

mod contents;
mod element;
mod firing;
mod key_table;
mod late;
mod merging;
mod pane;
mod pane_function;
mod sliding;
mod snapshot;
mod timer_queue;

use std::collections::VecDeque;

use crate::batch::{Batch, DataType};
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Result;
use crate::functions::{Key, KeyExtractor};
use crate::operator::keyed::{KeyedCore, Pending};
use crate::operator::{BATCH_SIZE, FrozenState, Operator, Readiness, RestoredState, SnapshotRequest, Turn};
use crate::state::KeyedStateBackend;
use crate::time::TimeDomain;
use crate::window::{Trigger, Window, WindowAssigner};

use key_table::KeyTable;
use pane::Pane;
use timer_queue::{PaneId, TimerQueue};

pub(crate) use contents::{Aggregated, Contents, Evicted, Listed, MergeableContents, Reduced};
pub(crate) use late::LateRecords;
pub(crate) use pane_function::{AggregateThen, Apply, ApplyAll, Emit, PaneFunction, Process, ProcessAll, ReduceThen};
pub(crate) use sliding::SlidingOperator;

/// How many timers a turn looks at: one that makes nothing costs time too.
const TIMERS_PER_TURN: usize = 4 * BATCH_SIZE;

/// The windows of a key in their order. There are one or two of them at a time, as a rule.
type Panes<W, C, S, F> = Vec<(W, Pane<C, S, F>)>;

/// The windows of all keys.
type Table<K, W, C, S, F> = KeyTable<K, Panes<W, C, S, F>>;

/// Gathers the elements of each key in windows, and gives their contents to a function when the trigger says so.
pub(crate) struct WindowOperator<T, K, A, G, C, F>
where
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    C: Contents<T, A::Window>,
    F: PaneFunction<C::Element, K, A::Window>,
{
    assigner: A,
    trigger: G,
    contents: C,
    function: F,
    keys: KeyExtractor<T, K>,
    lateness: Timestamp,
    late: LateRecords<T>,
    table: Table<K, A::Window, C::Kept, G::State, F::State>,
    event_time: TimerQueue,
    processing_time: TimerQueue,
    /// Once the input has ended: the processing-time timers that fire although their time has not come.
    finishing: Option<VecDeque<(Timestamp, PaneId)>>,
    next_id: u64,
    /// Watermark, keyed state of the function, and the common parts of snapshots. The timers are kept here instead.
    core: KeyedCore<K, ()>,
    /// Whether the function asked for keyed state.
    has_states: bool,
    pending: Pending<K, T>,
    /// Reused from batch to batch.
    extracted: Vec<K>,
    /// Reused from record to record.
    assigned: Vec<A::Window>,
}

impl<T, K, A, G, C, F> WindowOperator<T, K, A, G, C, F>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    C: Contents<T, A::Window>,
    F: PaneFunction<C::Element, K, A::Window>,
{
    pub(crate) fn new(keys: KeyExtractor<T, K>, assigner: A, trigger: G, contents: C, function: F) -> Self {
        Self {
            assigner,
            trigger,
            contents,
            function,
            keys,
            lateness: 0,
            late: LateRecords::default(),
            table: KeyTable::default(),
            event_time: TimerQueue::default(),
            processing_time: TimerQueue::default(),
            finishing: None,
            next_id: 0,
            core: KeyedCore::default(),
            has_states: false,
            pending: Pending::default(),
            extracted: Vec::new(),
            assigned: Vec::new(),
        }
    }

    /// Keeps windows this long behind their end, and says where later records go.
    pub(crate) fn lateness(self, lateness: Timestamp, late: LateRecords<T>) -> Self {
        Self { lateness, late, ..self }
    }

    /// What a window's end is measured against.
    fn domain(&self) -> TimeDomain {
        if self.assigner.is_event_time() { TimeDomain::EventTime } else { TimeDomain::ProcessingTime }
    }

    /// When a window and all it keeps are forgotten.
    #[inline]
    fn cleanup_time(&self, window: &A::Window) -> Timestamp {
        let end = window.max_timestamp();
        if self.assigner.is_event_time() { end.saturating_add(self.lateness) } else { end }
    }

    /// Does what is pending and due, in that order: records came before the watermark that follows them.
    fn drive(&mut self, main: &mut Vec<StreamRecord<F::Out>>, turn: &mut Turn<'_>) -> Result<Readiness> {
        let now = turn.now();
        for _ in 0..TIMERS_PER_TURN {
            if is_full(main, turn) {
                break;
            }
            if let Some((key, record)) = self.pending.0.pop_front() {
                self.element(key, record, main, turn)?;
                continue;
            }
            if self.core.is_firing() {
                match self.event_time.pop(self.core.watermark()) {
                    Some((ticket, pane)) => self.timer(TimeDomain::EventTime, ticket, pane, main, turn)?,
                    None => self.core.fired(),
                }
                continue;
            }
            // A time is over once the clock shows a later one: what comes within it still belongs to it.
            if let Some((ticket, pane)) = self.processing_time.pop(now.saturating_sub(1)) {
                self.timer(TimeDomain::ProcessingTime, ticket, pane, main, turn)?;
                continue;
            }
            match self.finishing.as_mut().and_then(VecDeque::pop_front) {
                Some((time, pane)) => self.timer_of(TimeDomain::ProcessingTime, time, pane, main, turn)?,
                None => return Ok(Readiness::Ready),
            }
        }
        Ok(Readiness::Busy)
    }

    /// As `drive`, with the main output taken out of the turn, so that a function's context can reach the side outputs.
    fn advance(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        let mut main = std::mem::take(turn.output::<F::Out>(0)?);
        let outcome = self.drive(&mut main, turn);
        *turn.output::<F::Out>(0)? = main;
        self.settle(outcome?, turn)
    }

    fn settle(&mut self, readiness: Readiness, turn: &mut Turn<'_>) -> Result<Readiness> {
        if readiness == Readiness::Busy {
            turn.wake_now();
        } else {
            self.core.announce(turn);
            turn.wake_at(self.processing_time.first().map(|time| time.saturating_add(1)));
        }
        Ok(readiness)
    }
}

fn is_full<T>(main: &[T], turn: &Turn<'_>) -> bool {
    main.len() >= BATCH_SIZE || turn.is_full()
}

impl<T, K, A, G, C, F> Operator for WindowOperator<T, K, A, G, C, F>
where
    T: Data,
    K: Key,
    A: WindowAssigner<T>,
    G: Trigger<T, A::Window>,
    C: Contents<T, A::Window>,
    F: PaneFunction<C::Element, K, A::Window>,
{
    fn inputs(&self) -> Vec<DataType> {
        vec![DataType::of::<T>()]
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        let mut ports = vec![(String::new(), DataType::of::<F::Out>())];
        ports.extend(self.function.side_outputs());
        ports.extend(self.late.port());
        ports
    }

    fn restore(&mut self, state: RestoredState) -> Result {
        self.take_back(state)
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        self.late.open(context, turn)?;
        let (contents, function) = (&mut self.contents, &mut self.function);
        self.core.open(context, turn, |context| {
            contents.open(context)?;
            function.open(context)
        })?;
        self.has_states = !self.core.backend.states().is_empty();
        Ok(())
    }

    fn process(&mut self, _: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        let records = batch.into_records::<T>()?;
        let mut keys = std::mem::take(&mut self.extracted);
        self.keys.extract(&records, &mut keys)?;
        let mut main = std::mem::take(turn.output::<F::Out>(0)?);
        let mut arrived = keys.drain(..).zip(records);
        let mut outcome = Ok(());
        // What was due before the records came is done before them.
        if self.processing_time.first().is_none_or(|time| time >= turn.now()) {
            for (key, record) in arrived.by_ref() {
                match self.element(key, record, &mut main, turn) {
                    Ok(emitted) if emitted && is_full(&main, turn) => break,
                    Ok(_) => {}
                    Err(error) => {
                        outcome = Err(error);
                        break;
                    }
                }
            }
        } else {
            outcome = self.overdue(&mut main, turn);
        }
        self.pending.0.extend(arrived);
        self.extracted = keys;
        *turn.output::<F::Out>(0)? = main;
        outcome?;
        if self.pending.0.is_empty() { self.settle(Readiness::Ready, turn) } else { self.advance(turn) }
    }

    fn watermark(&mut self, _: usize, watermark: Timestamp, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.core.advance(watermark);
        self.advance(turn)
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.advance(turn)
    }

    fn snapshot(&mut self, _: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        self.freeze()
    }

    fn finish(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        self.finish_processing_time();
        self.advance(turn)
    }

    fn close(&mut self) -> Result {
        let contents = self.contents.close();
        self.function.close().and(contents)
    }
}
