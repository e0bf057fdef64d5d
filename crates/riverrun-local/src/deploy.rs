//! Makes the tasks of a job: one per chain and subtask, with the channels between them.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use riverrun_stream::batch::DataType;
use riverrun_stream::graph::{Chain, Edge, Node, NodeId, NodeKind, Partitioning, StreamGraph, chains};
use riverrun_stream::metrics::MetricGroup;
use riverrun_stream::operator::{CompletionQueue, Operator, SharedCoordinator, Spawner};
use riverrun_stream::state::OperatorStateStore;
use riverrun_stream::{Error, FunctionError, RuntimeContext, RuntimeExecutionMode};

use crate::chain_node::{ChainNode, Route};
use crate::channel::Channel;
use crate::inputs::{InputChannel, Inputs};
use crate::job::Job;
use crate::metrics::{Registry, TaskTimes};
use crate::sorting::InputSort;
use crate::task::{Part, Task};
use crate::waker::Waker;
use crate::writer::{Connection, EdgeWriter};

/// The sizes that bound a job's memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Elements (batches, mostly) that a channel holds.
    pub(crate) channel: usize,
    /// Records of a full batch.
    pub(crate) batch: usize,
    /// Bytes that a subtask gathers in memory to sort its input in batch mode.
    pub(crate) sort_memory: usize,
}

/// Makes what runs the futures of one subtask of an operator.
pub(crate) type Spawners<'h> = dyn Fn() -> Arc<dyn Spawner> + 'h;

/// Makes a job's tasks, upstream first.
pub(crate) fn deploy(
    graph: &StreamGraph, sizes: Sizes, spawners: &Spawners<'_>,
) -> Result<(Arc<Job>, Vec<Task>), Error> {
    Deployment::new(graph, sizes, spawners)?.tasks()
}

struct Deployment<'g> {
    graph: &'g StreamGraph,
    sizes: Sizes,
    spawners: &'g Spawners<'g>,
    chains: Vec<Chain>,
    chain_of: HashMap<NodeId, usize>,
    /// One per task, by chain and subtask.
    wakers: Vec<Vec<Arc<Waker>>>,
    coordinators: HashMap<NodeId, SharedCoordinator>,
    /// By edge, and the subtasks at its two ends.
    channels: HashMap<(usize, usize, usize), Arc<Channel>>,
}

impl<'g> Deployment<'g> {
    fn new(graph: &'g StreamGraph, sizes: Sizes, spawners: &'g Spawners<'g>) -> Result<Self, Error> {
        let chains = chains(graph);
        let chain_of = chains
            .iter()
            .enumerate()
            .flat_map(|(index, chain)| chain.nodes.iter().map(move |&node| (node, index)))
            .collect();
        let wakers = chains
            .iter()
            .map(|chain| (0..graph.nodes[chain.nodes[0]].parallelism).map(|_| Arc::default()).collect())
            .collect();
        let mut coordinators = HashMap::new();
        for node in &graph.nodes {
            if let NodeKind::Source { coordinator, .. } = &node.kind {
                let coordinator = guarded(graph, node, 0, || coordinator(None))?;
                coordinators.insert(node.id, coordinator);
            }
        }
        let mut deployment =
            Self { graph, sizes, spawners, chains, chain_of, wakers, coordinators, channels: HashMap::new() };
        deployment.connect();
        Ok(deployment)
    }

    fn is_within_a_task(&self, edge: &Edge) -> bool {
        self.chain_of[&edge.from] == self.chain_of[&edge.to]
    }

    fn connect(&mut self) {
        for (index, edge) in self.graph.edges.iter().enumerate() {
            if self.is_within_a_task(edge) {
                continue;
            }
            let producers = &self.wakers[self.chain_of[&edge.from]];
            let consumers = &self.wakers[self.chain_of[&edge.to]];
            for (from, producer) in producers.iter().enumerate() {
                for to in readers(&edge.partitioning, from, producers.len(), consumers.len()) {
                    let channel = Channel::new(self.sizes.channel, producer.clone(), consumers[to].clone());
                    self.channels.insert((index, from, to), Arc::new(channel));
                }
            }
        }
    }

    fn tasks(self) -> Result<(Arc<Job>, Vec<Task>), Error> {
        let mut registry = Registry::new(&self.graph.nodes);
        let mut parts = Vec::new();
        for (index, chain) in self.chains.iter().enumerate() {
            for subtask in 0..self.wakers[index].len() {
                parts.push(self.part(index, chain, subtask, &mut registry)?);
            }
        }
        let wakers = self.wakers.iter().flatten().cloned().collect();
        let job = Arc::new(Job::new(self.graph.job_name.clone(), wakers, registry));
        let tasks = parts.into_iter().map(|part| Task::new(part, job.clone())).collect();
        Ok((job, tasks))
    }

    fn part(&self, index: usize, chain: &Chain, subtask: usize, registry: &mut Registry) -> Result<Part, Error> {
        let names: Vec<&str> = chain.nodes.iter().map(|&node| self.graph.nodes[node].name.as_str()).collect();
        let name = names.join(" -> ");
        let waker = self.wakers[index][subtask].clone();
        let times = Arc::new(TaskTimes::new(Instant::now()));
        let nodes = chain
            .nodes
            .iter()
            .map(|&node| {
                let metrics = registry.add(node, times.clone());
                let node = &self.graph.nodes[node];
                guarded(self.graph, node, subtask, || Ok(self.node(node, chain, subtask, &name, &waker, metrics)?))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let name = format!("{name} ({}/{})", subtask + 1, self.wakers[index].len());
        Ok(Part { name, waker, times, inputs: self.inputs(chain.nodes[0], subtask), nodes })
    }

    fn inputs(&self, head: NodeId, subtask: usize) -> Inputs {
        let mut channels = Vec::new();
        for (index, edge) in self.graph.edges.iter().enumerate().filter(|(_, edge)| edge.to == head) {
            for from in 0..self.graph.nodes[edge.from].parallelism {
                if let Some(channel) = self.channels.get(&(index, from, subtask)) {
                    channels.push(InputChannel::new(channel.clone(), edge.input));
                }
            }
        }
        Inputs::new(channels, self.sort(head))
    }

    /// In batch mode, what sorts the inputs of an operator: those with keys, and those without behind one that is broadcast.
    fn sort(&self, head: NodeId) -> Option<InputSort> {
        if self.graph.runtime_mode != RuntimeExecutionMode::Batch {
            return None;
        }
        let edges = || self.graph.edges.iter().filter(|edge| edge.to == head);
        let is_broadcast = |input| {
            let mut of_input = edges().filter(|edge| edge.input == input);
            of_input.all(|edge| matches!(edge.partitioning, Partitioning::Broadcast))
        };
        let waits = edges().any(|edge| is_broadcast(edge.input));
        let mut sorted = BTreeMap::new();
        for edge in edges() {
            match &edge.partitioning {
                Partitioning::KeyBy(partitioner) => drop(sorted.insert(edge.input, Some(partitioner.clone()))),
                _ if waits && !is_broadcast(edge.input) => drop(sorted.entry(edge.input).or_insert(None)),
                _ => {}
            }
        }
        (!sorted.is_empty()).then(|| InputSort::new(sorted, self.sizes.sort_memory))
    }

    fn node(
        &self, node: &Node, chain: &Chain, subtask: usize, task_name: &str, waker: &Arc<Waker>,
        metrics: Arc<dyn MetricGroup>,
    ) -> Result<ChainNode, Error> {
        let operator = self.operator(node)?;
        let routes = operator
            .outputs()
            .into_iter()
            .enumerate()
            .map(|(port, (_, data_type))| {
                let edges = self.graph.edges.iter().enumerate();
                edges
                    .filter(|(_, edge)| edge.from == node.id && edge.port == port)
                    .map(|(index, edge)| match chain.nodes.iter().position(|&other| other == edge.to) {
                        Some(node) => Route::Chained { node, input: edge.input },
                        None => Route::Edge(self.writer(index, edge, data_type, subtask)),
                    })
                    .collect()
            })
            .collect();
        let wake = waker.clone();
        let completions = CompletionQueue::new(move || wake.wake());
        let context = RuntimeContext {
            job_name: self.graph.job_name.clone(),
            operator_name: node.name.clone(),
            operator_uid: node.stable_uid(),
            task_name: task_name.into(),
            subtask_index: subtask,
            parallelism: node.parallelism,
            max_parallelism: self.graph.max_parallelism_of(node),
            runtime_mode: self.graph.runtime_mode,
            attempt: 0,
            checkpointing: false,
            auto_watermark_interval: self.graph.auto_watermark_interval,
            parameters: self.graph.parameters.clone(),
            metrics,
            completions: completions.sender(),
            spawner: Some((self.spawners)()),
            operator_state: OperatorStateStore::default(),
            keyed_state: None,
        };
        Ok(ChainNode::new(context, operator, routes, completions))
    }

    /// The end of an edge at which a subtask writes.
    fn writer(&self, index: usize, edge: &Edge, data_type: DataType, subtask: usize) -> EdgeWriter {
        let (from, to) = (&self.graph.nodes[edge.from], &self.graph.nodes[edge.to]);
        let channels = (0..to.parallelism).filter_map(|reader| self.channels.get(&(index, subtask, reader)).cloned());
        let timeout = self.graph.buffer_timeout_of(from).as_millis().try_into().unwrap_or(i64::MAX);
        let connection = Connection {
            data_type,
            partitioning: edge.partitioning.clone(),
            reader: to.name.clone(),
            max_parallelism: self.graph.max_parallelism_of(to),
            subtask,
            batch_size: if timeout == 0 { 1 } else { self.sizes.batch },
            timeout,
        };
        EdgeWriter::new(channels.collect(), connection)
    }

    fn operator(&self, node: &Node) -> Result<Box<dyn Operator>, Error> {
        match &node.kind {
            NodeKind::Operator(factory) => Ok(factory()),
            NodeKind::Source { operator, .. } => match self.coordinators.get(&node.id) {
                Some(coordinator) => Ok(operator(coordinator.clone())),
                None => Err(Error::Host {
                    host: "local",
                    job: self.graph.job_name.clone(),
                    reason: format!("the source `{}` has no coordinator; this is a bug of Riverrun", node.name),
                }),
            },
        }
    }
}

/// Calls code of the user's that makes a part of an operator: its error or panic is the operator's.
fn guarded<R>(
    graph: &StreamGraph, node: &Node, subtask: usize, make: impl FnOnce() -> Result<R, FunctionError>,
) -> Result<R, Error> {
    let made = catch_unwind(AssertUnwindSafe(make));
    made.unwrap_or_else(|payload| Err(FunctionError::from_panic(&*payload))).map_err(|cause| Error::Job {
        job: graph.job_name.clone(),
        operator: node.name.clone(),
        subtask: subtask + 1,
        parallelism: node.parallelism,
        cause,
    })
}

/// The subtasks that a subtask writes to.
fn readers(partitioning: &Partitioning, from: usize, writers: usize, readers: usize) -> Vec<usize> {
    match partitioning {
        Partitioning::Forward => vec![from],
        Partitioning::Rescale if readers >= writers => {
            (from * readers / writers..(from + 1) * readers / writers).collect()
        }
        Partitioning::Rescale => vec![from * readers / writers],
        _ => (0..readers).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rescale_reaches_every_reader_and_leaves_no_writer_without() {
        for (writers, to) in [(1, 4), (2, 5), (3, 3), (5, 2), (4, 1)] {
            let reached: Vec<Vec<usize>> =
                (0..writers).map(|from| readers(&Partitioning::Rescale, from, writers, to)).collect();

            assert!(reached.iter().all(|readers| !readers.is_empty()), "{writers} to {to}");
            let mut all: Vec<usize> = reached.concat();
            all.dedup();
            assert_eq!(all, (0..to).collect::<Vec<_>>(), "{writers} to {to}");
        }
    }
}
