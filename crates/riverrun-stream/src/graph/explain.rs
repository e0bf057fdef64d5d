//! The program as a person reads it: its tasks, each a tree of operators, and how records go from one to another.

use std::fmt::Write;

use crate::execution_mode::RuntimeExecutionMode;
use crate::graph::{Chain, ChainingStrategy, Edge, Node, NodeId, NodeKind, StreamGraph, chains};
use crate::source::ERROR_OUTPUT;

/// What hangs below an operator in the tree.
enum Branch<'g> {
    /// An operator of the same task.
    Within(&'g Edge),
    /// A connection to another task.
    Leaves(&'g Edge),
}

struct Explanation<'g> {
    graph: &'g StreamGraph,
    chains: Vec<Chain>,
    text: String,
}

pub(super) fn explain(graph: &StreamGraph) -> String {
    let mut explanation = Explanation { graph, chains: chains(graph), text: heading(graph) };
    for task in 0..explanation.chains.len() {
        explanation.task(task);
    }
    explanation.text
}

fn heading(graph: &StreamGraph) -> String {
    let mode = match graph.runtime_mode {
        RuntimeExecutionMode::Streaming => "streaming",
        RuntimeExecutionMode::Batch => "batch",
        RuntimeExecutionMode::Automatic if graph.first_unbounded().is_some() => "automatic (streaming)",
        RuntimeExecutionMode::Automatic => "automatic (batch)",
    };
    let timeout = graph.buffer_timeout.as_millis();
    format!("job `{}`: {mode}, {} key groups, buffer timeout {timeout} ms\n", graph.job_name, graph.max_parallelism)
}

impl<'g> Explanation<'g> {
    fn task_of(&self, node: NodeId) -> Option<usize> {
        self.chains.iter().position(|chain| chain.nodes.contains(&node))
    }

    fn task(&mut self, task: usize) {
        let Some(head) = self.chains.get(task).and_then(|chain| chain.nodes.first()).copied() else { return };
        let node = &self.graph.nodes[head];
        let sources = self.sources_of(node);
        let _ = write!(self.text, "\ntask {} · parallelism {}{sources}\n", task + 1, node.parallelism);
        self.operator(node, "", "", None);
    }

    /// Where the records of a task's first operator come from.
    fn sources_of(&self, head: &Node) -> String {
        let edges: Vec<&Edge> = self.graph.edges.iter().filter(|edge| edge.to == head.id).collect();
        let has_several = edges.iter().any(|edge| edge.input > 0);
        let sources = edges.iter().map(|edge| {
            let input = if has_several { format!("input {} ", edge.input + 1) } else { String::new() };
            let task = self.task_of(edge.from).map_or_else(String::new, |task| (task + 1).to_string());
            format!("{input}from task {task} ({})", edge.partitioning.name())
        });
        let sources = sources.collect::<Vec<_>>().join(", ");
        if sources.is_empty() { sources } else { format!(" · {sources}") }
    }

    /// One line for the operator, and all that is below it.
    fn operator(&mut self, node: &'g Node, first: &str, rest: &str, port: Option<String>) {
        let port = port.map(|name| format!("side output `{name}`: ")).unwrap_or_default();
        let _ = writeln!(self.text, "  {first}{port}{}{}", node.name, self.settings(node));
        let branches = self.branches(node);
        let count = branches.len();
        for (index, branch) in branches.into_iter().enumerate() {
            let (fork, line) = if index + 1 == count { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let fork = format!("{rest}{fork}");
            match branch {
                Branch::Within(edge) => {
                    let below = format!("{rest}{line}");
                    self.operator(&self.graph.nodes[edge.to], &fork, &below, self.port_name(edge));
                }
                Branch::Leaves(edge) => {
                    let port = self.port_name(edge).map(|name| format!("side output `{name}`: ")).unwrap_or_default();
                    let task = self.task_of(edge.to).map_or(0, |task| task + 1);
                    let _ = writeln!(self.text, "  {fork}{port}{} → task {task}", edge.partitioning.name());
                }
            }
        }
    }

    fn branches(&self, node: &Node) -> Vec<Branch<'g>> {
        let task = self.task_of(node.id);
        let edges = self.graph.edges.iter().filter(|edge| edge.from == node.id);
        let branch = |edge: &'g Edge| match self.task_of(edge.to) == task {
            true => Branch::Within(edge),
            false => Branch::Leaves(edge),
        };
        edges.map(branch).collect()
    }

    /// The name of a side output; none for the main output.
    fn port_name(&self, edge: &Edge) -> Option<String> {
        if edge.port == 0 {
            return None;
        }
        match &self.graph.nodes[edge.from].kind {
            NodeKind::Source { .. } => Some(ERROR_OUTPUT.into()),
            NodeKind::Operator(factory) => factory().outputs().into_iter().nth(edge.port).map(|(name, _)| name),
        }
    }

    /// What the program says of this operator alone.
    fn settings(&self, node: &Node) -> String {
        let mut settings = Vec::new();
        settings.extend(node.uid.as_ref().map(|uid| format!("uid {uid}")));
        settings.extend(node.max_parallelism.map(|max| format!("{max} key groups")));
        settings.extend(node.buffer_timeout.map(|timeout| format!("buffer timeout {} ms", timeout.as_millis())));
        settings.extend(match node.chaining {
            ChainingStrategy::Always => None,
            ChainingStrategy::Head => Some("begins a task".to_string()),
            ChainingStrategy::Never => Some("not chained".to_string()),
        });
        if settings.is_empty() { String::new() } else { format!("  [{}]", settings.join(", ")) }
    }
}
