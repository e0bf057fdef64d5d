//! A job's metrics at one time: [`JobMetrics`].

use std::collections::BTreeMap;

use crate::metrics::HistogramStatistics;

/// The value of one metric at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricValue {
    /// Of a counter.
    Counter(u64),
    /// Of a gauge.
    Gauge(i64),
    /// Of a histogram.
    Histogram(HistogramStatistics),
}

/// All metrics of a job at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobMetrics {
    /// The operators, in the order in which the program added them.
    pub operators: Vec<OperatorMetrics>,
}

/// The metrics of one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorMetrics {
    /// Its name.
    pub name: String,
    /// Its stable id.
    pub uid: String,
    /// Its subtasks, from 0.
    pub subtasks: Vec<SubtaskMetrics>,
}

/// The metrics of one subtask of an operator, by name.
pub type SubtaskMetrics = BTreeMap<String, MetricValue>;

impl JobMetrics {
    /// The operator of this name or `uid`; the first, where several have the name.
    #[must_use]
    pub fn operator(&self, name_or_uid: &str) -> Option<&OperatorMetrics> {
        let by_uid = self.operators.iter().find(|operator| operator.uid == name_or_uid);
        by_uid.or_else(|| self.operators.iter().find(|operator| operator.name == name_or_uid))
    }
}

impl OperatorMetrics {
    /// A counter, summed over the subtasks; 0 where none has it.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        let of_subtask = |subtask: &SubtaskMetrics| match subtask.get(name) {
            Some(MetricValue::Counter(count)) => *count,
            _ => 0,
        };
        self.subtasks.iter().map(of_subtask).sum()
    }

    /// A gauge, by subtask: only those that have it.
    #[must_use]
    pub fn gauge(&self, name: &str) -> Vec<i64> {
        let of_subtask = |subtask: &SubtaskMetrics| match subtask.get(name) {
            Some(MetricValue::Gauge(value)) => Some(*value),
            _ => None,
        };
        self.subtasks.iter().filter_map(of_subtask).collect()
    }

    /// A histogram over the values of all subtasks; empty where none has it.
    #[must_use]
    pub fn histogram(&self, name: &str) -> HistogramStatistics {
        let of_subtask = |subtask: &SubtaskMetrics| match subtask.get(name) {
            Some(MetricValue::Histogram(statistics)) => Some(statistics.clone()),
            _ => None,
        };
        let subtasks = self.subtasks.iter().filter_map(of_subtask);
        subtasks.fold(HistogramStatistics::default(), |all, one| all.merged(&one))
    }
}
