"""When the contents of a window are given to a function."""

from __future__ import annotations

from riverrun.common.time import Time, millis_of
from riverrun.datastream._windows import CountWindow, GlobalWindow, T, TimeWindow, Trigger, TriggerResult, Window
from riverrun.datastream.functions import ReduceFunction
from riverrun.datastream.state import ReducingState, ReducingStateDescriptor
from riverrun.exceptions import BadInput


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
