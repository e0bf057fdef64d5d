"""Two streams that one function reads, and streams that are broadcast."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from riverrun import _native
from riverrun.common.typeinfo import TypeInformation
from riverrun.datastream import _calls
from riverrun.datastream._declared import _description, _type
from riverrun.datastream.functions import (
    BroadcastProcessFunction,
    CoFlatMapFunction,
    CoMapFunction,
    CoProcessFunction,
    KeyedBroadcastProcessFunction,
    KeyedCoProcessFunction,
    KeySelector,
)
from riverrun.datastream.state import MapStateDescriptor
from riverrun.exceptions import BadInputType

if TYPE_CHECKING:
    from riverrun.datastream.data_stream import DataStream


class ConnectedStreams:
    """Two streams that one function reads."""

    def __init__(self, stream1: DataStream, stream2: DataStream):
        self.stream1 = stream1
        self.stream2 = stream2

    def key_by(
        self,
        key_selector1: Callable | KeySelector,
        key_selector2: Callable | KeySelector,
        key_type: TypeInformation | None = None,
    ) -> ConnectedStreams:
        """Gives both streams keys, by which they share state."""
        first, second = (getattr(stream, "_origin_stream", stream) for stream in (self.stream1, self.stream2))
        return ConnectedStreams(first.key_by(key_selector1, key_type), second.key_by(key_selector2, key_type))

    @property
    def _is_keyed(self) -> bool:
        # Only a keyed stream has one that it was made of.
        return hasattr(self.stream1, "_origin_stream") and hasattr(self.stream2, "_origin_stream")

    def _two(self, name: str, method: str, call, output_type) -> DataStream:
        type_info = _type(output_type)

        def build(graph, first, second):
            connected = _native.ConnectedStreams(first, second)
            return getattr(connected, method)(call, _description(type_info))

        return self.stream1._derive(name, build, type_info, self.stream2)

    def map(self, func: CoMapFunction, output_type: TypeInformation | None = None) -> DataStream:
        """Makes one record of each of either stream."""
        _calls.require(func, CoMapFunction, "map")
        methods = ("map1", "map2")
        if self._is_keyed:
            return self._two("Co-Map", "process_keyed", _calls.KeyedTwo(func, methods, True), output_type)
        return self._two("Co-Map", "map", _calls.Calls(func, *methods), output_type)

    def flat_map(self, func: CoFlatMapFunction, output_type: TypeInformation | None = None) -> DataStream:
        """Makes any number of records of each of either stream."""
        _calls.require(func, CoFlatMapFunction, "flat_map")
        methods = ("flat_map1", "flat_map2")
        if self._is_keyed:
            return self._two("Co-Flat Map", "process_keyed", _calls.KeyedTwo(func, methods, False), output_type)
        return self._two("Co-Flat Map", "flat_map", _calls.Calls(func, *methods), output_type)

    def process(
        self, func: CoProcessFunction | KeyedCoProcessFunction, output_type: TypeInformation | None = None
    ) -> DataStream:
        """Makes records for the main and for side outputs of each of either stream; with keys, with their state and timers."""
        _calls.require(func, (CoProcessFunction, KeyedCoProcessFunction), "process")
        methods = ["process_element1", "process_element2"]
        if isinstance(func, KeyedCoProcessFunction):
            if not self._is_keyed:
                raise BadInputType("a `KeyedCoProcessFunction` needs keys on both streams; call `key_by` before `process`")
            call = _calls.Calls(func, *methods, "on_timer")
            return self._two("Co-Keyed-Process", "process_keyed", call, output_type)
        return self._two("Co-Process", "process", _calls.Calls(func, *methods), output_type)


class BroadcastStream:
    """A stream whose records make state on every subtask."""

    def __init__(self, input_stream: DataStream, broadcast_state_descriptors: list[MapStateDescriptor]):
        self.input_stream = input_stream
        self.broadcast_state_descriptors = broadcast_state_descriptors


class BroadcastConnectedStream:
    """A stream beside one that is broadcast."""

    def __init__(
        self,
        non_broadcast_stream: DataStream,
        broadcast_stream: BroadcastStream,
        broadcast_state_descriptors: list[MapStateDescriptor],
    ):
        self.non_broadcast_stream = non_broadcast_stream
        self.broadcast_stream = broadcast_stream
        self.broadcast_state_descriptors = broadcast_state_descriptors

    def process(
        self,
        func: BroadcastProcessFunction | KeyedBroadcastProcessFunction,
        output_type: TypeInformation | None = None,
    ) -> DataStream:
        """Makes records of the one stream, with state of the other."""
        _calls.require(func, (BroadcastProcessFunction, KeyedBroadcastProcessFunction), "process")
        is_keyed = hasattr(self.non_broadcast_stream, "_origin_stream")
        if is_keyed is not isinstance(func, KeyedBroadcastProcessFunction):
            needed = "KeyedBroadcastProcessFunction" if is_keyed else "BroadcastProcessFunction"
            raise BadInputType(f"this stream {'has' if is_keyed else 'has no'} keys; use a `{needed}`")
        names = [descriptor.get_name() for descriptor in self.broadcast_state_descriptors]
        call, type_info = _calls.Broadcasting(func, names), _type(output_type)
        method = "process_keyed" if is_keyed else "process"

        def build(graph, stream, broadcast):
            connected = _native.BroadcastStream(broadcast, names)
            return getattr(connected, method)(stream, call, _description(type_info))

        name = "Co-Process-Broadcast"
        return self.non_broadcast_stream._derive(name, build, type_info, self.broadcast_stream.input_stream._values())
