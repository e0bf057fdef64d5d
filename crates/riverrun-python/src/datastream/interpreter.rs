//! The interpreter is taken once for a whole batch: what surrounds every operator that touches Python objects.

use std::sync::Arc;

use riverrun::stream::batch::{Batch, DataType};
use riverrun::stream::graph::{NodeKind, Partitioner, Partitioning, StreamGraph};
use riverrun::stream::operator::{Completion, FrozenState, Operator, Readiness, RestoredState, SnapshotRequest, Turn};
use riverrun::stream::{Result, RuntimeContext, Timestamp};

use super::inside::Inside;
use super::value::PyValue;
use crate::gate;

/// Has the operators and partitioners of a graph that touch Python objects take the interpreter once a call.
///
/// Not the sources: a reader waits for the lock of its enumerator, and must not hold the interpreter meanwhile.
pub(crate) fn hold(graph: &mut StreamGraph) {
    for node in &mut graph.nodes {
        if let NodeKind::Operator(factory) = &node.kind {
            let factory = factory.clone();
            node.kind = NodeKind::Operator(Arc::new(move || surround(factory())));
        }
    }
    for edge in &mut graph.edges {
        edge.partitioning = match std::mem::replace(&mut edge.partitioning, Partitioning::Forward) {
            Partitioning::KeyBy(partitioner) => Partitioning::KeyBy(Arc::new(Holding(partitioner))),
            Partitioning::Custom(partitioner) => Partitioning::Custom(Arc::new(Holding(partitioner))),
            other => other,
        };
    }
}

fn surround(operator: Box<dyn Operator>) -> Box<dyn Operator> {
    let value = DataType::of::<PyValue>();
    let touches = operator.inputs().contains(&value) || operator.outputs().iter().any(|(_, data)| *data == value);
    if touches { Box::new(Holding(operator)) } else { operator }
}

struct Holding<T>(T);

/// Does this with the interpreter held, and the thread among those that have to leave before the interpreter ends.
fn held<R>(call: impl FnOnce() -> R) -> R {
    gate::attach(|py| {
        let inside = Inside::enter(py);
        let result = call();
        drop(inside);
        result
    })
}

impl Operator for Holding<Box<dyn Operator>> {
    fn inputs(&self) -> Vec<DataType> {
        self.0.inputs()
    }

    fn outputs(&self) -> Vec<(String, DataType)> {
        self.0.outputs()
    }

    fn restore(&mut self, state: RestoredState) -> Result {
        held(|| self.0.restore(state))
    }

    fn open(&mut self, context: &RuntimeContext, turn: &mut Turn<'_>) -> Result {
        held(|| self.0.open(context, turn))
    }

    fn process(&mut self, input: usize, batch: Batch, turn: &mut Turn<'_>) -> Result<Readiness> {
        held(|| self.0.process(input, batch, turn))
    }

    fn watermark(&mut self, input: usize, watermark: Timestamp, turn: &mut Turn<'_>) -> Result<Readiness> {
        held(|| self.0.watermark(input, watermark, turn))
    }

    fn idle(&mut self, input: usize, idle: bool, turn: &mut Turn<'_>) -> Result<Readiness> {
        held(|| self.0.idle(input, idle, turn))
    }

    fn wake(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        held(|| self.0.wake(turn))
    }

    fn complete(&mut self, completion: Completion, turn: &mut Turn<'_>) -> Result<Readiness> {
        held(|| self.0.complete(completion, turn))
    }

    fn prepare_snapshot(&mut self, request: SnapshotRequest, turn: &mut Turn<'_>) -> Result {
        held(|| self.0.prepare_snapshot(request, turn))
    }

    fn snapshot(&mut self, request: SnapshotRequest) -> Result<Box<dyn FrozenState>> {
        held(|| self.0.snapshot(request))
    }

    fn checkpoint_complete(&mut self, id: u64) -> Result {
        self.0.checkpoint_complete(id)
    }

    fn checkpoint_aborted(&mut self, id: u64) -> Result {
        self.0.checkpoint_aborted(id)
    }

    fn end_input(&mut self, input: usize, turn: &mut Turn<'_>) -> Result<Readiness> {
        held(|| self.0.end_input(input, turn))
    }

    fn finish(&mut self, turn: &mut Turn<'_>) -> Result<Readiness> {
        held(|| self.0.finish(turn))
    }

    fn close(&mut self) -> Result {
        held(|| self.0.close())
    }
}

impl Partitioner for Holding<Arc<dyn Partitioner>> {
    fn targets(&self, batch: &Batch, max_parallelism: usize, parallelism: usize, targets: &mut Vec<usize>) -> Result {
        held(|| self.0.targets(batch, max_parallelism, parallelism, targets))
    }

    fn keys(&self, batch: &Batch, each: &mut dyn FnMut(&[u8])) -> Result {
        held(|| self.0.keys(batch, each))
    }
}
