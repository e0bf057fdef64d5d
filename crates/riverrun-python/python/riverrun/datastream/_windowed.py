"""Streams in windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from riverrun.common.typeinfo import TypeInformation
from riverrun.datastream import _calls
from riverrun.datastream._assigners import _NativeAssigner
from riverrun.datastream._declared import _description, _type
from riverrun.datastream._plan import Node
from riverrun.datastream._triggers import _trigger_spec
from riverrun.datastream._windows import MergingWindowAssigner, Trigger, WindowAssigner
from riverrun.datastream.functions import (
    AggregateFunction,
    AllWindowFunction,
    ProcessAllWindowFunction,
    ProcessWindowFunction,
    ReduceFunction,
    WindowFunction,
)
from riverrun.datastream.output_tag import OutputTag
from riverrun.exceptions import BadInput, BadInputType, NotSupported

if TYPE_CHECKING:
    from riverrun.datastream.data_stream import DataStream, KeyedStream
    from riverrun.datastream.stream_execution_environment import StreamExecutionEnvironment


class _Windows:
    """What both kinds of windowed streams have in common."""

    _is_all = False
    _functions: tuple[type, type] = (WindowFunction, ProcessWindowFunction)

    def __init__(self, stream: DataStream, window_assigner: WindowAssigner):
        _calls.require(window_assigner, WindowAssigner, "window")
        is_own = isinstance(window_assigner, _NativeAssigner)
        if isinstance(window_assigner, MergingWindowAssigner) and not is_own:
            raise NotSupported(f"`{type(window_assigner).__name__}` merges windows, which only the assigners of the engine can; use session windows")
        self._stream = stream
        self._assigner = window_assigner
        self._trigger: Trigger | None = None
        self._lateness = 0
        self._late_tag: OutputTag | None = None

    def get_execution_environment(self) -> StreamExecutionEnvironment:
        return self._stream.get_execution_environment()

    def get_input_type(self) -> TypeInformation:
        return self._stream.get_type()

    def trigger(self, trigger: Trigger):
        """Says when a window is given to its function, in place of the assigner's own trigger."""
        _calls.require(trigger, Trigger, "trigger")
        if isinstance(self._assigner, MergingWindowAssigner) and not trigger.can_merge():
            raise BadInputType(f"windows of `{type(self._assigner).__name__}` merge, and the trigger `{type(trigger).__name__}` cannot; use one that can")
        self._trigger = trigger
        return self

    def allowed_lateness(self, time_ms: int):
        """Keeps windows for so long after their end; each late record has them fire again."""
        if time_ms < 0:
            raise BadInput(f"the allowed lateness is {time_ms} ms; give at least 0")
        self._lateness = time_ms
        return self

    def side_output_late_data(self, output_tag: OutputTag):
        """Puts records that come too late out under this tag."""
        _calls.require(output_tag, OutputTag, "side_output_late_data")
        self._late_tag = output_tag
        return self

    def _window_call(self, function):
        if function is None:
            return None
        apply, process = self._functions
        if isinstance(function, apply):
            return _calls.Applied(function, not self._is_all)
        if isinstance(function, process):
            return _calls.Processed(function, not self._is_all)
        raise BadInputType(f"a window function is a `{apply.__name__}` or a `{process.__name__}`, and {function!r} was given")

    def _windowed(self, gather, gather_call, gather_type, function, output_type) -> DataStream:
        type_info = _type(output_type)
        call = self._window_call(function)
        if isinstance(self._assigner, _NativeAssigner):
            name, numbers, assign, is_event_time = self._assigner._spec()
            trigger = self._trigger
        else:
            name, numbers, is_event_time = "custom", [], self._assigner.is_event_time()
            assign = _calls.of_assigner(self._assigner)
            trigger = self._trigger or self._assigner.get_default_trigger(self.get_execution_environment())
        spec = {
            "assigner": name,
            "numbers": numbers,
            "function": assign,
            "is_event_time": is_event_time,
            "trigger": None if trigger is None else _trigger_spec(trigger, _calls.of_trigger),
            "lateness_millis": self._lateness,
            "late_tag": None if self._late_tag is None else self._late_tag.tag_id,
            "is_all": self._is_all,
            "gather": gather,
            "gather_function": gather_call,
            "gather_type": _description(gather_type),
            "window_function": call,
            "window_type": _description(type_info),
        }
        made = type_info if call is not None else gather_type
        return self._stream._derive(type(self._assigner).__name__, lambda graph, keyed: keyed.window(spec), made)

    def reduce(
        self, reduce_function: Callable | ReduceFunction, window_function=None, output_type: TypeInformation | None = None
    ) -> DataStream:
        """Combines the records of a window as they come; ``window_function`` gets the one that is left."""
        call = _calls.of(reduce_function, ReduceFunction, "reduce", "reduce")
        kept = self._stream._type_info if window_function is not None or output_type is None else _type(output_type)
        return self._windowed("reduce", call, kept, window_function, output_type)

    def aggregate(
        self,
        aggregate_function: AggregateFunction,
        window_function=None,
        accumulator_type: TypeInformation | None = None,
        output_type: TypeInformation | None = None,
    ) -> DataStream:
        """Adds the records of a window to an accumulator as they come; ``window_function`` gets its result."""
        _calls.require(aggregate_function, AggregateFunction, "aggregate")
        call = _calls.Calls(aggregate_function, "create_accumulator", "add", "get_result", "merge")
        kept = None if window_function is not None else _type(output_type)
        return self._windowed("aggregate", call, kept, window_function, output_type)

    def apply(self, window_function, output_type: TypeInformation | None = None) -> DataStream:
        """Makes any number of records of all the records of a window."""
        _calls.require(window_function, self._functions[0], "apply")
        return self._windowed(None, None, None, window_function, output_type)

    def process(self, process_window_function, output_type: TypeInformation | None = None) -> DataStream:
        """As `apply`, with times and state."""
        _calls.require(process_window_function, self._functions[1], "process")
        return self._windowed(None, None, None, process_window_function, output_type)


class WindowedStream(_Windows):
    """A keyed stream in windows."""

    def __init__(self, keyed_stream: KeyedStream, window_assigner: WindowAssigner):
        super().__init__(keyed_stream, window_assigner)


class AllWindowedStream(_Windows):
    """A stream in windows, all keys together and so by one subtask."""

    _is_all = True
    _functions = (AllWindowFunction, ProcessAllWindowFunction)

    def __init__(self, data_stream: DataStream, window_assigner: WindowAssigner):
        from riverrun.datastream.data_stream import KeyedStream

        node = Node(
            data_stream._environment,
            lambda graph, stream: stream.key_by_nothing(),
            [data_stream._values()._node],
            name="All",
            is_operator=False,
        )
        super().__init__(KeyedStream(node, data_stream._type_info, data_stream), window_assigner)
