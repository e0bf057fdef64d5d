"""Streams, and what can be done to them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

from riverrun.common.typeinfo import PickledBytesTypeInfo, TupleTypeInfo, TypeInformation
from riverrun.common.types import Row
from riverrun.common.watermark_strategy import WatermarkStrategy
from riverrun.datastream import _calls, _infer
from riverrun.datastream._assigners import _CountWindows
from riverrun.datastream._connected import BroadcastConnectedStream, BroadcastStream, ConnectedStreams
from riverrun.datastream._declared import _description, _positive, _selector, _text, _type
from riverrun.datastream._ends import CloseableIterator, DataStreamSink, _NoOptions
from riverrun.datastream._plan import Node, without_effect
from riverrun.datastream._windowed import AllWindowedStream, WindowedStream
from riverrun.datastream._windows import WindowAssigner
from riverrun.datastream.functions import (
    FilterFunction,
    FlatMapFunction,
    KeyedProcessFunction,
    KeySelector,
    MapFunction,
    Partitioner,
    ProcessFunction,
    ReduceFunction,
)
from riverrun.datastream.output_tag import OutputTag
from riverrun.datastream.state import MapStateDescriptor
from riverrun.exceptions import BadInput, BadInputType, NotSupported

if TYPE_CHECKING:
    from riverrun.common.execution_config import ExecutionConfig
    from riverrun.datastream.connectors.base import Sink
    from riverrun.datastream.stream_execution_environment import StreamExecutionEnvironment
    from riverrun.runner import Runner, RunnerMethod
    from riverrun.stored_runner import StoredRunner

__all__ = [
    "AllWindowedStream",
    "BroadcastConnectedStream",
    "BroadcastStream",
    "CloseableIterator",
    "ConnectedStreams",
    "DataStream",
    "DataStreamSink",
    "KeyedStream",
    "WindowedStream",
]


class DataStream:
    """A stream of records.

    >>> from riverrun.datastream import StreamExecutionEnvironment
    >>> env = StreamExecutionEnvironment.get_execution_environment().set_parallelism(1)
    >>> numbers = env.from_collection([1, 2, 3])
    >>> list(numbers.map(lambda n: n * n).execute_and_collect())
    [1, 4, 9]
    """

    def __init__(self, node: Node, type_info: TypeInformation | None = None):
        self._node = node
        self._type_info = type_info

    @property
    def _environment(self) -> StreamExecutionEnvironment:
        return self._node.environment

    def _derive(self, name: str, build: Callable, type_info=None, *others: DataStream, is_operator=True) -> DataStream:
        inputs = [self._node, *(other._node for other in others)]
        return DataStream(Node(self._environment, build, inputs, name=name, is_operator=is_operator), type_info)

    def _set(self, option: str, value=None) -> DataStream:
        if not self._node.is_operator and option != "name":
            raise BadInput(f"`{option}` is for a stream that an operator makes; call it before `union`, `rebalance` or `get_side_output`")
        self._node.options[option] = value
        return self

    def get_name(self) -> str:
        """The name of the operator that makes the stream."""
        return str(self._node.options.get("name") or self._node.name)

    def name(self, name: str) -> DataStream:
        """Names the operator that makes the stream, for messages and plans."""
        return self._set("name", name)

    def uid(self, uid: str) -> DataStream:
        """Names the operator for its state, once and for all."""
        return self._set("uid", uid)

    def set_uid_hash(self, uid_hash: str) -> DataStream:
        raise NotSupported("uid hashes are Flink's; use `uid`")

    def set_parallelism(self, parallelism: int) -> DataStream:
        """How many subtasks the operator has."""
        return self._set("set_parallelism", _positive(parallelism, "parallelism"))

    def set_max_parallelism(self, max_parallelism: int) -> DataStream:
        """How many it can ever have."""
        return self._set("set_max_parallelism", _positive(max_parallelism, "maximum of the parallelism"))

    def force_non_parallel(self) -> DataStream:
        """One subtask, now and ever."""
        return self.set_parallelism(1).set_max_parallelism(1)

    def set_buffer_timeout(self, timeout_millis: int) -> DataStream:
        """How long records may wait to be sent on together."""
        if timeout_millis < 0:
            raise NotSupported("a buffer timeout below 0, which waits for ever, is not supported; give a long one")
        return self._set("set_buffer_timeout", timeout_millis)

    def start_new_chain(self) -> DataStream:
        """The operator begins a task of its own."""
        return self._set("start_new_chain")

    def disable_chaining(self) -> DataStream:
        """The operator has a task to itself."""
        return self._set("disable_chaining")

    def slot_sharing_group(self, slot_sharing_group: Any) -> DataStream:
        without_effect("slot_sharing_group", "there are no slots in one process")
        return self

    def set_description(self, description: str) -> DataStream:
        without_effect("set_description", "plans show names; use `name`")
        return self

    def cache(self) -> DataStream:
        raise NotSupported("a stream cannot be cached; collect it, or write it to a file")

    def get_type(self) -> TypeInformation:
        """The declared type of the records, `Types.PICKLED_BYTE_ARRAY()` if none is."""
        return self._type_info or PickledBytesTypeInfo()

    def get_execution_environment(self) -> StreamExecutionEnvironment:
        return self._environment

    def get_execution_config(self) -> ExecutionConfig:
        return self._environment.get_config()

    def map(self, func: Callable | MapFunction, output_type: TypeInformation | None = None) -> DataStream:
        """Makes one record of each."""
        call, type_info = _calls.of(func, MapFunction, "map", "map"), _type(output_type)
        return self._derive("Map", lambda graph, stream: stream.map(call, _description(type_info)), type_info)

    def flat_map(self, func: Callable | FlatMapFunction, output_type: TypeInformation | None = None) -> DataStream:
        """Makes any number of records of each: ``func`` returns an iterable of them, yields them, or returns None."""
        call, type_info = _calls.of(func, FlatMapFunction, "flat_map", "flat_map"), _type(output_type)
        return self._derive("Flat Map", lambda graph, stream: stream.flat_map(call, _description(type_info)), type_info)

    def filter(self, func: Callable | FilterFunction) -> DataStream:
        """Lets pass what ``func`` says so of."""
        call = _calls.of(func, FilterFunction, "filter", "filter")
        return self._derive("Filter", lambda graph, stream: stream.filter(call), self._type_info)

    def key_by(self, key_selector: Callable | KeySelector, key_type: TypeInformation | None = None) -> KeyedStream:
        """Groups records by a key: those of one key go to one subtask, in order."""
        selector, type_info = _selector(key_selector, "key_by"), _type(key_type)
        build = lambda graph, stream: stream.key_by(selector, _description(type_info))  # noqa: E731
        node = Node(self._environment, build, [self._node], name="Key By", is_operator=False)
        return KeyedStream(node, self._type_info, self)

    def process(self, func: ProcessFunction, output_type: TypeInformation | None = None) -> DataStream:
        """Makes records for the main and for side outputs of each."""
        _calls.require(func, ProcessFunction, "process")
        call, type_info = _calls.Calls(func, "process_element"), _type(output_type)
        return self._derive("Process", lambda graph, stream: stream.process(call, _description(type_info)), type_info)

    def infer(
        self,
        runner: StoredRunner | Runner | RunnerMethod,
        text: Callable[[Any], Any] | None = None,
        *,
        ordered: bool = True,
        capacity: int | None = None,
    ) -> DataStream:
        """Applies a runner to what ``text`` takes from each record, and puts out each record with its result.

        Records are handed to the runner as they come and computed in its batches; the stream does not wait in between, and
        the interpreter is free meanwhile. The runner is initialised in this process if it is not yet.

        Args:
            runner: A runner of a model, as `riverrun.transformers.get(tag).to_runner()`; or a `riverrun.Runner` of your own model, or one of
                its methods: `runner.predict`.
            text: Gives the text of a record, or whatever else the runner takes for one item; the record itself if absent. Of an ONNX model
                that is a dictionary of arrays without the dimension of the items, a tuple of them in the model's order, or the only one; of
                trees a row, as a list or by the features' names; of a method of your own its argument, which is put into a list, or an
                array into an array with one dimension more, if the method takes batches.
            ordered: Whether results keep the order of the records.
            capacity: How many records of a subtask may be in flight.

        >>> import riverrun
        >>> from riverrun.datastream import StreamExecutionEnvironment
        >>> env = StreamExecutionEnvironment.get_execution_environment().set_parallelism(1)
        >>> runner = riverrun.transformers.get("tweet-sentiment").to_runner()
        >>> [(tweet, best)] = env.from_collection(["What a lovely day"]).infer(runner).execute_and_collect()
        >>> best[0]["label"]
        'positive'
        """
        return self._derive("Infer", _infer.building(runner, text, ordered, capacity))

    def window_all(self, window_assigner: WindowAssigner) -> AllWindowedStream:
        """Gathers all records in windows, by one subtask."""
        return AllWindowedStream(self, window_assigner)

    def union(self, *streams: DataStream) -> DataStream:
        """The records of all of them."""
        for stream in streams:
            _calls.require(stream, DataStream, "union")
        build = lambda graph, stream, *others: stream.union(list(others))  # noqa: E731
        return self._derive("Union", build, self._type_info, *(stream._values() for stream in streams), is_operator=False)

    def _values(self) -> DataStream:
        return self

    def connect(self, ds: DataStream | BroadcastStream) -> ConnectedStreams | BroadcastConnectedStream:
        """Puts another stream beside it, for functions of both."""
        if isinstance(ds, BroadcastStream):
            return BroadcastConnectedStream(self, ds, ds.broadcast_state_descriptors)
        _calls.require(ds, DataStream, "connect")
        return ConnectedStreams(self, ds)

    def _partitioned(self, how: str) -> DataStream:
        return self._derive(how, lambda graph, stream: getattr(stream, how)(), self._type_info, is_operator=False)

    def shuffle(self) -> DataStream:
        """Spreads records at random."""
        return self._partitioned("shuffle")

    def rebalance(self) -> DataStream:
        """Spreads records in turn over all subtasks."""
        return self._partitioned("rebalance")

    def rescale(self) -> DataStream:
        """Spreads records in turn over some subtasks."""
        return self._partitioned("rescale")

    def forward(self) -> DataStream:
        """Leaves records with the subtask of the same number."""
        return self._partitioned("forward")

    def broadcast(
        self,
        broadcast_state_descriptor: MapStateDescriptor | None = None,
        *other_broadcast_state_descriptors: MapStateDescriptor,
    ) -> DataStream | BroadcastStream:
        """Sends every record to all subtasks; with states, to be connected to another stream."""
        if broadcast_state_descriptor is None:
            return self._partitioned("broadcast")
        descriptors = [broadcast_state_descriptor, *other_broadcast_state_descriptors]
        for descriptor in descriptors:
            _calls.require(descriptor, MapStateDescriptor, "broadcast")
        return BroadcastStream(self, descriptors)

    def partition_custom(self, partitioner: Callable | Partitioner, key_selector: Callable | KeySelector) -> DataStream:
        """Sends each record to the subtask that ``partitioner`` gives for its key and their number."""
        partition = partitioner.partition if isinstance(partitioner, Partitioner) else partitioner
        if not isinstance(partitioner, Partitioner) and not _calls.is_plain(partitioner):
            raise BadInputType(f"`partition_custom` takes a `Partitioner` or a function, and {partitioner!r} was given")
        selector = _selector(key_selector, "partition_custom")
        build = lambda graph, stream: stream.partition_custom(partition, selector, graph.native)  # noqa: E731
        return self._derive("partition_custom", build, self._type_info, is_operator=False)

    def project(self, *field_indexes: int) -> DataStream:
        """Keeps these fields of tuples."""
        if not isinstance(self._type_info, TupleTypeInfo):
            raise BadInput("`project` is for streams of tuples; declare the type with `Types.TUPLE`, or use `map`")
        fields = self._type_info.get_field_types()
        type_info = TupleTypeInfo([fields[index] for index in field_indexes])
        return self.map(lambda record: tuple(record[index] for index in field_indexes), type_info)

    def assign_timestamps_and_watermarks(self, watermark_strategy: WatermarkStrategy) -> DataStream:
        """Gives records timestamps, and the stream watermarks."""
        _calls.require(watermark_strategy, WatermarkStrategy, "assign_timestamps_and_watermarks")
        strategy = watermark_strategy
        assigner = None if strategy._assigner is None else _calls.Calls(strategy._assigner, "extract_timestamp")

        def build(graph, stream):
            return stream.assign_timestamps_and_watermarks(
                strategy._kind, strategy._millis, strategy._idleness_millis, assigner
            )

        return self._derive("Timestamps/Watermarks", build, self._type_info)

    def get_side_output(self, output_tag: OutputTag) -> DataStream:
        """The records that the function of this stream puts out under this tag; of a window, those that came too late."""
        _calls.require(output_tag, OutputTag, "get_side_output")
        build = lambda graph, stream: stream.get_side_output(output_tag.tag_id)  # noqa: E731
        side = self._derive("Side Output", build, is_operator=False)
        return side if output_tag.type_info is None else side.map(lambda record: record, output_tag.type_info)

    def _sink(self, name: str, build: Callable) -> DataStreamSink:
        return DataStreamSink(Node(self._environment, build, [self._node], name=name, is_operator=False, is_sink=True))

    def print(self, sink_identifier: str | None = None) -> DataStreamSink:
        """Prints each record as a line: its `str`, or, where a type is declared, what PyFlink prints for that.

        Above parallelism 1 the number of the subtask stands before it, as in ``2> hello``; a ``sink_identifier`` comes first.
        """
        text = _text(self._type_info)
        return self._sink("Print", lambda graph, stream: stream.print(sink_identifier, text))

    def sink_to(self, sink: Sink) -> DataStreamSink:
        """Writes the records to a sink of `riverrun.datastream.connectors`."""
        from riverrun.datastream.connectors.base import Sink

        _calls.require(sink, Sink, "sink_to")
        text = _text(self._type_info)
        return self._sink(type(sink).__name__, lambda graph, stream: sink._write(stream, text))

    def add_sink(self, sink_func: Any) -> DataStreamSink:
        raise NotSupported("`add_sink` takes sinks written in Java, which run inside Flink only; use `sink_to` or `print`")

    def execute_and_collect(
        self, job_execution_name: str | None = None, limit: int | None = None
    ) -> CloseableIterator | list:
        """Runs the program, and gives the records of this stream as they come; with a ``limit``, a list of that many at most.

        The iterator cancels the job when it is closed, or forgotten, before the end.
        """
        if limit is not None and limit < 0:
            raise BadInput(f"`execute_and_collect` has the limit {limit}; give 0 or more")
        collected = []
        node = Node(
            self._environment,
            lambda graph, stream: collected.append(stream.collect()) or _NoOptions(),
            [self._node],
            name="Collect",
            is_operator=False,
            is_sink=True,
        )
        del node
        job = self._environment._submit(job_execution_name)
        records = CloseableIterator(job, collected[0])
        if limit is None:
            return records
        with records:
            return list(islice(records, limit))

    def __repr__(self):
        return f"{type(self).__name__}({self.get_name()!r}, {self.get_type()!r})"


def _refused(what: str, why: str):
    def method(self, *args, **kwargs):
        raise BadInput(f"`{what}` is not for a keyed stream: {why}")

    method.__name__ = what
    return method


class KeyedStream(DataStream):
    """A stream whose records have keys."""

    def __init__(self, node: Node, type_info: TypeInformation | None, origin_stream: DataStream):
        super().__init__(node, type_info)
        self._origin_stream = origin_stream

    def _values(self) -> DataStream:
        return super()._derive("Values", lambda graph, keyed: keyed.values(), self._type_info, is_operator=False)

    def _one(self, func, base: type, method: str, output_type, keep_type: bool) -> DataStream:
        _calls.of(func, base, method, method)
        if not isinstance(func, base):
            values = self._values()
            return getattr(values, method)(func) if keep_type else getattr(values, method)(func, output_type)
        call, type_info = _calls.KeyedOne(func, method, method), self._type_info if keep_type else _type(output_type)
        described = None if keep_type else _description(type_info)
        return self._derive(method.replace("_", " ").title(), lambda graph, keyed: keyed.process(call, described), type_info)

    def map(self, func: Callable | MapFunction, output_type: TypeInformation | None = None) -> DataStream:
        """As `DataStream.map`; a `MapFunction` may use the state of the key."""
        return self._one(func, MapFunction, "map", output_type, False)

    def flat_map(self, func: Callable | FlatMapFunction, output_type: TypeInformation | None = None) -> DataStream:
        """As `DataStream.flat_map`; a `FlatMapFunction` may use the state of the key."""
        return self._one(func, FlatMapFunction, "flat_map", output_type, False)

    def filter(self, func: Callable | FilterFunction) -> DataStream:
        """As `DataStream.filter`; a `FilterFunction` may use the state of the key."""
        return self._one(func, FilterFunction, "filter", None, True)

    def reduce(self, func: Callable | ReduceFunction) -> DataStream:
        """Combines each record with what came of those before it with the same key. In batch mode, the last alone comes out."""
        call = _calls.of(func, ReduceFunction, "reduce", "reduce")
        described = _description(self._type_info)
        return self._derive("Keyed Reduce", lambda graph, keyed: keyed.reduce(call, described), self._type_info)

    def _accumulate(self, position: int | str, choose: Callable, whole: bool) -> DataStream:
        if not isinstance(position, int | str) or isinstance(position, bool):
            raise BadInputType(f"a field is given by its number or its name, and {position!r} was given")

        def reduce(one, other):
            if not isinstance(one, tuple | list | Row):
                return choose(one, other)
            if whole:
                return one if choose(one[position], other[position]) is one[position] else other
            field = choose(one[position], other[position])
            if isinstance(one, tuple):
                fields = list(one)
                fields[position] = field
                return type(one)(*fields) if hasattr(one, "_fields") else tuple(fields)
            made = one[:] if isinstance(one, list) else _copy_of_row(one)
            made[position] = field
            return made

        return self.reduce(reduce)

    def sum(self, position_to_sum: int | str = 0) -> DataStream:
        """The sum of a field so far, in the first record of the key."""
        return self._accumulate(position_to_sum, lambda one, other: one + other, False)

    def min(self, position_to_min: int | str = 0) -> DataStream:
        """The least value of a field so far, in the first record of the key."""
        return self._accumulate(position_to_min, lambda one, other: other if other < one else one, False)

    def max(self, position_to_max: int | str = 0) -> DataStream:
        """The greatest value of a field so far, in the first record of the key."""
        return self._accumulate(position_to_max, lambda one, other: other if other > one else one, False)

    def min_by(self, position_to_min_by: int | str = 0) -> DataStream:
        """The first record with the least value of a field so far."""
        return self._accumulate(position_to_min_by, lambda one, other: other if other < one else one, True)

    def max_by(self, position_to_max_by: int | str = 0) -> DataStream:
        """The first record with the greatest value of a field so far."""
        return self._accumulate(position_to_max_by, lambda one, other: other if other > one else one, True)

    def key_by(self, key_selector: Callable | KeySelector, key_type: TypeInformation | None = None) -> KeyedStream:
        return self._origin_stream.key_by(key_selector, key_type)

    def process(self, func: KeyedProcessFunction, output_type: TypeInformation | None = None) -> DataStream:
        """Makes records of each, with the state and the timers of its key."""
        _calls.require(func, KeyedProcessFunction, "process")
        call, type_info = _calls.Calls(func, "process_element", "on_timer"), _type(output_type)
        return self._derive("KeyedProcess", lambda graph, keyed: keyed.process(call, _description(type_info)), type_info)

    def window(self, window_assigner: WindowAssigner) -> WindowedStream:
        """Gathers the records of each key in windows."""
        return WindowedStream(self, window_assigner)

    def count_window(self, size: int, slide: int = 0) -> WindowedStream:
        """Gathers so many records of each key at a time; with ``slide``, every so many records."""
        return WindowedStream(self, _CountWindows(size, slide or size))

    def connect(self, ds: DataStream | BroadcastStream) -> ConnectedStreams | BroadcastConnectedStream:
        return super().connect(ds)

    def union(self, *streams: DataStream) -> DataStream:
        return self._values().union(*streams)

    def project(self, *field_indexes: int) -> DataStream:
        return self._values().project(*field_indexes)

    def print(self, sink_identifier: str | None = None) -> DataStreamSink:
        return self._values().print(sink_identifier)

    def sink_to(self, sink: Sink) -> DataStreamSink:
        return self._values().sink_to(sink)

    def add_sink(self, sink_func: Any) -> DataStreamSink:
        return self._values().add_sink(sink_func)

    def infer(
        self, runner: StoredRunner | Runner | RunnerMethod, text: Callable[[Any], Any] | None = None, **options: Any
    ) -> DataStream:
        return self._values().infer(runner, text, **options)

    def assign_timestamps_and_watermarks(self, watermark_strategy: WatermarkStrategy) -> DataStream:
        return self._values().assign_timestamps_and_watermarks(watermark_strategy)

    def execute_and_collect(
        self, job_execution_name: str | None = None, limit: int | None = None
    ) -> CloseableIterator | list:
        return self._values().execute_and_collect(job_execution_name, limit)

    def get_name(self) -> str:
        raise BadInput("a keyed stream has no name: no operator makes it")


for _what in ("shuffle", "rebalance", "rescale", "forward", "broadcast", "partition_custom"):
    setattr(KeyedStream, _what, _refused(_what, "its records are spread by their keys"))
for _what in (
    "set_parallelism",
    "name",
    "uid",
    "set_uid_hash",
    "set_max_parallelism",
    "force_non_parallel",
    "set_buffer_timeout",
    "start_new_chain",
    "disable_chaining",
    "slot_sharing_group",
    "cache",
    "get_side_output",
):
    setattr(KeyedStream, _what, _refused(_what, "no operator makes it"))


def _copy_of_row(row: Row) -> Row:
    made = Row(*row)
    if row._names() is not None:
        made.set_field_names(row._names())
    made.set_row_kind(row.get_row_kind())
    return made
