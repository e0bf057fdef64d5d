//! Where a program begins and is run: [`StreamExecutionEnvironment`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::context::DEFAULT_AUTO_WATERMARK_INTERVAL;
use crate::data::Data;
use crate::error::Error;
use crate::execution_mode::RuntimeExecutionMode;
use crate::graph::{ChainingStrategy, Edge, Node, NodeId, NodeKind, Partitioning, StreamGraph};
use crate::host::{Host, JobClient, JobResult};
use crate::key_group::DEFAULT_MAX_PARALLELISM;
use crate::operator::{SharedCoordinator, SourceOperator};
use crate::source::{CollectionSource, NumberSequence, Source};
use crate::stream::{SingleOutputStreamOperator, route_unread_errors};
use crate::time::WatermarkStrategy;

/// Builds stream programs and runs them on a host. Cheap to clone; the clones are one environment.
///
/// The facade crate `riverrun` adds `get_execution_environment()`, with the local host.
#[derive(Clone)]
pub struct StreamExecutionEnvironment {
    inner: Arc<Inner>,
}

struct Inner {
    host: Arc<dyn Host>,
    builder: Mutex<Builder>,
}

/// The program so far.
pub(crate) struct Builder {
    pub(crate) graph: StreamGraph,
    pub(crate) parallelism: usize,
    /// The edges whose partitioning the user did not say, by index.
    unsaid: BTreeSet<usize>,
    /// Mistakes that were found while the program was built; the first is what `execute` says.
    pub(crate) mistakes: Vec<Error>,
}

impl Builder {
    pub(crate) fn add_node(&mut self, name: String, parallelism: usize, kind: NodeKind) -> NodeId {
        let id = self.graph.nodes.len();
        self.graph.nodes.push(Node {
            id,
            uid: None,
            name,
            parallelism,
            max_parallelism: None,
            buffer_timeout: None,
            chaining: ChainingStrategy::Always,
            kind,
            descriptor: None,
            is_sink: false,
        });
        id
    }

    /// Connects an output to an input: forward between equal parallelisms, rebalanced otherwise, unless the user said how.
    pub(crate) fn connect(&mut self, from: (NodeId, usize), to: NodeId, input: usize, how: Option<Partitioning>) {
        if how.is_none() {
            self.unsaid.insert(self.graph.edges.len());
        }
        let partitioning = how.unwrap_or_else(|| self.usual_partitioning(from.0, to));
        self.graph.edges.push(Edge { from: from.0, port: from.1, to, input, partitioning });
    }

    fn usual_partitioning(&self, from: NodeId, to: NodeId) -> Partitioning {
        let equal = self.graph.nodes[from].parallelism == self.graph.nodes[to].parallelism;
        if equal { Partitioning::Forward } else { Partitioning::Rebalance }
    }

    /// Changes an operator's parallelism; the connections around it that the user did not say are decided again.
    pub(crate) fn set_parallelism_of(&mut self, node: NodeId, parallelism: usize) {
        self.graph.nodes[node].parallelism = parallelism;
        for &index in &self.unsaid {
            let (from, to) = (self.graph.edges[index].from, self.graph.edges[index].to);
            if from == node || to == node {
                self.graph.edges[index].partitioning = self.usual_partitioning(from, to);
            }
        }
    }
}

impl StreamExecutionEnvironment {
    /// An empty program that `host` will run.
    pub fn new(host: Arc<dyn Host>) -> Self {
        let parallelism = host.default_parallelism();
        let graph = StreamGraph {
            job_name: "Streaming Job".into(),
            nodes: Vec::new(),
            edges: Vec::new(),
            max_parallelism: DEFAULT_MAX_PARALLELISM,
            buffer_timeout: Duration::from_millis(100),
            operator_chaining: true,
            runtime_mode: RuntimeExecutionMode::Streaming,
            auto_watermark_interval: DEFAULT_AUTO_WATERMARK_INTERVAL,
            parameters: Arc::default(),
        };
        let builder = Mutex::new(Builder { graph, parallelism, unsaid: BTreeSet::new(), mistakes: Vec::new() });
        Self { inner: Arc::new(Inner { host, builder }) }
    }

    pub(crate) fn builder(&self) -> MutexGuard<'_, Builder> {
        self.inner.builder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The parallelism of the operators that are added from now on. The host's default otherwise: as many as cores.
    pub fn set_parallelism(&self, parallelism: usize) -> &Self {
        self.builder().parallelism = parallelism;
        self
    }

    /// How many key groups there are, and so the highest parallelism ever: 128 by default, at most 32768.
    pub fn set_max_parallelism(&self, max_parallelism: usize) -> &Self {
        self.builder().graph.max_parallelism = max_parallelism;
        self
    }

    /// How long a batch may wait to be filled before it goes on: 100 ms by default; zero sends every record at once.
    pub fn set_buffer_timeout(&self, timeout: Duration) -> &Self {
        self.builder().graph.buffer_timeout = timeout;
        self
    }

    /// Gives every operator a task of its own, so that each shows its own times, at the cost of a channel between any two. Same
    /// as Flink's `disableOperatorChaining`.
    pub fn disable_operator_chaining(&self) -> &Self {
        self.builder().graph.operator_chaining = false;
        self
    }

    /// Whether results are updated as records come, which is the default, or come out when all input is there. Same as Flink's
    /// `setRuntimeMode`.
    pub fn set_runtime_mode(&self, mode: RuntimeExecutionMode) -> &Self {
        self.builder().graph.runtime_mode = mode;
        self
    }

    /// How often watermark generators are asked for a watermark: every 200 ms by default; zero is never, so that only those that
    /// put out a watermark with a record make any.
    pub fn set_auto_watermark_interval(&self, interval: Duration) -> &Self {
        self.builder().graph.auto_watermark_interval = interval;
        self
    }

    /// The job's name, in messages and plans.
    pub fn set_job_name(&self, name: impl Into<String>) -> &Self {
        self.builder().graph.job_name = name.into();
        self
    }

    /// A parameter that functions read from their [`RuntimeContext`](crate::RuntimeContext).
    pub fn set_parameter(&self, name: impl Into<String>, value: impl Into<String>) -> &Self {
        let mut builder = self.builder();
        let mut parameters: BTreeMap<_, _> = (*builder.graph.parameters).clone();
        parameters.insert(name.into(), value.into());
        builder.graph.parameters = Arc::new(parameters);
        drop(builder);
        self
    }

    /// The elements of a collection, in order, at parallelism 1.
    pub fn from_collection<T: Data + Sync>(
        &self, elements: impl IntoIterator<Item = T>,
    ) -> SingleOutputStreamOperator<T> {
        self.from_source(CollectionSource::new(elements))
    }

    /// The numbers `from..=to`, in parallel runs.
    pub fn from_sequence(&self, from: u64, to: u64) -> SingleOutputStreamOperator<u64> {
        self.from_source(NumberSequence::new(from, to))
    }

    /// The records of a source.
    pub fn from_source<S: Source>(&self, source: S) -> SingleOutputStreamOperator<S::Out> {
        self.add_source(source, None)
    }

    /// The records of a source, with timestamps and watermarks that it makes itself by this strategy: one watermark for all that
    /// a subtask reads. Same as Flink's `fromSource`.
    pub fn from_source_with_watermarks<S: Source>(
        &self, source: S, strategy: WatermarkStrategy<S::Out>,
    ) -> SingleOutputStreamOperator<S::Out> {
        self.builder().mistakes.extend(strategy.mistake());
        self.add_source(source, Some(strategy))
    }

    fn add_source<S: Source>(
        &self, source: S, strategy: Option<WatermarkStrategy<S::Out>>,
    ) -> SingleOutputStreamOperator<S::Out> {
        let source = Arc::new(source);
        let (for_coordinator, for_operator) = (source.clone(), source.clone());
        let kind = NodeKind::Source {
            boundedness: source.boundedness(),
            is_parallel: source.is_parallel(),
            coordinator: Arc::new(move |state| {
                let enumerator = match state {
                    Some(state) => for_coordinator.restore_enumerator(state)?,
                    None => for_coordinator.create_enumerator()?,
                };
                let shared: SharedCoordinator = Arc::new(Mutex::new(enumerator));
                Ok(shared)
            }),
            operator: Arc::new(move |coordinator| {
                Box::new(SourceOperator::<S>::new(for_operator.clone(), coordinator).with_watermarks(strategy.clone()))
            }),
        };
        let mut builder = self.builder();
        let parallelism = if source.is_parallel() { builder.parallelism } else { 1 };
        let node = builder.add_node(format!("Source: {}", source.name()), parallelism, kind);
        builder.graph.nodes[node].descriptor = source.descriptor();
        drop(builder);
        SingleOutputStreamOperator::of(self, node)
    }

    /// The program as a checked graph; the environment is empty afterwards.
    ///
    /// # Errors
    /// The program has a mistake.
    pub fn take_graph(&self) -> Result<StreamGraph, Error> {
        // Not where nothing else is to run: the sinks for errors would hide that the program has none.
        if self.builder().graph.nodes.iter().any(|node| node.is_sink) {
            route_unread_errors(self);
        }
        let mut builder = self.builder();
        let empty = StreamGraph { nodes: Vec::new(), edges: Vec::new(), ..builder.graph.clone() };
        let mut graph = std::mem::replace(&mut builder.graph, empty);
        let mistakes = std::mem::take(&mut builder.mistakes);
        builder.unsaid.clear();
        drop(builder);
        if let Some(mistake) = mistakes.into_iter().next() {
            return Err(mistake);
        }
        graph.validate()?;
        graph.resolve_runtime_mode()?;
        Ok(graph)
    }

    /// Runs the program to its end. The environment is empty afterwards.
    ///
    /// # Errors
    /// The program has a mistake, or the job failed: the message names job, operator, subtask and cause.
    pub fn execute(&self) -> Result<JobResult, Error> {
        self.inner.host.execute(self.take_graph()?)
    }

    /// Starts the program and returns while it runs. The environment is empty afterwards.
    ///
    /// # Errors
    /// The program has a mistake, or the job could not be started. A failure of the job comes from
    /// [`JobClient::wait`].
    pub fn execute_async(&self) -> Result<JobClient, Error> {
        self.inner.host.submit(self.take_graph()?)
    }

    /// The program so far as JSON: each operator with its parallelism and what it reads. It can still be executed.
    #[must_use]
    pub fn get_execution_plan(&self) -> String {
        self.builder().graph.plan()
    }

    /// The program so far as text for people: which operators share a task, the parallelism of each task, how records go from
    /// one to another, and what the program has set. It can still be executed.
    ///
    /// ```text
    /// job `word count`: streaming, 128 key groups, buffer timeout 100 ms
    ///
    /// task 1 · parallelism 1
    ///   Source: Collection Source
    ///   └─ Flat Map
    ///      └─ HASH → task 2
    ///
    /// task 2 · parallelism 4 · from task 1 (HASH)
    ///   Keyed Sum
    ///   └─ Sink: Print to Std. Out
    /// ```
    #[must_use]
    pub fn explain(&self) -> String {
        self.builder().graph.explain()
    }
}
