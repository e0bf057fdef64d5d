//! Where the metrics of a job are kept and read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use riverrun_stream::Timestamp;
use riverrun_stream::graph::Node;
use riverrun_stream::metrics::{
    Counter, Gauge, Histogram, JobMetrics, MetricGroup, MetricValue, OperatorMetrics, SubtaskMetrics, names,
};

use crate::metrics::TaskTimes;

/// All metrics of a job, by operator.
#[derive(Default)]
pub(crate) struct Registry {
    operators: Vec<Registered>,
}

struct Registered {
    name: String,
    uid: String,
    subtasks: Vec<(Arc<SubtaskGroup>, Arc<TaskTimes>)>,
}

impl Registry {
    pub(crate) fn new(nodes: &[Node]) -> Self {
        let registered =
            |node: &Node| Registered { name: node.name.clone(), uid: node.stable_uid(), subtasks: Vec::new() };
        Self { operators: nodes.iter().map(registered).collect() }
    }

    /// Adds the next subtask of an operator.
    pub(crate) fn add(&mut self, operator: usize, times: Arc<TaskTimes>) -> Arc<SubtaskGroup> {
        let group = Arc::new(SubtaskGroup::default());
        if let Some(registered) = self.operators.get_mut(operator) {
            registered.subtasks.push((group.clone(), times));
        }
        group
    }

    pub(crate) fn snapshot(&self) -> JobMetrics {
        let now = Instant::now();
        let operator = |registered: &Registered| OperatorMetrics {
            name: registered.name.clone(),
            uid: registered.uid.clone(),
            subtasks: registered.subtasks.iter().map(|(group, times)| subtask(group, times, now)).collect(),
        };
        JobMetrics { operators: self.operators.iter().map(operator).collect() }
    }
}

fn subtask(group: &SubtaskGroup, times: &TaskTimes, now: Instant) -> SubtaskMetrics {
    let metrics = group.metrics.lock().unwrap_or_else(PoisonError::into_inner);
    let value = |metric: &Metric| match metric {
        Metric::Counter(counter) => MetricValue::Counter(counter.get()),
        Metric::Gauge(gauge) => MetricValue::Gauge(gauge.get()),
        Metric::Histogram(histogram) => MetricValue::Histogram(histogram.statistics()),
    };
    let mut values: SubtaskMetrics = metrics.iter().map(|(name, metric)| (name.clone(), value(metric))).collect();
    let [busy, idle, back_pressured] = times.per_second(now);
    let times = [(names::BUSY_TIME, busy), (names::IDLE_TIME, idle), (names::BACK_PRESSURED_TIME, back_pressured)];
    values.extend(times.map(|(name, time)| (name.to_string(), MetricValue::Gauge(time))));
    values
}

/// The metrics of one subtask of an operator.
#[derive(Default)]
pub(crate) struct SubtaskGroup {
    metrics: Mutex<BTreeMap<String, Metric>>,
}

enum Metric {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

impl SubtaskGroup {
    fn metric<M: Clone + Default>(
        &self, name: &str, register: impl FnOnce(M) -> Metric, registered: impl FnOnce(&Metric) -> Option<&M>,
    ) -> M {
        let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        let metric = metrics.entry(name.into()).or_insert_with(|| register(M::default()));
        registered(metric).cloned().unwrap_or_default()
    }
}

impl MetricGroup for SubtaskGroup {
    fn counter(&self, name: &str) -> Counter {
        self.metric(name, Metric::Counter, |metric| match metric {
            Metric::Counter(counter) => Some(counter),
            _ => None,
        })
    }

    fn gauge(&self, name: &str) -> Gauge {
        self.metric(name, Metric::Gauge, |metric| match metric {
            Metric::Gauge(gauge) => Some(gauge),
            _ => None,
        })
    }

    fn histogram(&self, name: &str) -> Histogram {
        self.metric(name, Metric::Histogram, |metric| match metric {
            Metric::Histogram(histogram) => Some(histogram),
            _ => None,
        })
    }
}

/// What a host itself counts of one operator's subtask, by batch.
pub(crate) struct NodeMetrics {
    pub(crate) records_in: Counter,
    pub(crate) records_out: Counter,
    /// The last watermark of each input.
    input_watermarks: Vec<Timestamp>,
    input_watermark: Option<Gauge>,
    output_watermark: Option<Gauge>,
}

impl NodeMetrics {
    pub(crate) fn register(group: &dyn MetricGroup, inputs: usize, outputs: usize) -> Self {
        let watermark = |name, ports| {
            let gauge = (ports > 0).then(|| group.gauge(name));
            gauge.iter().for_each(|gauge| gauge.set(Timestamp::MIN));
            gauge
        };
        Self {
            records_in: group.counter(names::NUM_RECORDS_IN),
            records_out: group.counter(names::NUM_RECORDS_OUT),
            input_watermarks: vec![Timestamp::MIN; inputs],
            input_watermark: watermark(names::CURRENT_INPUT_WATERMARK, inputs),
            output_watermark: watermark(names::CURRENT_OUTPUT_WATERMARK, outputs),
        }
    }

    pub(crate) fn watermark_in(&mut self, input: usize, watermark: Timestamp) {
        if let Some(last) = self.input_watermarks.get_mut(input) {
            *last = watermark;
        }
        let lowest = self.input_watermarks.iter().copied().min();
        if let (Some(gauge), Some(lowest)) = (&self.input_watermark, lowest) {
            gauge.set(lowest);
        }
    }

    pub(crate) fn watermark_out(&self, watermark: Timestamp) {
        self.output_watermark.iter().for_each(|gauge| gauge.set(watermark));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_one_metric_of_one_kind() {
        let group = SubtaskGroup::default();

        group.counter("calls").add(2);
        group.counter("calls").add(3);
        group.gauge("calls").set(70);

        assert_eq!(group.counter("calls").get(), 5);
        assert_eq!(group.gauge("calls").get(), 0);
    }
}
