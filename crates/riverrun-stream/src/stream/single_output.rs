//! The stream that one operator makes: [`SingleOutputStreamOperator`].

use std::ops::Deref;
use std::time::Duration;

use crate::batch::DataType;
use crate::data::Data;
use crate::environment::StreamExecutionEnvironment;
use crate::error::Error;
use crate::functions::OutputTag;
use crate::graph::{ChainingStrategy, NodeId, NodeKind};
use crate::source::{ERROR_OUTPUT, RecordError};
use crate::stream::DataStream;
use crate::stream::data_stream::Output;

/// A stream that comes from one operator, which can be named and has side outputs. It is a [`DataStream`] otherwise.
pub struct SingleOutputStreamOperator<T> {
    stream: DataStream<T>,
    node: NodeId,
}

impl<T> Deref for SingleOutputStreamOperator<T> {
    type Target = DataStream<T>;

    fn deref(&self) -> &DataStream<T> {
        &self.stream
    }
}

impl<T> AsRef<DataStream<T>> for SingleOutputStreamOperator<T> {
    fn as_ref(&self) -> &DataStream<T> {
        &self.stream
    }
}

impl<T> SingleOutputStreamOperator<T> {
    pub(crate) fn of(environment: &StreamExecutionEnvironment, node: NodeId) -> Self {
        let output = Output { node, port: 0, partitioning: None };
        Self { stream: DataStream::of(environment, vec![output]), node }
    }

    /// Names the operator, in plans and messages.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.stream.environment.builder().graph.nodes[self.node].name = name.into();
        self
    }

    /// Gives the operator a stable id: state is restored by it, whatever has changed around it. Unique in a program.
    #[must_use]
    pub fn uid(self, uid: impl Into<String>) -> Self {
        self.stream.environment.builder().graph.nodes[self.node].uid = Some(uid.into());
        self
    }

    /// The operator's own parallelism.
    #[must_use]
    pub fn set_parallelism(self, parallelism: usize) -> Self {
        self.stream.environment.builder().set_parallelism_of(self.node, parallelism);
        self
    }

    /// How many key groups the operator has, and so its highest parallelism ever: the program's number otherwise. Part of a
    /// savepoint: it cannot be changed later.
    #[must_use]
    pub fn set_max_parallelism(self, max_parallelism: usize) -> Self {
        self.stream.environment.builder().graph.nodes[self.node].max_parallelism = Some(max_parallelism);
        self
    }

    /// How long a batch of the operator's output may wait to be filled: the program's time otherwise. It says nothing within a
    /// task, where records do not wait.
    #[must_use]
    pub fn set_buffer_timeout(self, timeout: Duration) -> Self {
        self.stream.environment.builder().graph.nodes[self.node].buffer_timeout = Some(timeout);
        self
    }

    /// Gives the operator a task of its own.
    #[must_use]
    pub fn disable_chaining(self) -> Self {
        self.stream.environment.builder().graph.nodes[self.node].chaining = ChainingStrategy::Never;
        self
    }

    /// Begins a task with the operator; those behind it may be in it.
    #[must_use]
    pub fn start_new_chain(self) -> Self {
        self.stream.environment.builder().graph.nodes[self.node].chaining = ChainingStrategy::Head;
        self
    }

    /// The records that the operator put out under a tag.
    ///
    /// A tag that the operator does not declare, or of another type, is a mistake that `execute` reports.
    #[must_use]
    pub fn get_side_output<U: Data>(&self, tag: &OutputTag<U>) -> DataStream<U> {
        let environment = &self.stream.environment;
        let kind = environment.builder().graph.nodes[self.node].kind.clone();
        let ports = match kind {
            NodeKind::Operator(factory) => factory().outputs(),
            NodeKind::Source { .. } => {
                vec![(String::new(), DataType::of::<()>()), (ERROR_OUTPUT.into(), DataType::of::<RecordError>())]
            }
        };
        let found = ports.iter().skip(1).position(|(name, data)| name == tag.id() && *data == DataType::of::<U>());
        let outputs = match found {
            Some(index) => vec![Output { node: self.node, port: index + 1, partitioning: None }],
            None => {
                let mut builder = environment.builder();
                let operator = builder.graph.nodes[self.node].name.clone();
                let declared = ports.iter().skip(1).map(|(name, data)| format!("`{name}` of {}", data.name()));
                let declared = declared.collect::<Vec<_>>().join(", ");
                let wanted = DataType::of::<U>().name();
                builder.mistakes.push(Error::NoSideOutput { operator, tag: tag.id().into(), wanted, declared });
                Vec::new()
            }
        };
        DataStream::of(environment, outputs)
    }
}

impl<T> SingleOutputStreamOperator<T> {
    /// A source's records at fault (a line that is not UTF-8), which it passed over. Where nobody reads them they are printed
    /// on standard error.
    #[must_use]
    pub fn errors(&self) -> DataStream<RecordError> {
        self.get_side_output(&OutputTag::new(ERROR_OUTPUT))
    }
}
