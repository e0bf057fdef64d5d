//! What an operator knows of where it runs: [`RuntimeContext`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::error::FunctionError;
use crate::execution_mode::RuntimeExecutionMode;
use crate::key_group::key_group_range;
use crate::metrics::{MetricGroup, UnregisteredMetrics};
use crate::operator::{CompletionSender, Spawner};
use crate::state::{OperatorStateStore, StateRegistrar};

/// How often watermark generators are asked where nothing else is said.
pub(crate) const DEFAULT_AUTO_WATERMARK_INTERVAL: Duration = Duration::from_millis(200);

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
    /// How many key groups the operator has.
    pub max_parallelism: usize,
    /// How the job is executed: streaming or batch, already decided, never automatic.
    pub runtime_mode: RuntimeExecutionMode,
    /// How often the job was restarted before: 0 at first.
    pub attempt: u32,
    /// Whether the host takes checkpoints while the job runs, beside the last one at its end. Where it takes none, a sink
    /// makes visible at once what would wait for one.
    pub checkpointing: bool,
    /// How often watermark generators are asked periodically; zero is never.
    pub auto_watermark_interval: Duration,
    /// The job's parameters.
    pub parameters: Arc<BTreeMap<String, String>>,
    /// Where metrics go.
    pub metrics: Arc<dyn MetricGroup>,
    /// How work elsewhere reports back to this operator.
    pub completions: CompletionSender,
    /// Where an operator's futures run; none where the host runs none.
    pub spawner: Option<Arc<dyn Spawner>>,
    /// State of the subtask that needs no key.
    pub operator_state: OperatorStateStore,
    /// Where keyed state is asked for: in the functions of keyed streams.
    pub keyed_state: Option<StateRegistrar>,
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
            runtime_mode: RuntimeExecutionMode::Streaming,
            attempt: 0,
            checkpointing: false,
            auto_watermark_interval: DEFAULT_AUTO_WATERMARK_INTERVAL,
            parameters: Arc::default(),
            metrics: Arc::new(UnregisteredMetrics),
            completions: CompletionSender::disconnected(),
            spawner: None,
            operator_state: OperatorStateStore::default(),
            keyed_state: None,
        }
    }

    /// Whether the job is executed in batch mode: all input is there, and results are final when they come out.
    #[must_use]
    pub fn is_batch(&self) -> bool {
        self.runtime_mode == RuntimeExecutionMode::Batch
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
