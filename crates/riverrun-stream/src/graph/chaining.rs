//! Which operators run in one task: called directly, without a channel between.

use crate::graph::{Edge, NodeId, StreamGraph};

/// Which neighbours of an operator may run in its task. Same as Flink's `ChainingStrategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChainingStrategy {
    /// Those before it and those behind it.
    #[default]
    Always,
    /// Those behind it: it begins a task.
    Head,
    /// None.
    Never,
}

/// Operators that run in one task, upstream first. All have the same parallelism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The operators, upstream first.
    pub nodes: Vec<NodeId>,
}

/// Whether the two ends of an edge run in one task: forward, the only edge into its end, and nobody has said otherwise.
fn is_chained(graph: &StreamGraph, edge: &Edge) -> bool {
    graph.operator_chaining
        && graph.nodes[edge.from].chaining != ChainingStrategy::Never
        && graph.nodes[edge.to].chaining == ChainingStrategy::Always
        && edge.partitioning.is_forward()
        && graph.edges.iter().filter(|other| other.to == edge.to).count() == 1
}

/// Cuts the graph into chains, upstream first. Every operator is in exactly one.
#[must_use]
pub fn chains(graph: &StreamGraph) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    let mut chain_of: Vec<usize> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let before = graph.edges.iter().find(|edge| edge.to == node.id && is_chained(graph, edge));
        let chain = before.map_or(chains.len(), |edge| chain_of[edge.from]);
        if chain == chains.len() {
            chains.push(Chain { nodes: Vec::new() });
        }
        chains[chain].nodes.push(node.id);
        chain_of.push(chain);
    }
    chains
}
