//! When the contents of a window are given to its function: [`PyTrigger`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use riverrun::stream::window::{
    ContinuousEventTimeTrigger, ContinuousProcessingTimeTrigger, CountTrigger, EventTimeTrigger, NeverTrigger,
    ProcessingTimeTrigger, Trigger, TriggerContext, TriggerResult,
};
use riverrun::stream::{Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::PyWindow;
use crate::datastream::errors::raised;
use crate::datastream::named_states::{NamedStates, PyNamedStates};
use crate::datastream::value::PyValue;

/// The triggers that a program can choose.
#[derive(Clone)]
enum Kind {
    EventTime,
    ProcessingTime,
    Count(CountTrigger),
    ContinuousEventTime(ContinuousEventTimeTrigger),
    ContinuousProcessingTime(ContinuousProcessingTimeTrigger),
    Never,
    /// The user's: a Python function of the method's name, the context, the element or the time, and the window.
    Custom {
        call: Arc<Py<PyAny>>,
        can_merge: bool,
    },
}

/// A trigger, and whether the window is emptied whenever it fires.
#[derive(Clone)]
pub(crate) struct PyTrigger {
    kind: Kind,
    is_purging: bool,
}

/// What a trigger keeps for a window.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TriggerState {
    count: u64,
    next: Option<Timestamp>,
    /// Of a trigger of the user's.
    custom: NamedStates,
}

impl PyTrigger {
    fn of(kind: Kind) -> Self {
        Self { kind, is_purging: false }
    }

    pub(crate) fn event_time() -> Self {
        Self::of(Kind::EventTime)
    }

    pub(crate) fn processing_time() -> Self {
        Self::of(Kind::ProcessingTime)
    }

    pub(crate) fn count(size: u64) -> Self {
        Self::of(Kind::Count(CountTrigger::of(size)))
    }

    pub(crate) fn never() -> Self {
        Self::of(Kind::Never)
    }

    pub(crate) fn custom(call: Arc<Py<PyAny>>, can_merge: bool) -> Self {
        Self::of(Kind::Custom { call, can_merge })
    }

    /// The trigger that Python describes by its name and a number.
    pub(crate) fn named(name: &str, number: u64) -> Option<Self> {
        let interval = Duration::from_millis(number);
        Some(match name {
            "event time" => Self::event_time(),
            "processing time" => Self::processing_time(),
            "count" => Self::count(number),
            "continuous event time" => Self::of(Kind::ContinuousEventTime(ContinuousEventTimeTrigger::of(interval))),
            "continuous processing time" => {
                Self::of(Kind::ContinuousProcessingTime(ContinuousProcessingTimeTrigger::of(interval)))
            }
            "never" => Self::never(),
            _ => return None,
        })
    }

    pub(crate) fn purging(self) -> Self {
        Self { is_purging: true, ..self }
    }

    fn result(&self, result: TriggerResult) -> TriggerResult {
        if self.is_purging && result.is_fire() { TriggerResult::FireAndPurge } else { result }
    }
}

/// The context of a trigger of the user's: times, timers, and the state of the window.
#[pyclass(module = "riverrun._native", name = "TriggerContext", frozen)]
pub(crate) struct PyTriggerContext {
    now: Timestamp,
    watermark: Timestamp,
    timers: Mutex<Vec<(bool, bool, Timestamp)>>,
    states: Py<PyNamedStates>,
    merged: Vec<Py<PyNamedStates>>,
}

#[pymethods]
impl PyTriggerContext {
    fn get_current_processing_time(&self) -> Timestamp {
        self.now
    }

    fn get_current_watermark(&self) -> Timestamp {
        self.watermark
    }

    fn register_processing_time_timer(&self, time: Timestamp) {
        self.timer(true, false, time);
    }

    fn register_event_time_timer(&self, time: Timestamp) {
        self.timer(true, true, time);
    }

    fn delete_processing_time_timer(&self, time: Timestamp) {
        self.timer(false, false, time);
    }

    fn delete_event_time_timer(&self, time: Timestamp) {
        self.timer(false, true, time);
    }

    /// The states of the window.
    fn states(&self, py: Python<'_>) -> Py<PyNamedStates> {
        self.states.clone_ref(py)
    }

    /// Those of the windows that have become this one.
    fn merged_states(&self, py: Python<'_>) -> Vec<Py<PyNamedStates>> {
        self.merged.iter().map(|states| states.clone_ref(py)).collect()
    }
}

impl PyTriggerContext {
    fn timer(&self, is_set: bool, is_event_time: bool, time: Timestamp) {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner).push((is_set, is_event_time, time));
    }
}

fn lent(py: Python<'_>, states: NamedStates) -> Result<Py<PyNamedStates>> {
    Py::new(py, PyNamedStates::lent(states)).map_err(raised)
}

/// What a method of the user's trigger is called with, beside the context.
struct Call<'c> {
    method: &'static str,
    window: &'c PyWindow,
    element: Option<&'c PyValue>,
    time: Option<Timestamp>,
    /// What the windows had that have become this one.
    merged: Vec<TriggerState>,
}

impl<'c> Call<'c> {
    fn of(method: &'static str, window: &'c PyWindow, time: Option<Timestamp>) -> Self {
        Self { method, window, element: None, time, merged: Vec::new() }
    }
}

/// Calls a method of the user's trigger.
fn call(
    function: &Py<PyAny>, state: &mut TriggerState, context: &mut TriggerContext<'_>, call: Call<'_>,
) -> Result<TriggerResult> {
    let Call { method, window, element, time, merged } = call;
    Python::attach(|py| {
        let python_context = PyTriggerContext {
            now: context.current_processing_time(),
            watermark: context.current_watermark(),
            timers: Mutex::default(),
            states: lent(py, std::mem::take(&mut state.custom))?,
            merged: merged.into_iter().map(|state| lent(py, state.custom)).collect::<Result<_>>()?,
        };
        let python_context = Bound::new(py, python_context).map_err(raised)?;
        let element = element.map(|element| element.bind(py));
        let window = window.to_python(py).map_err(raised)?;
        let answer = function.bind(py).call1((method, &python_context, element, time, window));
        let of_call = python_context.get();
        state.custom = of_call.states.get().take_back();
        of_call.merged.iter().for_each(|states| drop(states.get().take_back()));
        let answer = answer.map_err(raised)?;
        for (is_set, is_event_time, time) in of_call.timers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            match (is_set, is_event_time) {
                (true, true) => context.register_event_time_timer(time),
                (true, false) => context.register_processing_time_timer(time),
                (false, true) => context.delete_event_time_timer(time),
                (false, false) => context.delete_processing_time_timer(time),
            }
        }
        let (fires, purges): (bool, bool) = answer.extract().map_err(raised)?;
        Ok(match (fires, purges) {
            (true, true) => TriggerResult::FireAndPurge,
            (true, false) => TriggerResult::Fire,
            (false, true) => TriggerResult::Purge,
            (false, false) => TriggerResult::Continue,
        })
    })
}

impl Trigger<PyValue, PyWindow> for PyTrigger {
    type State = TriggerState;

    fn check(&self) -> Result<(), String> {
        match &self.kind {
            Kind::ContinuousEventTime(trigger) => Trigger::<PyValue, PyWindow>::check(trigger),
            Kind::ContinuousProcessingTime(trigger) => Trigger::<PyValue, PyWindow>::check(trigger),
            Kind::Count(trigger) => Trigger::<PyValue, PyWindow>::check(trigger),
            _ => Ok(()),
        }
    }

    fn on_element(
        &mut self, element: &PyValue, timestamp: Option<Timestamp>, window: &PyWindow, state: &mut TriggerState,
        context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        let result = match &mut self.kind {
            Kind::EventTime => EventTimeTrigger.on_element(element, timestamp, window, &mut (), context),
            Kind::ProcessingTime => ProcessingTimeTrigger.on_element(element, timestamp, window, &mut (), context),
            Kind::Count(trigger) => trigger.on_element(element, timestamp, window, &mut state.count, context),
            Kind::ContinuousEventTime(trigger) => {
                trigger.on_element(element, timestamp, window, &mut state.next, context)
            }
            Kind::ContinuousProcessingTime(trigger) => {
                trigger.on_element(element, timestamp, window, &mut state.next, context)
            }
            Kind::Never => NeverTrigger.on_element(element, timestamp, window, &mut (), context),
            Kind::Custom { call: function, .. } => call(
                function,
                state,
                context,
                Call { element: Some(element), ..Call::of("on_element", window, timestamp) },
            ),
        }?;
        Ok(self.result(result))
    }

    fn on_event_time(
        &mut self, time: Timestamp, window: &PyWindow, state: &mut TriggerState, context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        type T = PyValue;
        let result = match &mut self.kind {
            Kind::EventTime => Trigger::<T, _>::on_event_time(&mut EventTimeTrigger, time, window, &mut (), context),
            Kind::ContinuousEventTime(trigger) => {
                Trigger::<T, _>::on_event_time(trigger, time, window, &mut state.next, context)
            }
            Kind::Custom { call: function, .. } => {
                call(function, state, context, Call::of("on_event_time", window, Some(time)))
            }
            _ => Ok(TriggerResult::Continue),
        }?;
        Ok(self.result(result))
    }

    fn on_processing_time(
        &mut self, time: Timestamp, window: &PyWindow, state: &mut TriggerState, context: &mut TriggerContext<'_>,
    ) -> Result<TriggerResult> {
        type T = PyValue;
        let result = match &mut self.kind {
            Kind::ProcessingTime => {
                Trigger::<T, _>::on_processing_time(&mut ProcessingTimeTrigger, time, window, &mut (), context)
            }
            Kind::ContinuousProcessingTime(trigger) => {
                Trigger::<T, _>::on_processing_time(trigger, time, window, &mut state.next, context)
            }
            Kind::Custom { call: function, .. } => {
                call(function, state, context, Call::of("on_processing_time", window, Some(time)))
            }
            _ => Ok(TriggerResult::Continue),
        }?;
        Ok(self.result(result))
    }

    fn can_merge(&self) -> bool {
        match &self.kind {
            Kind::Never => false,
            Kind::Custom { can_merge, .. } => *can_merge,
            _ => true,
        }
    }

    fn on_merge(
        &mut self, window: &PyWindow, state: &mut TriggerState, merged: Vec<TriggerState>,
        context: &mut TriggerContext<'_>,
    ) -> Result {
        type T = PyValue;
        let next = |merged: Vec<TriggerState>| merged.into_iter().map(|state| state.next).collect();
        match &mut self.kind {
            Kind::EventTime => {
                let none = vec![(); merged.len()];
                Trigger::<T, _>::on_merge(&mut EventTimeTrigger, window, &mut (), none, context)
            }
            Kind::ProcessingTime => {
                let none = vec![(); merged.len()];
                Trigger::<T, _>::on_merge(&mut ProcessingTimeTrigger, window, &mut (), none, context)
            }
            Kind::Count(trigger) => {
                let counts = merged.into_iter().map(|state| state.count).collect();
                Trigger::<T, _>::on_merge(trigger, window, &mut state.count, counts, context)
            }
            Kind::ContinuousEventTime(trigger) => {
                Trigger::<T, _>::on_merge(trigger, window, &mut state.next, next(merged), context)
            }
            Kind::ContinuousProcessingTime(trigger) => {
                Trigger::<T, _>::on_merge(trigger, window, &mut state.next, next(merged), context)
            }
            Kind::Never => Ok(()),
            Kind::Custom { call: function, .. } => {
                call(function, state, context, Call { merged, ..Call::of("on_merge", window, None) }).map(drop)
            }
        }
    }

    fn clear(&mut self, window: &PyWindow, state: &mut TriggerState, context: &mut TriggerContext<'_>) -> Result {
        match &self.kind {
            Kind::Custom { call: function, .. } => {
                call(function, state, context, Call::of("clear", window, None)).map(drop)
            }
            _ => Ok(()),
        }
    }
}
