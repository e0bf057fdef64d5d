"""The user's functions in the form that the engine calls them: ``open(context)`` gives what closes them, and the calls."""

from __future__ import annotations

import copy
from collections.abc import Callable

from riverrun import _native
from riverrun.datastream._runtime import NamedStates, SubtaskContext
from riverrun.datastream.functions import Function, ProcessWindowFunction
from riverrun.datastream.state import (
    AggregatingStateDescriptor,
    BroadcastState,
    ListStateDescriptor,
    MapStateDescriptor,
    ReducingStateDescriptor,
)
from riverrun.datastream.window import Trigger, WindowAssigner
from riverrun.exceptions import BadInputType, NotSupported, StateError


def subtask_copy(function, context: SubtaskContext):
    """A copy of a function for one subtask: what it changes about itself is its own.

    A function with something in it that cannot be copied is used itself where there is one subtask.
    """
    if not isinstance(function, Function):
        return function
    try:
        return copy.deepcopy(function)
    except Exception as error:
        if context.get_number_of_parallel_subtasks() == 1:
            return function
        raise BadInputType(
            f"`{type(function).__name__}` cannot be copied for each of its subtasks; make in `open` what belongs to one of them, "
            "or set its parallelism to 1"
        ) from error


def opened(function, native):
    """A copy of a function, opened, and what closes it."""
    context = SubtaskContext(native)
    function = subtask_copy(function, context)
    if callable(getattr(function, "open", None)):
        function.open(context)
    return function, getattr(function, "close", None)


class Calls:
    """A function whose methods are called as they are."""

    def __init__(self, function, *methods: str):
        self._function, self._methods = function, methods

    def open(self, native):
        function, close = opened(self._function, native)
        return (close, *(getattr(function, method) for method in self._methods))


class Plain:
    """A function that is called itself, and has nothing to open."""

    def __init__(self, function: Callable):
        self._function = function

    def open(self, native):
        return (None, self._function)


def is_plain(function) -> bool:
    """Whether it is something to be called as it is: not one of the function classes, nor an object of one."""
    is_class = isinstance(function, type) and issubclass(function, Function)
    return callable(function) and not is_class and not isinstance(function, Function)


def of(function, base: type, method: str, what: str):
    """A function object of this base, or anything that can be called."""
    if isinstance(function, base):
        return Calls(function, method)
    if is_plain(function):
        return Plain(function)
    hint = f"; make one, as `{function.__name__}()`" if isinstance(function, type) else ""
    raise BadInputType(f"`{what}` takes a `{base.__name__}` or a function, and {function!r} was given{hint}")


def require(function, base: type | tuple, what: str):
    """Refuses what is not of this base."""
    if not isinstance(function, base):
        names = " or a ".join(f"`{one.__name__}`" for one in (base if isinstance(base, tuple) else (base,)))
        raise BadInputType(f"`{what}` takes a {names}, and {function!r} was given")


class KeyedOne:
    """A map, flat map or filter of a keyed stream, which may use the state of the key."""

    def __init__(self, function: Function, method: str, kind: str):
        self._function, self._method, self._kind = function, method, kind

    def open(self, native):
        function, close = opened(self._function, native)
        call = getattr(function, self._method)
        process = {
            "map": lambda value, ctx: (call(value),),
            "flat_map": lambda value, ctx: call(value),
            "filter": lambda value, ctx: (value,) if call(value) else None,
        }[self._kind]
        return (close, process, lambda timestamp, ctx: None)


class KeyedTwo:
    """A co-map or co-flat-map of keyed streams, which may use the state of the key."""

    def __init__(self, function: Function, methods: tuple[str, str], is_map: bool):
        self._function, self._methods, self._is_map = function, methods, is_map

    def open(self, native):
        function, close = opened(self._function, native)
        one, two = (self._process(getattr(function, method)) for method in self._methods)
        return (close, one, two, lambda timestamp, ctx: None)

    def _process(self, call):
        if self._is_map:
            return lambda value, ctx: (call(value),)
        return lambda value, ctx: call(value)


class _WindowContext(ProcessWindowFunction.Context):
    """The context of window functions."""

    def __init__(self, global_states: NamedStates):
        self._native = None
        self._global = global_states

    def window(self):
        return self._native.window()

    def current_processing_time(self):
        return self._native.current_processing_time()

    def current_watermark(self):
        return self._native.current_watermark()

    def window_state(self):
        return NamedStates(self._native.states())

    def global_state(self):
        return self._global


class Applied:
    """A window function, keyed or not."""

    def __init__(self, function, has_key: bool):
        self._function, self._has_key = function, has_key

    def open(self, native):
        function, close = opened(self._function, native)
        apply = function.apply
        if self._has_key:
            process = lambda key, context, elements: apply(key, context.window(), elements)  # noqa: E731
        else:
            process = lambda key, context, elements: apply(context.window(), elements)  # noqa: E731
        return (close, process, lambda context: None)


class Processed:
    """A process window function, keyed or not."""

    def __init__(self, function, has_key: bool):
        self._function, self._has_key = function, has_key

    def open(self, native):
        states = NamedStates(native.named_states("riverrun: global state of windows"))
        function, close = opened(self._function, native)
        context = _WindowContext(states)

        def process(key, native_context, elements):
            context._native = native_context
            return function.process(key, context, elements) if self._has_key else function.process(context, elements)

        def clear(native_context):
            context._native = native_context
            function.clear(context)

        return (close, process, clear)


class _TriggerContext(Trigger.OnMergeContext):
    """The context of a trigger of the user's."""

    def __init__(self, native):
        self._native = native

    def get_current_processing_time(self):
        return self._native.get_current_processing_time()

    def get_current_watermark(self):
        return self._native.get_current_watermark()

    def get_metric_group(self):
        raise NotSupported("a trigger has no metrics on the local host; count in the window function")

    def register_processing_time_timer(self, time):
        self._native.register_processing_time_timer(time)

    def register_event_time_timer(self, time):
        self._native.register_event_time_timer(time)

    def delete_processing_time_timer(self, time):
        self._native.delete_processing_time_timer(time)

    def delete_event_time_timer(self, time):
        self._native.delete_event_time_timer(time)

    def get_partitioned_state(self, state_descriptor):
        return _partitioned(NamedStates(self._native.states()), state_descriptor)

    def merge_partitioned_state(self, state_descriptor):
        state = self.get_partitioned_state(state_descriptor)
        for merged_states in self._native.merged_states():
            merged = _partitioned(NamedStates(merged_states), state_descriptor).get()
            if merged is None:
                continue
            if isinstance(state_descriptor, ListStateDescriptor):
                state.add_all(merged)
            else:
                state.add(merged)


def _partitioned(states: NamedStates, descriptor):
    match descriptor:
        case ReducingStateDescriptor():
            return states.get_reducing_state(descriptor)
        case AggregatingStateDescriptor():
            return states.get_aggregating_state(descriptor)
        case ListStateDescriptor():
            return states.get_list_state(descriptor)
        case MapStateDescriptor():
            return states.get_map_state(descriptor)
    return states.get_state(descriptor)


def of_trigger(trigger: Trigger) -> Callable:
    """A trigger of the user's, as the engine calls it."""

    def call(method: str, native, element, time, window) -> tuple[bool, bool]:
        context = _TriggerContext(native)
        match method:
            case "on_element":
                result = trigger.on_element(element, time, window, context)
            case "on_merge" | "clear":
                getattr(trigger, method)(window, context)
                return (False, False)
            case _:
                result = getattr(trigger, method)(time, window, context)
        value = getattr(result, "value", None)
        if not isinstance(value, tuple):
            raise BadInputType(f"`{type(trigger).__name__}.{method}` gave {result!r}; it gives a `TriggerResult`")
        return value

    return call


class _AssignerContext(WindowAssigner.WindowAssignerContext):
    def __init__(self, now: int):
        self._now = now

    def get_current_processing_time(self):
        return self._now

    def get_runtime_context(self):
        raise NotSupported("a window assigner has no state on the local host; assign by the record and its time alone")


def of_assigner(assigner: WindowAssigner) -> Callable:
    """An assigner of the user's, as the engine calls it."""
    return lambda element, timestamp, now: assigner.assign_windows(element, timestamp, _AssignerContext(now))


class _Broadcast(BroadcastState):
    """A broadcast state as functions see it. What they change is noted for the engine."""

    def __init__(self, name: str):
        self._name = name
        # By their form as keys of the engine, for which 1, 1.0 and True are three.
        self._entries: dict[bytes, tuple] = {}
        self._changes: list[tuple] = []
        self._is_writable = False

    def _change(self, operation, key=None, value=None):
        if not self._is_writable:
            raise StateError(
                f"the broadcast state `{self._name}` was changed in `process_element`; change it in `process_broadcast_element`, "
                "so that it is the same on all subtasks"
            )
        self._changes.append((self._name, operation, key, value))

    def get(self, key):
        return self._entries.get(_native.key_form(key), (key, None))[1]

    def contains(self, key):
        return _native.key_form(key) in self._entries

    def items(self):
        return iter(list(self._entries.values()))

    def keys(self):
        return iter([key for key, _ in self._entries.values()])

    def values(self):
        return iter([value for _, value in self._entries.values()])

    def is_empty(self):
        return not self._entries

    def put(self, key, value):
        form = _native.key_form(key)
        _native.check_storable(value)
        self._change("put", key, value)
        self._entries[form] = (key, value)

    def put_all(self, dict_value):
        for key, value in dict(dict_value).items():
            self.put(key, value)

    def remove(self, key):
        form = _native.key_form(key)
        self._change("remove", key)
        self._entries.pop(form, None)

    def clear(self):
        self._change("clear")
        self._entries.clear()


class _BroadcastContext:
    """The context of functions of broadcast state."""

    def __init__(self, states: dict[str, _Broadcast], native):
        self._states = states
        self.timestamp = native.timestamp
        self.current_processing_time = native.current_processing_time
        self.current_watermark = native.current_watermark
        self.timer_service = native.timer_service
        self.get_current_key = native.get_current_key
        self.time_domain = native.time_domain

    def get_broadcast_state(self, state_descriptor: MapStateDescriptor) -> BroadcastState:
        state = self._states.get(state_descriptor.get_name())
        if state is None:
            raise StateError(
                f"the broadcast stream has no state `{state_descriptor.get_name()}`; give its descriptor to `broadcast`"
            )
        return state


class Broadcasting:
    """A broadcast process function, keyed or not."""

    def __init__(self, function, names: list[str]):
        self._function, self._names = function, names

    def open(self, native):
        function, close = opened(self._function, native)
        states = {name: _Broadcast(name) for name in self._names}
        contexts = {}

        def call(method, is_writable):
            def made(value, native_context):
                context = contexts.get(id(native_context))
                if context is None:
                    context = contexts[id(native_context)] = _BroadcastContext(states, native_context)
                for state in states.values():
                    state._is_writable = is_writable
                returned = method(value, context)
                # A generator runs now, while what it may change is known.
                return returned if returned is None else list(returned)

            return made

        def load(name, entries):
            states[name]._entries = {_native.key_form(key): (key, value) for key, value in entries}

        def changes():
            made = [change for state in states.values() for change in state._changes]
            for state in states.values():
                state._changes.clear()
            return made

        on_timer = getattr(function, "on_timer", lambda timestamp, context: None)
        return (
            close,
            call(function.process_element, False),
            call(function.process_broadcast_element, True),
            call(on_timer, False),
            load,
            changes,
        )
