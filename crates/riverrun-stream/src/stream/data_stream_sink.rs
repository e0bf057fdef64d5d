//! The end of a stream in a sink: [`DataStreamSink`].

use crate::environment::StreamExecutionEnvironment;
use crate::graph::{ChainingStrategy, NodeId};

/// A sink that ends a stream: it can be named and has a parallelism of its own. Same as Flink's `DataStreamSink`.
pub struct DataStreamSink {
    environment: StreamExecutionEnvironment,
    node: NodeId,
}

impl DataStreamSink {
    pub(crate) fn of(environment: &StreamExecutionEnvironment, node: NodeId) -> Self {
        Self { environment: environment.clone(), node }
    }

    /// Names the sink, in plans and messages.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.environment.builder().graph.nodes[self.node].name = name.into();
        self
    }

    /// Gives the sink a stable id: state is restored by it, whatever has changed around it. Unique in a program.
    pub fn uid(self, uid: impl Into<String>) -> Self {
        self.environment.builder().graph.nodes[self.node].uid = Some(uid.into());
        self
    }

    /// The sink's own parallelism.
    pub fn set_parallelism(self, parallelism: usize) -> Self {
        self.environment.builder().set_parallelism_of(self.node, parallelism);
        self
    }

    /// The sink's highest parallelism ever: the program's number otherwise.
    pub fn set_max_parallelism(self, max_parallelism: usize) -> Self {
        self.environment.builder().graph.nodes[self.node].max_parallelism = Some(max_parallelism);
        self
    }

    /// Gives the sink a task of its own.
    pub fn disable_chaining(self) -> Self {
        self.environment.builder().graph.nodes[self.node].chaining = ChainingStrategy::Never;
        self
    }
}
