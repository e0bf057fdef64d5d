//! The plan that people and tools read.

use serde_json::{Value, json};

use crate::graph::{NodeKind, StreamGraph, chains};

pub(super) fn plan(graph: &StreamGraph) -> String {
    let chains = chains(graph);
    let nodes: Vec<Value> = graph
        .nodes
        .iter()
        .map(|node| {
            let predecessors: Vec<Value> = graph
                .edges
                .iter()
                .filter(|edge| edge.to == node.id)
                .map(|edge| {
                    json!({
                        "id": edge.from,
                        "ship_strategy": edge.partitioning.name(),
                        "side": if edge.port == 0 { "main" } else { "side output" },
                        "input": edge.input,
                    })
                })
                .collect();
            let role = match &node.kind {
                NodeKind::Source { .. } => "Data Source",
                NodeKind::Operator(_) if node.is_sink => "Data Sink",
                NodeKind::Operator(_) => "Operator",
            };
            json!({
                "id": node.id,
                "uid": node.stable_uid(),
                "type": node.name,
                "pact": role,
                "contents": node.name,
                "parallelism": node.parallelism,
                "max_parallelism": graph.max_parallelism_of(node),
                "task": chains.iter().position(|chain| chain.nodes.contains(&node.id)).map(|task| task + 1),
                "predecessors": predecessors,
            })
        })
        .collect();
    format!("{:#}", json!({ "job": graph.job_name, "nodes": nodes }))
}
