//! Which windows an element belongs to: [`PyAssigner`].

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use riverrun::stream::window::{
    EventTimeSessionWindows, ProcessingTimeSessionWindows, SlidingEventTimeWindows, SlidingProcessingTimeWindows,
    TimeWindow, TumblingEventTimeWindows, TumblingProcessingTimeWindows, WindowAssigner,
};
use riverrun::stream::{FunctionError, Result, Timestamp};

use super::{PyTrigger, PyWindow};
use crate::datastream::errors::raised;
use crate::datastream::value::PyValue;

/// The assigners that a program can choose.
#[derive(Clone)]
pub(crate) enum Kind {
    TumblingEventTime(TumblingEventTimeWindows),
    TumblingProcessingTime(TumblingProcessingTimeWindows),
    SlidingEventTime(SlidingEventTimeWindows),
    SlidingProcessingTime(SlidingProcessingTimeWindows),
    EventTimeSession(EventTimeSessionWindows<PyValue>),
    ProcessingTimeSession(ProcessingTimeSessionWindows<PyValue>),
    /// Sessions with a gap in milliseconds that a Python function gives for each element.
    DynamicSession {
        gap: Arc<Py<PyAny>>,
        is_event_time: bool,
    },
    Global,
    /// Windows of `size` elements every `slide`; elements come as `(number, element)`.
    Count {
        size: i64,
        slide: i64,
    },
    /// The user's: a Python function of element, timestamp and processing time.
    Custom {
        assign: Arc<Py<PyAny>>,
        is_event_time: bool,
        trigger: PyTrigger,
    },
}

/// An assigner. Whether its windows merge is known when the program is built.
#[derive(Clone)]
pub(crate) struct PyAssigner<const MERGING: bool> {
    pub(crate) kind: Kind,
    times: Vec<TimeWindow>,
}

impl<const MERGING: bool> PyAssigner<MERGING> {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, times: Vec::new() }
    }

    /// Assigns by one of the engine's own.
    fn by<A: WindowAssigner<PyValue, Window = TimeWindow>>(
        assigner: &mut A, times: &mut Vec<TimeWindow>, element: &PyValue, timestamp: Option<Timestamp>, now: Timestamp,
        windows: &mut Vec<PyWindow>,
    ) -> Result {
        assigner.assign_windows(element, timestamp, now, times)?;
        windows.extend(times.drain(..).map(PyWindow::Time));
        Ok(())
    }
}

fn session(gap: &Py<PyAny>, element: &PyValue, start: Timestamp) -> Result<PyWindow> {
    let gap: i64 =
        Python::attach(|py| gap.bind(py).call1((element.bind(py),)).and_then(|gap| gap.extract()).map_err(raised))?;
    if gap <= 0 {
        return Err(FunctionError::new(format!(
            "the gap extractor of a session window gave {gap} ms for an element; it has to give at least 1 ms"
        )));
    }
    Ok(PyWindow::Time(TimeWindow::new(start, start.saturating_add(gap))))
}

fn event_time(timestamp: Option<Timestamp>) -> Result<Timestamp> {
    timestamp.ok_or_else(|| {
        FunctionError::new(
            "a window of event time got a record without a timestamp; call `assign_timestamps_and_watermarks` before the window, or use windows of processing time",
        )
    })
}

impl<const MERGING: bool> WindowAssigner<PyValue> for PyAssigner<MERGING> {
    type Window = PyWindow;
    type DefaultTrigger = PyTrigger;

    const IS_MERGING: bool = MERGING;

    fn name(&self) -> &'static str {
        match self.kind {
            Kind::TumblingEventTime(_) => "TumblingEventTimeWindows",
            Kind::TumblingProcessingTime(_) => "TumblingProcessingTimeWindows",
            Kind::SlidingEventTime(_) => "SlidingEventTimeWindows",
            Kind::SlidingProcessingTime(_) => "SlidingProcessingTimeWindows",
            Kind::EventTimeSession(_) => "EventTimeSessionWindows",
            Kind::ProcessingTimeSession(_) => "ProcessingTimeSessionWindows",
            Kind::DynamicSession { is_event_time: true, .. } => "DynamicEventTimeSessionWindows",
            Kind::DynamicSession { .. } => "DynamicProcessingTimeSessionWindows",
            Kind::Global => "GlobalWindows",
            Kind::Count { .. } => "CountWindows",
            Kind::Custom { .. } => "Windows",
        }
    }

    fn check(&self) -> Result<(), String> {
        match &self.kind {
            Kind::TumblingEventTime(windows) => WindowAssigner::<PyValue>::check(windows),
            Kind::TumblingProcessingTime(windows) => WindowAssigner::<PyValue>::check(windows),
            Kind::SlidingEventTime(windows) => WindowAssigner::<PyValue>::check(windows),
            Kind::SlidingProcessingTime(windows) => WindowAssigner::<PyValue>::check(windows),
            Kind::EventTimeSession(windows) => windows.check(),
            Kind::ProcessingTimeSession(windows) => windows.check(),
            Kind::Count { size, slide } if *size < 1 || *slide < 1 => {
                Err(format!("a size of {size} elements and a slide of {slide}; give at least 1"))
            }
            _ => Ok(()),
        }
    }

    fn assign_windows(
        &mut self, element: &PyValue, timestamp: Option<Timestamp>, now: Timestamp, windows: &mut Vec<PyWindow>,
    ) -> Result {
        let times = &mut self.times;
        match &mut self.kind {
            Kind::TumblingEventTime(own) => Self::by(own, times, element, timestamp, now, windows),
            Kind::TumblingProcessingTime(own) => Self::by(own, times, element, timestamp, now, windows),
            Kind::SlidingEventTime(own) => Self::by(own, times, element, timestamp, now, windows),
            Kind::SlidingProcessingTime(own) => Self::by(own, times, element, timestamp, now, windows),
            Kind::EventTimeSession(own) => Self::by(own, times, element, timestamp, now, windows),
            Kind::ProcessingTimeSession(own) => Self::by(own, times, element, timestamp, now, windows),
            Kind::DynamicSession { gap, is_event_time } => {
                let start = if *is_event_time { event_time(timestamp)? } else { now };
                windows.push(session(gap, element, start)?);
                Ok(())
            }
            Kind::Global => {
                windows.push(PyWindow::Global);
                Ok(())
            }
            Kind::Count { size, slide } => {
                let number = |py: Python<'_>| element.bind(py).get_item(0)?.extract::<i64>();
                let number = Python::attach(number).map_err(raised)?;
                // The windows that begin at or before the element, and hold it still.
                let first = (number - *size).div_euclid(*slide) + 1;
                windows.extend((first.max(0)..=number / *slide).rev().map(PyWindow::Count));
                Ok(())
            }
            Kind::Custom { assign, .. } => {
                let assigned = |py: Python<'_>| -> PyResult<()> {
                    for window in assign.bind(py).call1((element.bind(py), timestamp, now))?.try_iter()? {
                        windows.push(PyWindow::from_python(&window?)?);
                    }
                    Ok(())
                };
                Python::attach(assigned).map_err(raised)
            }
        }
    }

    fn default_trigger(&self) -> PyTrigger {
        match &self.kind {
            Kind::Global => PyTrigger::never(),
            // Purging, since nothing comes into a window that is full, and its end never does.
            Kind::Count { size, .. } => PyTrigger::count(u64::try_from(*size).unwrap_or(1)).purging(),
            Kind::Custom { trigger, .. } => trigger.clone(),
            _ if self.is_event_time() => PyTrigger::event_time(),
            _ => PyTrigger::processing_time(),
        }
    }

    fn is_event_time(&self) -> bool {
        match self.kind {
            Kind::TumblingEventTime(_) | Kind::SlidingEventTime(_) | Kind::EventTimeSession(_) => true,
            Kind::DynamicSession { is_event_time, .. } | Kind::Custom { is_event_time, .. } => is_event_time,
            _ => false,
        }
    }

    fn merge(&self, first: &PyWindow, second: &PyWindow) -> Option<PyWindow> {
        match (first, second) {
            (PyWindow::Time(first), PyWindow::Time(second)) => {
                first.intersects(second).then(|| PyWindow::Time(first.cover(second)))
            }
            _ => None,
        }
    }
}

impl Kind {
    /// The assigner that Python describes: its name, and numbers in milliseconds or elements.
    pub(crate) fn named(name: &str, numbers: &[i64], function: Option<Arc<Py<PyAny>>>) -> Option<Self> {
        let ms =
            |index: usize| Duration::from_millis(numbers.get(index).and_then(|&n| u64::try_from(n).ok()).unwrap_or(0));
        let number = |index: usize| numbers.get(index).copied().unwrap_or(0);
        Some(match (name, function) {
            ("tumbling event time", _) => {
                Self::TumblingEventTime(TumblingEventTimeWindows::of(ms(0)).offset_millis(number(1)))
            }
            ("tumbling processing time", _) => {
                Self::TumblingProcessingTime(TumblingProcessingTimeWindows::of(ms(0)).offset_millis(number(1)))
            }
            ("sliding event time", _) => {
                Self::SlidingEventTime(SlidingEventTimeWindows::of(ms(0), ms(1)).offset_millis(number(2)))
            }
            ("sliding processing time", _) => {
                Self::SlidingProcessingTime(SlidingProcessingTimeWindows::of(ms(0), ms(1)).offset_millis(number(2)))
            }
            ("event time session", None) => Self::EventTimeSession(EventTimeSessionWindows::with_gap(ms(0))),
            ("processing time session", None) => {
                Self::ProcessingTimeSession(ProcessingTimeSessionWindows::with_gap(ms(0)))
            }
            ("event time session", Some(gap)) => Self::DynamicSession { gap, is_event_time: true },
            ("processing time session", Some(gap)) => Self::DynamicSession { gap, is_event_time: false },
            ("global", _) => Self::Global,
            ("count", _) => Self::Count { size: number(0), slide: number(1) },
            _ => return None,
        })
    }

    /// Whether windows that meet become one.
    pub(crate) fn is_merging(&self) -> bool {
        matches!(self, Self::EventTimeSession(_) | Self::ProcessingTimeSession(_) | Self::DynamicSession { .. })
    }
}
