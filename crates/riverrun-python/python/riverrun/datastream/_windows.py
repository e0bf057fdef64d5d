"""Windows, and what assigners and triggers are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from enum import Enum
from io import BytesIO
from typing import Any, Generic, TypeVar

from riverrun.common.serializer import TypeSerializer

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
