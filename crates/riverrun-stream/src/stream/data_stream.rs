//! A stream of records of one type: [`DataStream`].

use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use crate::data::Data;
use crate::environment::StreamExecutionEnvironment;
use crate::error::{Error, FunctionError};
use crate::functions::{
    FilterClosure, FilterFunction, FlatMapClosure, FlatMapFunction, Key, KeyExtractor, MapClosure, MapFunction,
    ProcessFunction, TryMapClosure,
};
use crate::graph::{CustomPartitioner, KeyPartitioner, NodeId, NodeKind, OperatorFactory, Partitioning};
use crate::operator::{
    FilterOperator, FlatMapOperator, MapOperator, Operator, ProcessOperator, SinkOperator,
    TimestampsAndWatermarksOperator,
};
use crate::sink::{CollectSink, PrintSink, Sink};
use crate::source::{ERROR_OUTPUT, RecordError};
use crate::state::MapStateDescriptor;
use crate::stream::{
    AllWindowedStream, BroadcastStream, CoGroupedStreams, ConnectTo, DataStreamSink, JoinedStreams, KeyedStream,
    SingleOutputStreamOperator, StreamPair,
};
use crate::time::WatermarkStrategy;
use crate::window::{CountEvictor, CountTrigger, GlobalWindows, PurgingTrigger, WindowAssigner};

/// A stream of records of type `T`. Cheap to clone; every use reads all records.
pub struct DataStream<T> {
    pub(crate) environment: StreamExecutionEnvironment,
    /// The outputs that flow into it: several after a union.
    pub(crate) outputs: Vec<Output>,
    data: PhantomData<fn() -> T>,
}

/// An operator's output on its way to a reader.
#[derive(Clone)]
pub(crate) struct Output {
    pub(crate) node: NodeId,
    pub(crate) port: usize,
    pub(crate) partitioning: Option<Partitioning>,
}

impl<T> Clone for DataStream<T> {
    fn clone(&self) -> Self {
        Self::of(&self.environment, self.outputs.clone())
    }
}

impl<T> AsRef<DataStream<T>> for DataStream<T> {
    fn as_ref(&self) -> &DataStream<T> {
        self
    }
}

impl<T> DataStream<T> {
    pub(crate) fn of(environment: &StreamExecutionEnvironment, outputs: Vec<Output>) -> Self {
        Self { environment: environment.clone(), outputs, data: PhantomData }
    }

    fn partitioned(&self, partitioning: Partitioning) -> Self {
        let to = |output: &Output| Output { partitioning: Some(partitioning.clone()), ..output.clone() };
        Self::of(&self.environment, self.outputs.iter().map(to).collect())
    }

    /// Adds an operator that reads this stream, at the environment's parallelism.
    fn add(&self, name: &str, parallelism: Option<usize>, factory: OperatorFactory) -> NodeId {
        let mut builder = self.environment.builder();
        let parallelism = parallelism.unwrap_or(builder.parallelism);
        let node = builder.add_node(name.into(), parallelism, NodeKind::Operator(factory));
        for output in &self.outputs {
            builder.connect((output.node, output.port), node, 0, output.partitioning.clone());
        }
        node
    }

    /// Adds a mistake that `execute` reports: an option of an operator that can't be, and what would be right. For crates
    /// beside this one that put operators into a stream.
    pub fn report_invalid_option(&self, operator: &str, option: &'static str, given: String, rule: &'static str) {
        let mistake = Error::InvalidOption { operator: operator.into(), option, given, rule };
        self.environment.builder().mistakes.push(mistake);
    }

    /// Adds an operator of one's own, made anew for each subtask: how crates beside this one put theirs into a stream.
    ///
    /// `Out` is the type of the operator's main output.
    pub fn transform<Out: Data>(
        &self, name: &str, operator: impl Fn() -> Box<dyn Operator> + Send + Sync + 'static,
    ) -> SingleOutputStreamOperator<Out> {
        let node = self.add(name, None, Arc::new(operator));
        SingleOutputStreamOperator::of(&self.environment, node)
    }
}

impl<T> DataStream<T> {
    /// Adds an operator of one's own with two inputs: this stream is input 0, `other` input 1.
    ///
    /// `Out` is the type of the operator's main output. Streams of two environments are a mistake that `execute` reports;
    /// `operation` is the call that it names.
    pub fn transform_with<U, Out: Data>(
        &self, other: &DataStream<U>, operation: &'static str, name: &str,
        operator: impl Fn() -> Box<dyn Operator> + Send + Sync + 'static,
    ) -> SingleOutputStreamOperator<Out> {
        let node = self.add(name, None, Arc::new(operator));
        let mut builder = self.environment.builder();
        if self.environment.is_same(&other.environment) {
            for output in &other.outputs {
                builder.connect((output.node, output.port), node, 1, output.partitioning.clone());
            }
        } else {
            builder.mistakes.push(Error::ForeignStream { operation });
        }
        drop(builder);
        SingleOutputStreamOperator::of(&self.environment, node)
    }
}

/// Clones the function for each subtask.
pub(crate) fn cloning<F: Clone + Send + 'static>(
    function: F, operator: impl Fn(F) -> Box<dyn Operator> + Send + Sync + 'static,
) -> impl Fn() -> Box<dyn Operator> + Send + Sync + 'static {
    let function = Mutex::new(function);
    move || operator(function.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

impl<T: Data> DataStream<T> {
    /// Makes one value of each value.
    pub fn map<Out: Data>(
        &self, function: impl FnMut(T) -> Out + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<Out> {
        self.map_function(MapClosure(function))
    }

    /// Makes one value of each value, or fails the job.
    pub fn try_map<Out: Data, E: Into<FunctionError> + 'static>(
        &self, function: impl FnMut(T) -> Result<Out, E> + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<Out> {
        self.map_function(TryMapClosure(function, PhantomData))
    }

    /// Makes one value of each value, with a function that is opened and closed on every subtask.
    pub fn map_function<F: MapFunction<T>>(&self, function: F) -> SingleOutputStreamOperator<F::Out>
    where
        F::Out: Data,
    {
        self.transform("Map", cloning(function, |function| Box::new(MapOperator::<T, F>::new(function))))
    }

    /// Makes any number of values of each value: those of the iterator that the closure returns.
    pub fn flat_map<I: IntoIterator<Item: Data> + 'static>(
        &self, function: impl FnMut(T) -> I + Clone + Send + 'static,
    ) -> SingleOutputStreamOperator<I::Item> {
        self.flat_map_function(FlatMapClosure(function))
    }

    /// Makes any number of values of each value, with a function that is opened and closed on every subtask.
    pub fn flat_map_function<F: FlatMapFunction<T>>(&self, function: F) -> SingleOutputStreamOperator<F::Out>
    where
        F::Out: Data,
    {
        let operator = |function| -> Box<dyn Operator> {
            Box::new(FlatMapOperator::<T, F>::new(crate::operator::FlatMap(function)))
        };
        self.transform("Flat Map", cloning(function, operator))
    }

    /// Keeps the values for which the closure says `true`.
    pub fn filter(&self, function: impl FnMut(&T) -> bool + Clone + Send + 'static) -> SingleOutputStreamOperator<T> {
        self.filter_function(FilterClosure(function))
    }

    /// Keeps the values that the function keeps; it is opened and closed on every subtask.
    pub fn filter_function<F: FilterFunction<T>>(&self, function: F) -> SingleOutputStreamOperator<T> {
        self.transform("Filter", cloning(function, |function| Box::new(FilterOperator::<T, F>::new(function))))
    }

    /// Makes any number of values of each value, for the main output and for side outputs.
    pub fn process<F: ProcessFunction<T>>(&self, function: F) -> SingleOutputStreamOperator<F::Out>
    where
        F::Out: Data,
    {
        self.transform("Process", cloning(function, |function| Box::new(ProcessOperator::<T, F>::new(function))))
    }

    /// Gives the records timestamps and the stream watermarks, in place of those it had.
    ///
    /// A strategy that makes no sense is a mistake that `execute` reports.
    pub fn assign_timestamps_and_watermarks(&self, strategy: WatermarkStrategy<T>) -> SingleOutputStreamOperator<T> {
        self.environment.builder().mistakes.extend(strategy.mistake());
        self.transform("Timestamps/Watermarks", move || {
            Box::new(TimestampsAndWatermarksOperator::new(strategy.clone()))
        })
    }

    /// Puts several streams together: all records of all of them, each stream in its own order.
    ///
    /// Streams of another environment are a mistake that `execute` reports.
    #[must_use]
    pub fn union(&self, others: impl IntoIterator<Item = impl AsRef<DataStream<T>>>) -> DataStream<T> {
        let mut union = self.clone();
        for other in others {
            let other = other.as_ref();
            if !self.environment.is_same(&other.environment) {
                self.environment.builder().mistakes.push(Error::ForeignStream { operation: "union" });
            }
            union.outputs.extend(other.outputs.iter().cloned());
        }
        union
    }

    /// Puts two streams of different types together, for one operator to read both. Connected to a stream with broadcast state,
    /// the records of this one are handled with that state at hand.
    ///
    /// A stream of another environment is a mistake that `execute` reports.
    pub fn connect<C: ConnectTo<Self>>(&self, other: &C) -> C::Connected {
        other.connect_to(self)
    }

    /// Joins two streams in windows, by keys that come next: a function gets every pair that a window has of a key. Same as
    /// Flink's `join`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use riverrun_stream::{DataStream, SingleOutputStreamOperator, window::TumblingEventTimeWindows};
    /// # fn program(orders: DataStream<(u64, String)>, payments: DataStream<(u64, f64)>) -> SingleOutputStreamOperator<(String, f64)> {
    /// orders
    ///     .join(&payments)
    ///     .where_(|(id, _)| *id)
    ///     .equal_to(|(id, _)| *id)
    ///     .window(TumblingEventTimeWindows::of(Duration::from_secs(10)))
    ///     .apply(|(_, order), (_, payment)| (order.clone(), *payment))
    /// # }
    /// ```
    pub fn join<U: Data>(&self, other: &DataStream<U>) -> JoinedStreams<T, U> {
        StreamPair::of(self, other)
    }

    /// Groups two streams together in windows, by keys that come next: a function gets all that a window has of a key, of both
    /// streams. Same as Flink's `coGroup`.
    pub fn co_group<U: Data>(&self, other: &DataStream<U>) -> CoGroupedStreams<T, U> {
        StreamPair::of(self, other)
    }

    /// The parallelism of the operator that the stream comes from, if it is one, and nothing spreads its records anew.
    pub(crate) fn parallelism(&self) -> Option<usize> {
        match self.outputs.as_slice() {
            [output] if output.partitioning.is_none() => {
                Some(self.environment.builder().graph.nodes[output.node].parallelism)
            }
            _ => None,
        }
    }

    /// Spreads the records evenly over all subtasks of what follows, round robin.
    #[must_use]
    pub fn rebalance(&self) -> DataStream<T> {
        self.partitioned(Partitioning::Rebalance)
    }

    /// Spreads the records round robin over the subtasks of what follows that are nearest by index.
    #[must_use]
    pub fn rescale(&self) -> DataStream<T> {
        self.partitioned(Partitioning::Rescale)
    }

    /// Sends each record to a subtask drawn at random.
    #[must_use]
    pub fn shuffle(&self) -> DataStream<T> {
        self.partitioned(Partitioning::Shuffle)
    }

    /// Sends each record to every subtask of what follows.
    #[must_use]
    pub fn broadcast(&self) -> DataStream<T> {
        self.partitioned(Partitioning::Broadcast)
    }

    /// Sends each record to every subtask of what it is [connected](Self::connect) to, to make state of it there: a map that all
    /// subtasks have alike. Same as Flink's `broadcast` with descriptors; [`BroadcastStream::with_state`] adds another one.
    ///
    /// A descriptor with a time to live is a mistake that `execute` reports.
    pub fn broadcast_state<K: Data + Hash + Eq, V: Data>(
        &self, state: &MapStateDescriptor<K, V>,
    ) -> BroadcastStream<T> {
        BroadcastStream::of(self.broadcast(), state)
    }

    /// Sends each record to the subtask of the same index; what follows needs the same parallelism.
    #[must_use]
    pub fn forward(&self) -> DataStream<T> {
        self.partitioned(Partitioning::Forward)
    }

    /// Sends each record to the subtask that `partitioner` names for its key and the number of subtasks.
    #[must_use]
    pub fn partition_custom<K: Send + 'static>(
        &self, partitioner: impl Fn(&K, usize) -> usize + Send + Sync + 'static,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
    ) -> DataStream<T> {
        let key = KeyExtractor::new(key);
        self.partitioned(Partitioning::Custom(Arc::new(CustomPartitioner {
            key,
            partition: partitioner,
            types: PhantomData,
        })))
    }

    /// Groups the records by a key: records with equal keys go to the same subtask, where they share state and timers.
    #[must_use]
    pub fn key_by<K: Key>(&self, selector: impl Fn(&T) -> K + Send + Sync + 'static) -> KeyedStream<T, K> {
        self.keyed(KeyExtractor::new(selector))
    }

    /// As [`key_by`](Self::key_by), with a selector that can fail; its error fails the job.
    #[must_use]
    pub fn try_key_by<K: Key, E: Into<FunctionError> + 'static>(
        &self, selector: impl Fn(&T) -> Result<K, E> + Send + Sync + 'static,
    ) -> KeyedStream<T, K> {
        self.keyed(KeyExtractor::fallible(selector))
    }

    fn keyed<K: Key>(&self, keys: KeyExtractor<T, K>) -> KeyedStream<T, K> {
        let partitioning = Partitioning::KeyBy(Arc::new(KeyPartitioner(keys.clone())));
        KeyedStream::of(self.partitioned(partitioning), keys)
    }

    /// Gathers all records in windows, by one subtask: there is no key to spread them by.
    #[must_use]
    pub fn window_all<A: WindowAssigner<T>>(&self, assigner: A) -> AllWindowedStream<T, A, A::DefaultTrigger> {
        AllWindowedStream::of(self, assigner)
    }

    /// Gathers all records in windows of `size` elements each, by one subtask.
    #[must_use]
    pub fn count_window_all(&self, size: u64) -> AllWindowedStream<T, GlobalWindows, PurgingTrigger<CountTrigger>> {
        self.window_all(GlobalWindows).trigger(PurgingTrigger::of(CountTrigger::of(size)))
    }

    /// Gathers all records in windows of the last `size` elements, every `slide` elements, by one subtask.
    #[must_use]
    pub fn count_window_all_slide(
        &self, size: u64, slide: u64,
    ) -> AllWindowedStream<T, GlobalWindows, CountTrigger, CountEvictor> {
        let last = CountEvictor::of(usize::try_from(size).unwrap_or(usize::MAX));
        self.window_all(GlobalWindows).evictor(last).trigger(CountTrigger::of(slide))
    }

    /// Writes one line per record to standard output: a string as it is, anything else as JSON, prefixed with `N> ` (the
    /// subtask, from 1) where the parallelism is above 1.
    pub fn print(&self) -> DataStreamSink {
        self.sink_to(PrintSink::<T>::to_out(None))
    }

    /// As [`print`](Self::print), with this identifier before the number.
    pub fn print_with(&self, identifier: impl Into<String>) -> DataStreamSink {
        self.sink_to(PrintSink::<T>::to_out(Some(identifier.into())))
    }

    /// As [`print`](Self::print), to standard error.
    pub fn print_to_err(&self) -> DataStreamSink {
        self.sink_to(PrintSink::<T>::to_err(None))
    }

    /// Ends the stream in a sink.
    pub fn sink_to<S: Sink<In = T>>(&self, sink: S) -> DataStreamSink {
        self.add_sink(sink, None)
    }

    fn add_sink<S: Sink<In = T>>(&self, sink: S, parallelism: Option<usize>) -> DataStreamSink {
        let sink = Arc::new(sink);
        let (name, descriptor) = (format!("Sink: {}", sink.name()), sink.descriptor());
        let factory = Arc::new(move || Box::new(SinkOperator::new(sink.clone())) as Box<dyn Operator>);
        let node = self.add(&name, parallelism, factory);
        let mut builder = self.environment.builder();
        builder.graph.nodes[node].is_sink = true;
        builder.graph.nodes[node].descriptor = descriptor;
        drop(builder);
        DataStreamSink::of(&self.environment, node)
    }

    /// Runs the program to its end and gives this stream's records in the order of their arrival.
    ///
    /// # Errors
    /// As [`StreamExecutionEnvironment::execute`].
    pub fn execute_and_collect(&self) -> Result<Vec<T>, Error> {
        let collected = Arc::new(Mutex::new(Vec::new()));
        self.add_sink(CollectSink(collected.clone()), Some(1));
        self.environment.execute()?;
        Ok(std::mem::take(&mut *collected.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Prints the records at fault that no one reads: nothing is lost silently.
pub(crate) fn route_unread_errors(environment: &StreamExecutionEnvironment) {
    let unread: Vec<Output> = {
        let builder = environment.builder();
        let is_read = |node, port| builder.graph.edges.iter().any(|edge| edge.from == node && edge.port == port);
        builder
            .graph
            .nodes
            .iter()
            .filter(|node| matches!(node.kind, NodeKind::Source { .. }) && !is_read(node.id, 1))
            .map(|node| Output { node: node.id, port: 1, partitioning: None })
            .collect()
    };
    for output in unread {
        let parallelism = environment.builder().graph.nodes[output.node].parallelism;
        let errors = DataStream::<RecordError>::of(environment, vec![output]);
        errors.add_sink(PrintSink::to_err(Some(ERROR_OUTPUT.into())), Some(parallelism)).name("Sink: Unread Errors");
    }
}
