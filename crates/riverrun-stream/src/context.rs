//! What an operator knows of where it runs: [`RuntimeContext`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::FunctionError;
use crate::key_group::key_group_range;
use crate::operator::CompletionSender;

/// A count that only grows.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where an operator registers its metrics. A host brings its own registry.
pub trait MetricGroup: Send + Sync {
    /// The counter of this name, made when it is first asked for.
    fn counter(&self, name: &str) -> Counter;
}

/// A metric group that counts and shows nobody.
#[derive(Debug, Default)]
pub struct UnregisteredMetrics;

impl MetricGroup for UnregisteredMetrics {
    fn counter(&self, _: &str) -> Counter {
        Counter::default()
    }
}

/// Where one subtask of an operator runs. Handed to every function's `open`.
#[derive(Clone)]
pub struct RuntimeContext {
    /// The job's name.
    pub job_name: String,
    /// The operator's name.
    pub operator_name: String,
    /// The operator's stable id: its `uid`, or made from its position.
    pub operator_uid: String,
    /// The name of the task: the operators chained in it.
    pub task_name: String,
    /// This subtask, from 0.
    pub subtask_index: usize,
    /// How many subtasks the operator has.
    pub parallelism: usize,
    /// How many key groups the job has.
    pub max_parallelism: usize,
    /// How often the job was restarted before: 0 at first.
    pub attempt: u32,
    /// The job's parameters.
    pub parameters: Arc<BTreeMap<String, String>>,
    /// Where metrics go.
    pub metrics: Arc<dyn MetricGroup>,
    /// How work elsewhere reports back to this operator.
    pub completions: CompletionSender,
}

impl RuntimeContext {
    /// A context outside any job: subtask 0 of 1. For tests and for hosts to start from.
    #[must_use]
    pub fn detached(operator_name: &str) -> Self {
        Self {
            job_name: "detached".into(),
            operator_name: operator_name.into(),
            operator_uid: operator_name.into(),
            task_name: operator_name.into(),
            subtask_index: 0,
            parallelism: 1,
            max_parallelism: crate::key_group::DEFAULT_MAX_PARALLELISM,
            attempt: 0,
            parameters: Arc::default(),
            metrics: Arc::new(UnregisteredMetrics),
            completions: CompletionSender::disconnected(),
        }
    }

    /// The key groups whose keys come to this subtask.
    #[must_use]
    pub fn key_group_range(&self) -> Range<usize> {
        key_group_range(self.max_parallelism, self.parallelism, self.subtask_index)
    }

    /// The job parameter of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn parameter(&self, name: &str) -> Result<&str, FunctionError> {
        self.parameters.get(name).map(String::as_str).ok_or_else(|| {
            FunctionError::new(format!(
                "the job has no parameter `{name}`; set it with `env.set_parameter(\"{name}\", …)`"
            ))
        })
    }
}
