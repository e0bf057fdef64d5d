//! What every keyed operator has: state, timers, the watermark, and the records that it has taken and not processed.

use serde::{Deserialize, Serialize};

use crate::context::RuntimeContext;
use crate::element::Timestamp;
use crate::error::Result;
use crate::functions::Key;
use crate::operator::function_state::FunctionState;
use crate::operator::{FrozenState, RestoredState, SnapshotWriter, Turn, decode_state, encode_state};
use crate::state::{FrozenPart, HeapBackend, KeyedSnapshot, KeyedStateBackend, StateRegistrar};
use crate::time::{FiredTimer, TimerService};

const TIMERS: &str = "timers";
const EVENT_TIME: &str = "event time";

/// How far event time has come in a subtask. All subtasks get all of these, and go on from the earliest: what was late
/// before a restore is late after it.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct EventTime {
    watermark: Timestamp,
    firing: bool,
}

/// The machinery of a keyed operator, apart from its inputs and its function.
pub(crate) struct KeyedCore<K, N, B = HeapBackend<K>> {
    pub(crate) backend: B,
    pub(crate) timers: TimerService<K, N>,
    watermark: Timestamp,
    /// The last watermark that was emitted.
    announced: Timestamp,
    /// Whether timers at or before the watermark are still to be fired.
    firing: bool,
    /// Once the input has ended: timers set before this number fire, whatever the time.
    finishing: Option<u64>,
    function_state: FunctionState,
    restored: KeyedSnapshot,
    context: RuntimeContext,
}

impl<K: Key, N: Key, B: KeyedStateBackend<K>> Default for KeyedCore<K, N, B> {
    fn default() -> Self {
        Self {
            backend: B::default(),
            timers: TimerService::default(),
            watermark: Timestamp::MIN,
            announced: Timestamp::MIN,
            firing: false,
            finishing: None,
            function_state: FunctionState::default(),
            restored: KeyedSnapshot::default(),
            context: RuntimeContext::detached("not opened"),
        }
    }
}

impl<K: Key, N: Key, B: KeyedStateBackend<K>> KeyedCore<K, N, B> {
    /// Takes back a snapshot. What belongs to the operator itself is in the [`KeyedSnapshot`] that is returned, to be taken
    /// out of and then given to [`open`](Self::open).
    pub(crate) fn restore(&mut self, mut state: RestoredState) -> Result<&mut KeyedSnapshot> {
        self.restored = KeyedSnapshot::read(std::mem::take(&mut state.key_groups))?;
        self.timers.restore(&mut self.restored, TIMERS)?;
        let times = state.union.remove(EVENT_TIME).unwrap_or_default();
        let times: Vec<EventTime> =
            times.iter().map(|entry| decode_state(EVENT_TIME, entry)).collect::<Result<_, _>>()?;
        self.watermark = times.iter().map(|time| time.watermark).min().unwrap_or(Timestamp::MIN);
        self.firing = times.iter().any(|time| time.firing);
        self.function_state.restore(state);
        Ok(&mut self.restored)
    }

    /// Opens the function, which may ask for state, and sets the alarms.
    pub(crate) fn open(
        &mut self, context: &RuntimeContext, turn: &mut Turn<'_>, open: impl FnOnce(&RuntimeContext) -> Result,
    ) -> Result {
        let states = StateRegistrar::default();
        let mut for_function = self.function_state.context(context);
        for_function.keyed_state = Some(states.clone());
        self.context = context.clone();
        open(&for_function)?;
        self.function_state.opened()?;
        self.backend.register(&states, &mut self.restored)?;
        // Whatever was restored comes before the first element.
        turn.wake_now();
        Ok(())
    }

    pub(crate) fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Event time has come this far: timers up to it are due, and it is emitted behind what they make.
    pub(crate) fn advance(&mut self, watermark: Timestamp) {
        if watermark > self.watermark {
            self.watermark = watermark;
            self.firing = true;
        }
    }

    /// Whether timers at or before the watermark are still to be fired.
    pub(crate) fn is_firing(&self) -> bool {
        self.firing
    }

    /// All timers at or before the watermark were fired.
    pub(crate) fn fired(&mut self) {
        self.firing = false;
    }

    /// The input has ended: the processing-time timers that are set now fire, those that they set do not.
    pub(crate) fn finish(&mut self) {
        self.finishing.get_or_insert(self.timers.next_number());
    }

    /// The next timer that is due.
    pub(crate) fn next_timer(&mut self, now: Timestamp) -> Option<FiredTimer<K, N>> {
        if self.firing {
            if let Some(timer) = self.timers.pop_event_time(self.watermark) {
                return Some(timer);
            }
            self.firing = false;
        }
        if let Some(timer) = self.timers.pop_processing_time(now) {
            return Some(timer);
        }
        self.timers.pop_processing_time_before(self.finishing?)
    }

    /// After all that is due has been done: emits the watermark and sets the alarm.
    pub(crate) fn settle(&mut self, turn: &mut Turn<'_>) {
        self.announce(turn);
        turn.wake_at(self.timers.first_processing_time());
    }

    /// Emits the watermark, behind all that it made.
    pub(crate) fn announce(&mut self, turn: &mut Turn<'_>) {
        if self.watermark > self.announced {
            self.announced = self.watermark;
            turn.emit_watermark(self.watermark);
        }
    }

    /// Freezes all of it, with the parts that the operator adds itself.
    pub(crate) fn freeze(&self, parts: Vec<FrozenPart>) -> Result<Box<dyn FrozenState>> {
        let mut snapshot = KeyedSnapshot::new(&self.context);
        let kept = self.restored.clone();
        let time = EventTime { watermark: self.watermark, firing: self.firing };
        let (timers, states) = (self.timers.freeze(TIMERS), self.backend.freeze());
        let function_state = self.function_state.freeze()?;
        Ok(Box::new(move |writer: &mut dyn SnapshotWriter| {
            for part in parts.into_iter().chain([timers, states]) {
                part(&mut snapshot)?;
            }
            snapshot.keep(kept);
            snapshot.write(writer)?;
            writer.union_entry(EVENT_TIME, encode_state(EVENT_TIME, &time)?)?;
            function_state(writer)
        }))
    }
}
