//! The contexts that process functions get: what they read of the element, and the timers they set.

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;
use riverrun::stream::functions::KeyedProcessContext;
use riverrun::stream::time::TimeDomain;
use riverrun::stream::{Collector, Result, Timestamp};

use super::callbacks::Callbacks;
use super::errors::raised;
use super::key::PyKey;
use super::value::PyValue;

/// What a function asked of its timers during a call. It is done when the call is over, in order.
#[derive(Debug, Clone, Copy)]
enum TimerCommand {
    Register(TimeDomain, Timestamp),
    Delete(TimeDomain, Timestamp),
}

/// The context of a process function and its timer service, in one object that is used for all calls.
#[pyclass(module = "riverrun._native", name = "Context", frozen)]
pub(crate) struct PyContext {
    timestamp: AtomicI64,
    has_timestamp: std::sync::atomic::AtomicBool,
    now: AtomicI64,
    watermark: AtomicI64,
    /// 0: no timer is firing; 1: one of event time; 2: one of processing time.
    firing: AtomicU8,
    is_keyed: bool,
    key: Mutex<Option<Py<PyAny>>>,
    commands: Mutex<Vec<TimerCommand>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PyContext {
    pub(crate) fn new(py: Python<'_>, is_keyed: bool) -> PyResult<Py<Self>> {
        let context = Self {
            timestamp: 0.into(),
            has_timestamp: false.into(),
            now: 0.into(),
            watermark: Timestamp::MIN.into(),
            firing: 0.into(),
            is_keyed,
            key: Mutex::new(None),
            commands: Mutex::new(Vec::new()),
        };
        Py::new(py, context)
    }

    pub(crate) fn set_times(&self, timestamp: Option<Timestamp>, now: Timestamp, watermark: Timestamp) {
        self.timestamp.store(timestamp.unwrap_or_default(), Ordering::Relaxed);
        self.has_timestamp.store(timestamp.is_some(), Ordering::Relaxed);
        self.now.store(now, Ordering::Relaxed);
        self.watermark.store(watermark, Ordering::Relaxed);
    }

    /// Begins a call that is for no key: what was said of the key of the call before does not hold.
    pub(crate) fn set_unkeyed(&self) {
        self.firing.store(0, Ordering::Relaxed);
        let before = lock(&self.key).take();
        drop(before);
    }

    /// Takes over what the engine's context says.
    pub(crate) fn set_keyed(&self, py: Python<'_>, context: &KeyedProcessContext<'_, '_, PyKey>) {
        self.set_times(context.timestamp(), context.current_processing_time(), context.current_watermark());
        let firing = match context.time_domain() {
            None => 0,
            Some(TimeDomain::EventTime) => 1,
            Some(TimeDomain::ProcessingTime) => 2,
        };
        self.firing.store(firing, Ordering::Relaxed);
        let before = lock(&self.key).replace(context.current_key().bind(py).clone().unbind());
        drop(before);
    }

    /// Does to the timers what the call asked for.
    pub(crate) fn settle(&self, context: &mut KeyedProcessContext<'_, '_, PyKey>) {
        let mut commands = lock(&self.commands);
        for command in commands.drain(..) {
            match command {
                TimerCommand::Register(TimeDomain::EventTime, time) => context.register_event_time_timer(time),
                TimerCommand::Register(TimeDomain::ProcessingTime, time) => {
                    context.register_processing_time_timer(time);
                }
                TimerCommand::Delete(TimeDomain::EventTime, time) => context.delete_event_time_timer(time),
                TimerCommand::Delete(TimeDomain::ProcessingTime, time) => context.delete_processing_time_timer(time),
            }
        }
    }

    fn command(&self, command: TimerCommand) -> PyResult<()> {
        if !self.is_keyed {
            return Err(PyRuntimeError::new_err(
                "timers belong to a key, and this stream has none; call `key_by` before, and use a `KeyedProcessFunction`",
            ));
        }
        if lock(&self.key).is_none() {
            return Err(PyRuntimeError::new_err(
                "timers belong to a key, and what is broadcast has none; set them in `process_element` or `on_timer`",
            ));
        }
        lock(&self.commands).push(command);
        Ok(())
    }
}

#[pymethods]
impl PyContext {
    fn timestamp(&self) -> Option<Timestamp> {
        self.has_timestamp.load(Ordering::Relaxed).then(|| self.timestamp.load(Ordering::Relaxed))
    }

    fn timer_service(this: Py<Self>) -> Py<Self> {
        this
    }

    fn current_processing_time(&self) -> Timestamp {
        self.now.load(Ordering::Relaxed)
    }

    fn current_watermark(&self) -> Timestamp {
        self.watermark.load(Ordering::Relaxed)
    }

    fn register_processing_time_timer(&self, timestamp: Timestamp) -> PyResult<()> {
        self.command(TimerCommand::Register(TimeDomain::ProcessingTime, timestamp))
    }

    fn register_event_time_timer(&self, timestamp: Timestamp) -> PyResult<()> {
        self.command(TimerCommand::Register(TimeDomain::EventTime, timestamp))
    }

    fn delete_processing_time_timer(&self, timestamp: Timestamp) -> PyResult<()> {
        self.command(TimerCommand::Delete(TimeDomain::ProcessingTime, timestamp))
    }

    fn delete_event_time_timer(&self, timestamp: Timestamp) -> PyResult<()> {
        self.command(TimerCommand::Delete(TimeDomain::EventTime, timestamp))
    }

    fn get_current_key(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match (&*lock(&self.key), self.is_keyed) {
            (Some(key), true) => Ok(key.clone_ref(py)),
            (None, true) => Err(PyRuntimeError::new_err(
                "what is broadcast has no key; ask for it in `process_element` or `on_timer`",
            )),
            _ => Err(PyRuntimeError::new_err("this stream has no key; call `key_by` before the process function")),
        }
    }

    /// The domain of the timer that fires.
    fn time_domain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let name = match self.firing.load(Ordering::Relaxed) {
            1 => "EVENT_TIME",
            2 => "PROCESSING_TIME",
            _ => return Err(PyRuntimeError::new_err("no timer is firing; `time_domain` is for `on_timer`")),
        };
        py.import("riverrun.datastream.time_domain")?.getattr("TimeDomain")?.getattr(name)
    }
}

/// Emits what a process function returned or yields: records, and `(output_tag, record)` for side outputs.
pub(crate) fn emit_with_side_outputs(
    py: Python<'_>, callbacks: &Callbacks, returned: &Bound<'_, PyAny>, out: &mut Collector<'_, PyValue>,
    mut side: impl FnMut(&str, PyValue) -> Result,
) -> Result {
    if returned.is_none() {
        return Ok(());
    }
    for item in returned.try_iter().map_err(|error| raised(explain(py, error)))? {
        let item = item.map_err(raised)?;
        match tagged(&item).map_err(raised)? {
            Some((tag, value)) => side(&tag, PyValue::new(value))?,
            None => out.collect(callbacks.record(item)?),
        }
    }
    Ok(())
}

fn explain(py: Python<'_>, error: PyErr) -> PyErr {
    let better = PyTypeError::new_err(format!(
        "{}; a process function yields its results, returns an iterable of them, or returns None",
        error.value(py)
    ));
    better.set_cause(py, Some(error));
    better
}

type TaggedRecord<'py> = (String, Bound<'py, PyAny>);

/// The parts of `(output_tag, record)`.
fn tagged<'py>(item: &Bound<'py, PyAny>) -> PyResult<Option<TaggedRecord<'py>>> {
    static TAG: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let Ok(pair) = item.cast_exact::<PyTuple>() else { return Ok(None) };
    if pair.len() != 2 {
        return Ok(None);
    }
    let class = TAG.import(item.py(), "riverrun.datastream.output_tag", "OutputTag")?;
    let first = pair.get_item(0)?;
    if !first.is_instance(class)? {
        return Ok(None);
    }
    Ok(Some((first.getattr("tag_id")?.extract()?, pair.get_item(1)?)))
}
