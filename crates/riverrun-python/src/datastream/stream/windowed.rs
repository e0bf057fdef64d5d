//! Windows over a keyed stream.

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use riverrun::stream::{KeyedStream, OutputTag, SingleOutputStreamOperator};

use super::{PyKeyedStream, PyStream, callbacks};
use crate::datastream::functions::{Gather, PyAggregate, PyWindowFunction};
use crate::datastream::key::PyKey;
use crate::datastream::side_outputs::SideOutputs;
use crate::datastream::value::PyValue;
use crate::datastream::window::{Kind, PyAssigner, PyTrigger};

/// A trigger as Python says it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct TriggerSpec {
    name: String,
    number: u64,
    is_purging: bool,
    function: Option<Py<PyAny>>,
    can_merge: bool,
}

impl TriggerSpec {
    fn trigger(self) -> PyResult<PyTrigger> {
        let trigger = match self.function {
            Some(function) => PyTrigger::custom(Arc::new(function), self.can_merge),
            None => PyTrigger::named(&self.name, self.number)
                .ok_or_else(|| PyValueError::new_err(format!("`{}` is not a trigger", self.name)))?,
        };
        Ok(if self.is_purging { trigger.purging() } else { trigger })
    }
}

/// Windows as Python says them.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct WindowSpec<'py> {
    assigner: String,
    numbers: Vec<i64>,
    /// What gives a session's gap, or assigns the windows of an assigner of the user's.
    function: Option<Py<PyAny>>,
    is_event_time: bool,
    trigger: Option<TriggerSpec>,
    lateness_millis: u64,
    late_tag: Option<String>,
    /// Whether they are over all records, and so by one subtask.
    is_all: bool,
    /// `reduce` or `aggregate`, where the elements are gathered as they come.
    gather: Option<String>,
    gather_function: Option<Bound<'py, PyAny>>,
    /// The type of what was gathered, where it is what comes out.
    gather_type: Option<Bound<'py, PyAny>>,
    window_function: Option<Bound<'py, PyAny>>,
    window_type: Option<Bound<'py, PyAny>>,
}

/// The parts of a window operator.
struct Parts {
    kind: Kind,
    trigger: Option<PyTrigger>,
    lateness: Duration,
    late: Option<String>,
    gather: Option<PyAggregate>,
    function: PyWindowFunction,
}

fn operator<const MERGING: bool>(
    stream: &KeyedStream<PyValue, PyKey>, parts: Parts,
) -> SingleOutputStreamOperator<PyValue> {
    use riverrun::stream::window::WindowAssigner;
    let assigner = PyAssigner::<MERGING>::new(parts.kind);
    let trigger = parts.trigger.unwrap_or_else(|| assigner.default_trigger());
    let mut windowed = stream.window(assigner).trigger(trigger).allowed_lateness(parts.lateness);
    if let Some(tag) = parts.late {
        windowed = windowed.side_output_late_data(&OutputTag::new(tag));
    }
    match parts.gather {
        Some(gather) => windowed.aggregate_with(gather, parts.function),
        None => windowed.process(parts.function),
    }
}

#[pymethods]
impl PyKeyedStream {
    fn window(&self, spec: WindowSpec<'_>) -> PyResult<PyStream> {
        let trigger = spec.trigger.map(TriggerSpec::trigger).transpose()?;
        let function = spec.function.map(Arc::new);
        let kind = match (spec.assigner.as_str(), function) {
            ("custom", Some(assign)) => {
                let trigger = trigger.clone().unwrap_or_else(PyTrigger::never);
                Kind::Custom { assign, is_event_time: spec.is_event_time, trigger }
            }
            (name, function) => Kind::named(name, &spec.numbers, function)
                .ok_or_else(|| PyValueError::new_err(format!("`{name}` is not a window assigner")))?,
        };
        let is_counted = matches!(kind, Kind::Count { .. });
        let gather = match (spec.gather_function, spec.gather.as_deref()) {
            (Some(function), Some(how)) => Some(PyAggregate {
                callbacks: callbacks(function, spec.gather_type.as_ref())?,
                gather: if how == "reduce" { Gather::Reduce } else { Gather::Aggregate },
                is_counted,
            }),
            _ => None,
        };
        let side = SideOutputs::default();
        let window_type = spec.window_type;
        let function = spec.window_function.map(|function| callbacks(function, window_type.as_ref())).transpose()?;
        let function = PyWindowFunction::new(function, side.clone(), is_counted && gather.is_none());
        let lateness = Duration::from_millis(spec.lateness_millis);
        let is_merging = kind.is_merging();
        let parts = Parts { kind, trigger, lateness, late: spec.late_tag.clone(), gather, function };
        let counted = is_counted.then(|| self.counted(spec.is_all));
        let keyed = &counted.as_ref().unwrap_or(self).stream;
        let mut stream = if is_merging { operator::<true>(keyed, parts) } else { operator::<false>(keyed, parts) };
        if spec.is_all {
            stream = stream.set_parallelism(1).set_max_parallelism(1);
        }
        Ok(PyStream::with_side_outputs(stream, side, spec.late_tag))
    }
}
