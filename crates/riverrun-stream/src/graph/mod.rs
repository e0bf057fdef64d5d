//! What the calls on streams build: operators and the connections between them, checked before anything runs.

mod chaining;
mod explain;
mod partitioning;
mod plan;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::execution_mode::RuntimeExecutionMode;
use crate::key_group::UPPER_BOUND_MAX_PARALLELISM;
use crate::operator::{Operator, SharedCoordinator};
use crate::source::{Boundedness, ConnectorDescriptor};

pub use chaining::{Chain, ChainingStrategy, chains};
pub use partitioning::{Partitioner, Partitioning};

pub(crate) use partitioning::{CustomPartitioner, KeyPartitioner};

/// An operator's place in the graph. Upstream operators have lower numbers, so the graph has no cycles.
pub type NodeId = usize;

/// Makes a subtask's operator.
pub type OperatorFactory = Arc<dyn Fn() -> Box<dyn Operator> + Send + Sync>;

/// Makes what exists once per job, fresh or from its snapshot.
pub type CoordinatorFactory = Arc<dyn Fn(Option<&[u8]>) -> Result<SharedCoordinator> + Send + Sync>;

/// Makes a source's operator with its coordinator.
pub type SourceFactory = Arc<dyn Fn(SharedCoordinator) -> Box<dyn Operator> + Send + Sync>;

/// What a node runs.
#[derive(Clone)]
pub enum NodeKind {
    /// An operator with inputs.
    Operator(OperatorFactory),
    /// A source: an operator without inputs and a coordinator.
    Source {
        /// Whether it ends by itself.
        boundedness: Boundedness,
        /// Whether several subtasks may read it.
        is_parallel: bool,
        /// Makes the coordinator, once per job.
        coordinator: CoordinatorFactory,
        /// Makes the operator of a subtask.
        operator: SourceFactory,
    },
}

/// One operator of the program.
#[derive(Clone)]
pub struct Node {
    /// Its place.
    pub id: NodeId,
    /// The stable id that state is restored by, where the user gave one.
    pub uid: Option<String>,
    /// The name that plans and messages show.
    pub name: String,
    /// How many subtasks it has.
    pub parallelism: usize,
    /// How many key groups it has, where it has another number than the program.
    pub max_parallelism: Option<usize>,
    /// How long a batch of its output may wait to be filled, where that is not the program's.
    pub buffer_timeout: Option<Duration>,
    /// Which of its neighbours may run in its task.
    pub chaining: ChainingStrategy,
    /// What it runs.
    pub kind: NodeKind,
    /// What it is, where a host may put its own connector in its place.
    pub descriptor: Option<ConnectorDescriptor>,
    /// Whether it ends the program: a sink.
    pub is_sink: bool,
}

impl Node {
    /// The stable id: the user's, or the position in the program.
    #[must_use]
    pub fn stable_uid(&self) -> String {
        self.uid.clone().unwrap_or_else(|| format!("operator-{}", self.id))
    }
}

/// A connection from an output port to an input.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The operator before.
    pub from: NodeId,
    /// Its output port: 0 is the main output.
    pub port: usize,
    /// The operator behind.
    pub to: NodeId,
    /// Its input.
    pub input: usize,
    /// How the records are spread.
    pub partitioning: Partitioning,
}

/// A checked program, ready for a host.
#[derive(Clone)]
pub struct StreamGraph {
    /// The job's name.
    pub job_name: String,
    /// The operators, by id.
    pub nodes: Vec<Node>,
    /// The connections, in the order they were made.
    pub edges: Vec<Edge>,
    /// How many key groups there are.
    pub max_parallelism: usize,
    /// How long a batch may wait to be filled; zero sends every record at once.
    pub buffer_timeout: Duration,
    /// Whether operators may share a task at all.
    pub operator_chaining: bool,
    /// Streaming or batch in a checked program, never automatic.
    pub runtime_mode: RuntimeExecutionMode,
    /// How often watermark generators are asked periodically; zero is never.
    pub auto_watermark_interval: Duration,
    /// The job's parameters.
    pub parameters: Arc<BTreeMap<String, String>>,
}

impl StreamGraph {
    /// How many key groups an operator has: its own number, or the program's.
    #[must_use]
    pub fn max_parallelism_of(&self, node: &Node) -> usize {
        node.max_parallelism.unwrap_or(self.max_parallelism)
    }

    /// How long a batch of an operator's output may wait to be filled: its own time, or the program's.
    #[must_use]
    pub fn buffer_timeout_of(&self, node: &Node) -> Duration {
        node.buffer_timeout.unwrap_or(self.buffer_timeout)
    }

    fn first_unbounded(&self) -> Option<&Node> {
        let is_unbounded =
            |node: &&Node| matches!(node.kind, NodeKind::Source { boundedness: Boundedness::ContinuousUnbounded, .. });
        self.nodes.iter().find(is_unbounded)
    }

    /// Decides how the program is executed, where that is left to its sources.
    pub(crate) fn resolve_runtime_mode(&mut self) -> Result<(), Error> {
        self.runtime_mode = match (self.runtime_mode, self.first_unbounded()) {
            (RuntimeExecutionMode::Batch, Some(source)) => {
                return Err(Error::UnboundedInBatch { source_name: source.name.clone() });
            }
            (RuntimeExecutionMode::Batch | RuntimeExecutionMode::Automatic, None) => RuntimeExecutionMode::Batch,
            (RuntimeExecutionMode::Streaming | RuntimeExecutionMode::Automatic, _) => RuntimeExecutionMode::Streaming,
        };
        Ok(())
    }

    /// Checks what can be known before the program runs.
    ///
    /// # Errors
    /// The first thing that is wrong, in words for the person who wrote the program.
    pub fn validate(&self) -> Result<(), Error> {
        if !(1..=UPPER_BOUND_MAX_PARALLELISM).contains(&self.max_parallelism) {
            return Err(Error::MaxParallelism { given: self.max_parallelism, of: "the program".into() });
        }
        if !self.nodes.iter().any(|node| node.is_sink) {
            return Err(Error::NoSink { job: self.job_name.clone() });
        }
        let mut uids: HashMap<String, &Node> = HashMap::new();
        for node in &self.nodes {
            let of = format!("operator `{}`", node.name);
            let max = self.max_parallelism_of(node);
            if !(1..=UPPER_BOUND_MAX_PARALLELISM).contains(&max) {
                return Err(Error::MaxParallelism { given: max, of });
            }
            if !(1..=max).contains(&node.parallelism) {
                return Err(Error::Parallelism { given: node.parallelism, of, max });
            }
            if matches!(node.kind, NodeKind::Source { is_parallel: false, .. }) && node.parallelism > 1 {
                return Err(Error::NotParallel { source_name: node.name.clone(), given: node.parallelism });
            }
            if let Some(other) = uids.insert(node.stable_uid(), node) {
                return Err(Error::DuplicateUid {
                    uid: node.stable_uid(),
                    first: other.name.clone(),
                    second: node.name.clone(),
                });
            }
        }
        for edge in &self.edges {
            let (from, to) = (&self.nodes[edge.from], &self.nodes[edge.to]);
            if edge.from >= edge.to {
                return Err(Error::Cycle { from: from.name.clone(), to: to.name.clone() });
            }
            if edge.partitioning.is_forward() && from.parallelism != to.parallelism {
                return Err(Error::ForwardParallelism {
                    from: from.name.clone(),
                    from_parallelism: from.parallelism,
                    to: to.name.clone(),
                    to_parallelism: to.parallelism,
                });
            }
        }
        Ok(())
    }

    /// The plan as JSON: each operator with its parallelism and what it reads, as Flink's `getExecutionPlan` shows it.
    #[must_use]
    pub fn plan(&self) -> String {
        plan::plan(self)
    }

    /// The plan as text for people: the tasks, each with its operators as a tree, and how they are connected.
    #[must_use]
    pub fn explain(&self) -> String {
        explain::explain(self)
    }
}
