"""Windows: which ones a record belongs to, and when their contents are given to a function."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from enum import Enum
from io import BytesIO
from typing import Any, Generic, TypeVar

from riverrun.common.serializer import TypeSerializer
from riverrun.common.time import Time, millis_of
from riverrun.datastream.functions import ReduceFunction
from riverrun.datastream.state import ReducingState, ReducingStateDescriptor
from riverrun.exceptions import BadInput, NotSupported

__all__ = [
    "ContinuousEventTimeTrigger",
    "ContinuousProcessingTimeTrigger",
    "CountTrigger",
    "CountWindow",
    "DynamicEventTimeSessionWindows",
    "DynamicProcessingTimeSessionWindows",
    "EventTimeSessionWindows",
    "EventTimeTrigger",
    "GlobalWindow",
    "GlobalWindows",
    "MergingWindowAssigner",
    "NeverTrigger",
    "ProcessingTimeSessionWindows",
    "ProcessingTimeTrigger",
    "PurgingTrigger",
    "SessionWindowTimeGapExtractor",
    "SlidingEventTimeWindows",
    "SlidingProcessingTimeWindows",
    "TimeWindow",
    "Trigger",
    "TriggerResult",
    "TumblingEventTimeWindows",
    "TumblingProcessingTimeWindows",
    "Window",
    "WindowAssigner",
]

T = TypeVar("T")
W = TypeVar("W")
W2 = TypeVar("W2")

_MAX = (1 << 63) - 1


class Window(ABC):
    """What records are gathered in."""

    @abstractmethod
    def max_timestamp(self) -> int:
        """The last time that belongs to it."""


class TimeWindow(Window):
    """An interval of time, ``end`` excluded.

    >>> TimeWindow(0, 5).cover(TimeWindow(5, 9))
    TimeWindow(start=0, end=9)
    """

    def __init__(self, start: int, end: int):
        self.start = start
        self.end = end

    def max_timestamp(self) -> int:
        return self.end - 1

    def intersects(self, other: TimeWindow) -> bool:
        """Whether they meet or share time."""
        return self.start <= other.end and self.end >= other.start

    def cover(self, other: TimeWindow) -> TimeWindow:
        """The shortest one that contains both."""
        return TimeWindow(min(self.start, other.start), max(self.end, other.end))

    @staticmethod
    def get_window_start_with_offset(timestamp: int, offset: int, window_size: int) -> int:
        return timestamp - (timestamp - offset) % window_size

    @staticmethod
    def merge_windows(windows: Iterable[TimeWindow], callback: MergingWindowAssigner.MergeCallback[TimeWindow]) -> None:
        """Tells the callback which windows become one."""
        groups: list[tuple[TimeWindow, list[TimeWindow]]] = []
        for window in sorted(windows):
            if groups and groups[-1][0].intersects(window):
                cover, members = groups[-1]
                groups[-1] = (cover.cover(window), [*members, window])
            else:
                groups.append((window, [window]))
        for cover, members in groups:
            if len(members) > 1:
                callback.merge(members, cover)

    def __eq__(self, other):
        return isinstance(other, TimeWindow) and (self.start, self.end) == (other.start, other.end)

    def __lt__(self, other):
        return (self.start, self.end) < (other.start, other.end)

    def __le__(self, other):
        return (self.start, self.end) <= (other.start, other.end)

    def __hash__(self):
        return hash((self.start, self.end))

    def __repr__(self):
        return f"TimeWindow(start={self.start}, end={self.end})"


class CountWindow(Window):
    """A number of records, by its own number."""

    def __init__(self, id: int):
        self.id = id

    def max_timestamp(self) -> int:
        return _MAX

    def __eq__(self, other):
        return isinstance(other, CountWindow) and self.id == other.id

    def __hash__(self):
        return hash(self.id)

    def __repr__(self):
        return f"CountWindow(id={self.id})"


class GlobalWindow(Window):
    """The one window that takes everything."""

    @staticmethod
    def get() -> GlobalWindow:
        return GlobalWindow()

    def max_timestamp(self) -> int:
        return _MAX

    def __eq__(self, other):
        return isinstance(other, GlobalWindow)

    def __hash__(self):
        return 0

    def __repr__(self):
        return "GlobalWindow"


class TimeWindowSerializer(TypeSerializer[TimeWindow]):
    def serialize(self, element: TimeWindow, stream: BytesIO) -> None:
        stream.write(element.start.to_bytes(8, "big", signed=True) + element.end.to_bytes(8, "big", signed=True))

    def deserialize(self, stream: BytesIO) -> TimeWindow:
        start, end = stream.read(8), stream.read(8)
        return TimeWindow(int.from_bytes(start, "big", signed=True), int.from_bytes(end, "big", signed=True))


class CountWindowSerializer(TypeSerializer[CountWindow]):
    def serialize(self, element: CountWindow, stream: BytesIO) -> None:
        stream.write(element.id.to_bytes(8, "big", signed=True))

    def deserialize(self, stream: BytesIO) -> CountWindow:
        return CountWindow(int.from_bytes(stream.read(8), "big", signed=True))


class GlobalWindowSerializer(TypeSerializer[GlobalWindow]):
    def serialize(self, element: GlobalWindow, stream: BytesIO) -> None:
        stream.write(b"\x00")

    def deserialize(self, stream: BytesIO) -> GlobalWindow:
        stream.read(1)
        return GlobalWindow()


class TriggerResult(Enum):
    """What a trigger says: whether the window is given to its function, and whether it is emptied."""

    CONTINUE = (False, False)
    FIRE_AND_PURGE = (True, True)
    FIRE = (True, False)
    PURGE = (False, True)

    def is_fire(self) -> bool:
        return self.value[0]

    def is_purge(self) -> bool:
        return self.value[1]


class Trigger(ABC, Generic[T, W]):
    """When a window is given to its function."""

    class TriggerContext(ABC):
        """Times, timers and state of the window."""

        @abstractmethod
        def get_current_processing_time(self) -> int: ...

        @abstractmethod
        def get_metric_group(self): ...

        @abstractmethod
        def get_current_watermark(self) -> int: ...

        @abstractmethod
        def register_processing_time_timer(self, time: int) -> None: ...

        @abstractmethod
        def register_event_time_timer(self, time: int) -> None: ...

        @abstractmethod
        def delete_processing_time_timer(self, time: int) -> None: ...

        @abstractmethod
        def delete_event_time_timer(self, time: int) -> None: ...

        @abstractmethod
        def get_partitioned_state(self, state_descriptor) -> Any: ...

    class OnMergeContext(TriggerContext):
        """As `TriggerContext`, with the state of the windows that have become one."""

        @abstractmethod
        def merge_partitioned_state(self, state_descriptor) -> None: ...

    @abstractmethod
    def on_element(self, element: T, timestamp: int, window: W, ctx: Trigger.TriggerContext) -> TriggerResult: ...

    @abstractmethod
    def on_processing_time(self, time: int, window: W, ctx: Trigger.TriggerContext) -> TriggerResult: ...

    @abstractmethod
    def on_event_time(self, time: int, window: W, ctx: Trigger.TriggerContext) -> TriggerResult: ...

    def can_merge(self) -> bool:
        return False

    @abstractmethod
    def on_merge(self, window: W, ctx: Trigger.OnMergeContext) -> None: ...

    @abstractmethod
    def clear(self, window: W, ctx: Trigger.TriggerContext) -> None: ...


class WindowAssigner(ABC, Generic[T, W]):
    """Which windows a record belongs to."""

    class WindowAssignerContext(ABC):
        @abstractmethod
        def get_current_processing_time(self) -> int: ...

        @abstractmethod
        def get_runtime_context(self): ...

    @abstractmethod
    def assign_windows(
        self, element: T, timestamp: int, context: WindowAssigner.WindowAssignerContext
    ) -> Collection[W]: ...

    @abstractmethod
    def get_default_trigger(self, env) -> Trigger[T, W]: ...

    @abstractmethod
    def get_window_serializer(self) -> TypeSerializer[W]: ...

    @abstractmethod
    def is_event_time(self) -> bool: ...


class MergingWindowAssigner(WindowAssigner[T, W]):
    """One whose windows become one where they meet."""

    class MergeCallback(ABC, Generic[W2]):
        @abstractmethod
        def merge(self, to_be_merged: Iterable[W2], merge_result: W2) -> None: ...

    @abstractmethod
    def merge_windows(self, windows: Iterable[W], callback: MergingWindowAssigner.MergeCallback[W]) -> None: ...


class SessionWindowTimeGapExtractor(ABC):
    """How long after a record its session ends."""

    @abstractmethod
    def extract(self, element: Any) -> int:
        """Milliseconds, at least 1."""


class _TimeTrigger(Trigger[T, TimeWindow]):
    """Fires at the end of the window."""

    _is_event_time = True

    @classmethod
    def create(cls):
        return cls()

    def _is_due(self, window, ctx) -> bool:
        return self._is_event_time and window.max_timestamp() <= ctx.get_current_watermark()

    def _register(self, time, ctx):
        (ctx.register_event_time_timer if self._is_event_time else ctx.register_processing_time_timer)(time)

    def on_element(self, element, timestamp, window, ctx):
        if self._is_due(window, ctx):
            return TriggerResult.FIRE
        self._register(window.max_timestamp(), ctx)
        return TriggerResult.CONTINUE

    def on_processing_time(self, time, window, ctx):
        return TriggerResult.CONTINUE if self._is_event_time else TriggerResult.FIRE

    def on_event_time(self, time, window, ctx):
        fires = self._is_event_time and time == window.max_timestamp()
        return TriggerResult.FIRE if fires else TriggerResult.CONTINUE

    def can_merge(self):
        return True

    def on_merge(self, window, ctx):
        if not self._is_due(window, ctx):
            self._register(window.max_timestamp(), ctx)

    def clear(self, window, ctx):
        delete = ctx.delete_event_time_timer if self._is_event_time else ctx.delete_processing_time_timer
        delete(window.max_timestamp())


class EventTimeTrigger(_TimeTrigger[T]):
    """Fires when the watermark passes the end of the window."""


class ProcessingTimeTrigger(_TimeTrigger[T]):
    """Fires when the clock passes the end of the window."""

    _is_event_time = False


class Min(ReduceFunction):
    """The lesser of two."""

    def reduce(self, value1, value2):
        return min(value1, value2)


class _ContinuousTrigger(Trigger[T, TimeWindow]):
    """Fires at regular intervals."""

    def __init__(self, interval: int):
        if interval <= 0:
            raise BadInput(f"the interval of a continuous trigger is {interval} ms; give at least 1 ms")
        self.interval = interval

    @classmethod
    def of(cls, interval: Time):
        return cls(millis_of(interval, "interval of a continuous trigger"))

    def _state(self, ctx) -> ReducingState:
        return ctx.get_partitioned_state(ReducingStateDescriptor("fire-time", Min()))

    def can_merge(self):
        return True

    def register_next_fire_timestamp(self, time, window, ctx, fire_timestamp_state):
        time = min(time + self.interval, window.max_timestamp())
        fire_timestamp_state.add(time)
        self._register(time, ctx)

    def on_merge(self, window, ctx):
        ctx.merge_partitioned_state(ReducingStateDescriptor("fire-time", Min()))
        time = self._state(ctx).get()
        if time is not None:
            self._register(time, ctx)

    def clear(self, window, ctx):
        state = self._state(ctx)
        if state.get() is not None:
            self._delete(state.get(), ctx)
            state.clear()


class ContinuousEventTimeTrigger(_ContinuousTrigger[T]):
    """Fires whenever the watermark has come an interval further, and at the end of the window."""

    def _register(self, time, ctx):
        ctx.register_event_time_timer(time)

    def _delete(self, time, ctx):
        ctx.delete_event_time_timer(time)

    def on_element(self, element, timestamp, window, ctx):
        if window.max_timestamp() <= ctx.get_current_watermark():
            return TriggerResult.FIRE
        ctx.register_event_time_timer(window.max_timestamp())
        state = self._state(ctx)
        if state.get() is None:
            self.register_next_fire_timestamp(timestamp - timestamp % self.interval, window, ctx, state)
        return TriggerResult.CONTINUE

    def on_processing_time(self, time, window, ctx):
        return TriggerResult.CONTINUE

    def on_event_time(self, time, window, ctx):
        if time == window.max_timestamp():
            return TriggerResult.FIRE
        state = self._state(ctx)
        if state.get() == time:
            state.clear()
            self.register_next_fire_timestamp(time, window, ctx, state)
            return TriggerResult.FIRE
        return TriggerResult.CONTINUE


class ContinuousProcessingTimeTrigger(_ContinuousTrigger[T]):
    """Fires whenever the clock has come an interval further."""

    def _register(self, time, ctx):
        ctx.register_processing_time_timer(time)

    def _delete(self, time, ctx):
        ctx.delete_processing_time_timer(time)

    def on_element(self, element, timestamp, window, ctx):
        state, now = self._state(ctx), ctx.get_current_processing_time()
        if state.get() is None:
            self.register_next_fire_timestamp(now - now % self.interval, window, ctx, state)
        return TriggerResult.CONTINUE

    def on_processing_time(self, time, window, ctx):
        state = self._state(ctx)
        if state.get() == time:
            state.clear()
            self.register_next_fire_timestamp(time, window, ctx, state)
            return TriggerResult.FIRE
        return TriggerResult.CONTINUE

    def on_event_time(self, time, window, ctx):
        return TriggerResult.CONTINUE


class PurgingTrigger(Trigger[T, Window]):
    """As another trigger, and empties the window whenever that fires."""

    def __init__(self, nested_trigger: Trigger[T, Window]):
        if not isinstance(nested_trigger, Trigger):
            raise BadInput(f"a purging trigger is made of a trigger, and {nested_trigger!r} was given")
        self.nested_trigger = nested_trigger

    @staticmethod
    def of(nested_trigger: Trigger[T, Window]) -> PurgingTrigger:
        return PurgingTrigger(nested_trigger)

    @staticmethod
    def _purging(result):
        return TriggerResult.FIRE_AND_PURGE if result.is_fire() else result

    def on_element(self, element, timestamp, window, ctx):
        return self._purging(self.nested_trigger.on_element(element, timestamp, window, ctx))

    def on_event_time(self, time, window, ctx):
        return self._purging(self.nested_trigger.on_event_time(time, window, ctx))

    def on_processing_time(self, time, window, ctx):
        return self._purging(self.nested_trigger.on_processing_time(time, window, ctx))

    def clear(self, window, ctx):
        self.nested_trigger.clear(window, ctx)

    def can_merge(self):
        return self.nested_trigger.can_merge()

    def on_merge(self, window, ctx):
        self.nested_trigger.on_merge(window, ctx)


class CountTrigger(Trigger[T, CountWindow]):
    """Fires whenever the window has got so many records more."""

    def __init__(self, window_size: int):
        if window_size < 1:
            raise BadInput(f"the count of a trigger is {window_size}; give at least 1")
        self.window_size = window_size

    @staticmethod
    def of(window_size: int) -> CountTrigger:
        return CountTrigger(window_size)

    @staticmethod
    def _descriptor():
        return ReducingStateDescriptor("trigger-count", lambda one, other: one + other)

    def on_element(self, element, timestamp, window, ctx):
        state = ctx.get_partitioned_state(self._descriptor())
        state.add(1)
        if state.get() < self.window_size:
            return TriggerResult.CONTINUE
        state.clear()
        return TriggerResult.FIRE

    def on_processing_time(self, time, window, ctx):
        return TriggerResult.CONTINUE

    def on_event_time(self, time, window, ctx):
        return TriggerResult.CONTINUE

    def can_merge(self):
        return True

    def on_merge(self, window, ctx):
        ctx.merge_partitioned_state(self._descriptor())

    def clear(self, window, ctx):
        ctx.get_partitioned_state(self._descriptor()).clear()


class NeverTrigger(Trigger[T, GlobalWindow]):
    """Never fires."""

    def on_element(self, element, timestamp, window, ctx):
        return TriggerResult.CONTINUE

    def on_processing_time(self, time, window, ctx):
        return TriggerResult.CONTINUE

    def on_event_time(self, time, window, ctx):
        return TriggerResult.CONTINUE

    def on_merge(self, window, ctx):
        pass

    def clear(self, window, ctx):
        pass


class _NativeAssigner(WindowAssigner[T, W]):
    """One that the engine has."""

    _name = ""

    def _numbers(self) -> list[int]:
        return []

    def _function(self):
        return None

    def _spec(self):
        """As the native side takes it: name, numbers, function, and whether it is of event time."""
        return (self._name, self._numbers(), self._function(), self.is_event_time())

    def get_default_trigger(self, env):
        return EventTimeTrigger() if self.is_event_time() else ProcessingTimeTrigger()

    def get_window_serializer(self):
        return TimeWindowSerializer()

    def is_event_time(self):
        return "event time" in self._name

    def _time(self, timestamp, context) -> int:
        if not self.is_event_time():
            return context.get_current_processing_time()
        if timestamp is None:
            raise BadInput("a window of event time got a record without a timestamp; call `assign_timestamps_and_watermarks` before it")
        return timestamp

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(map(str, self._numbers()))})"


class _Tumbling(_NativeAssigner[T, TimeWindow]):
    def __init__(self, size: int, offset: int = 0):
        if size <= 0 or abs(offset) >= size:
            raise BadInput(f"tumbling windows have a size of {size} ms and an offset of {offset} ms; the size has to be above 0, and the offset below it")
        self._size, self._offset = size, offset

    @classmethod
    def of(cls, size: Time, offset: Time | None = None):
        return cls(millis_of(size, "size of a window"), 0 if offset is None else millis_of(offset, "offset of a window"))

    def _numbers(self):
        return [self._size, self._offset]

    def assign_windows(self, element, timestamp, context):
        time = self._time(timestamp, context)
        start = TimeWindow.get_window_start_with_offset(time, self._offset, self._size)
        return [TimeWindow(start, start + self._size)]


class TumblingProcessingTimeWindows(_Tumbling[T]):
    """Windows of a fixed size of the clock's time, one after the other."""

    _name = "tumbling processing time"


class TumblingEventTimeWindows(_Tumbling[T]):
    """Windows of a fixed size of event time, one after the other."""

    _name = "tumbling event time"


class _Sliding(_NativeAssigner[T, TimeWindow]):
    def __init__(self, size: int, slide: int, offset: int = 0):
        if size <= 0 or slide <= 0 or abs(offset) >= slide:
            raise BadInput(f"sliding windows have a size of {size} ms, a slide of {slide} ms and an offset of {offset} ms; size and slide have to be above 0, and the offset below the slide")
        self._size, self._slide, self._offset = size, slide, offset

    @classmethod
    def of(cls, size: Time, slide: Time, offset: Time | None = None):
        size, slide = millis_of(size, "size of a window"), millis_of(slide, "slide of a window")
        return cls(size, slide, 0 if offset is None else millis_of(offset, "offset of a window"))

    def _numbers(self):
        return [self._size, self._slide, self._offset]

    def assign_windows(self, element, timestamp, context):
        time = self._time(timestamp, context)
        last = TimeWindow.get_window_start_with_offset(time, self._offset, self._slide)
        return [TimeWindow(start, start + self._size) for start in range(last, time - self._size, -self._slide)]


class SlidingProcessingTimeWindows(_Sliding[T]):
    """Windows of a fixed size of the clock's time that overlap."""

    _name = "sliding processing time"


class SlidingEventTimeWindows(_Sliding[T]):
    """Windows of a fixed size of event time that overlap."""

    _name = "sliding event time"


class _Session(_NativeAssigner[T, TimeWindow], MergingWindowAssigner[T, TimeWindow]):
    def merge_windows(self, windows, callback):
        TimeWindow.merge_windows(windows, callback)


class _StaticSession(_Session[T]):
    _dynamic: type

    def __init__(self, session_gap: int):
        if session_gap <= 0:
            raise BadInput(f"session windows have a gap of {session_gap} ms; give at least 1 ms")
        self._gap = session_gap

    @classmethod
    def with_gap(cls, size: Time):
        return cls(millis_of(size, "gap of a session"))

    @classmethod
    def with_dynamic_gap(cls, extractor: SessionWindowTimeGapExtractor):
        return cls._dynamic(extractor)

    def _numbers(self):
        return [self._gap]

    def assign_windows(self, element, timestamp, context):
        time = self._time(timestamp, context)
        return [TimeWindow(time, time + self._gap)]


class _DynamicSession(_Session[T]):
    def __init__(self, session_window_time_gap_extractor: SessionWindowTimeGapExtractor):
        if not callable(getattr(session_window_time_gap_extractor, "extract", None)):
            raise BadInput(f"{session_window_time_gap_extractor!r} is not a `SessionWindowTimeGapExtractor`: it has no `extract`")
        self._extractor = session_window_time_gap_extractor

    @classmethod
    def with_dynamic_gap(cls, extractor: SessionWindowTimeGapExtractor):
        return cls(extractor)

    def _function(self):
        return self._extractor.extract

    def assign_windows(self, element, timestamp, context):
        time = self._time(timestamp, context)
        return [TimeWindow(time, time + self._extractor.extract(element))]


class DynamicProcessingTimeSessionWindows(_DynamicSession[T]):
    """Sessions of the clock's time with a gap that follows from the record."""

    _name = "processing time session"


class DynamicEventTimeSessionWindows(_DynamicSession[T]):
    """Sessions of event time with a gap that follows from the record."""

    _name = "event time session"


class ProcessingTimeSessionWindows(_StaticSession[T]):
    """Windows of the clock's time that end when nothing has come for a while."""

    _name = "processing time session"
    _dynamic = DynamicProcessingTimeSessionWindows


class EventTimeSessionWindows(_StaticSession[T]):
    """Windows of event time that end when nothing has happened for a while."""

    _name = "event time session"
    _dynamic = DynamicEventTimeSessionWindows


class GlobalWindows(_NativeAssigner[T, GlobalWindow]):
    """One window for everything. It needs a trigger."""

    _name = "global"

    @staticmethod
    def create() -> GlobalWindows:
        return GlobalWindows()

    def get_default_trigger(self, env):
        return NeverTrigger()

    def get_window_serializer(self):
        return GlobalWindowSerializer()

    def assign_windows(self, element, timestamp, context):
        return [GlobalWindow()]


class _CountWindows(_NativeAssigner[T, CountWindow]):
    """Windows of a number of records each."""

    _name = "count"

    def __init__(self, size: int, slide: int):
        if size < 1 or slide < 1:
            raise BadInput(f"count windows have a size of {size} and a slide of {slide} records; give at least 1")
        self._size, self._slide = size, slide

    def _numbers(self):
        return [self._size, self._slide]

    def get_default_trigger(self, env):
        return CountTrigger(self._size)

    def get_window_serializer(self):
        return CountWindowSerializer()

    def assign_windows(self, element, timestamp, context):
        raise NotSupported("count windows count per key, in the engine; use `count_window`")


def _trigger_spec(trigger: Trigger, call):
    """A trigger as the native side takes it; one of the user's is a function that ``call`` makes."""
    is_purging = False
    while type(trigger) is PurgingTrigger:
        is_purging, trigger = True, trigger.nested_trigger
    names = {
        EventTimeTrigger: "event time",
        ProcessingTimeTrigger: "processing time",
        CountTrigger: "count",
        ContinuousEventTimeTrigger: "continuous event time",
        ContinuousProcessingTimeTrigger: "continuous processing time",
        NeverTrigger: "never",
    }
    name = names.get(type(trigger))
    number = getattr(trigger, "window_size", None) or getattr(trigger, "interval", 0)
    return {
        "name": name or "custom",
        "number": 0 if name is None else number,
        "is_purging": is_purging,
        "function": call(trigger) if name is None else None,
        "can_merge": trigger.can_merge(),
    }
