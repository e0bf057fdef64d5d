"""Which windows a record belongs to."""

from __future__ import annotations

from riverrun.common.time import Time, millis_of
from riverrun.datastream._triggers import CountTrigger, EventTimeTrigger, NeverTrigger, ProcessingTimeTrigger
from riverrun.datastream._windows import (
    CountWindow,
    CountWindowSerializer,
    GlobalWindow,
    GlobalWindowSerializer,
    MergingWindowAssigner,
    SessionWindowTimeGapExtractor,
    T,
    TimeWindow,
    TimeWindowSerializer,
    W,
    WindowAssigner,
)
from riverrun.exceptions import BadInput, NotSupported


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
