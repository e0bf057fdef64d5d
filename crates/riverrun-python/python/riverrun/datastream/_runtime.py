"""What functions are given at run time: the runtime context, and states that are kept in a dictionary."""

from __future__ import annotations

from riverrun import _native
from riverrun.datastream.functions import KeyedStateStore, RuntimeContext
from riverrun.datastream.state import AggregatingState, ListState, MapState, ReducingState, ValueState
from riverrun.exceptions import NotSupported


class ReducedState(ReducingState):
    """A value that others are reduced with."""

    def __init__(self, value: ValueState, descriptor):
        function = descriptor.get_reduce_function()
        self._value, self._reduce = value, getattr(function, "reduce", function)

    def get(self):
        return self._value.value()

    def add(self, value):
        reduced = self._value.value()
        self._value.update(value if reduced is None else self._reduce(reduced, value))

    def clear(self):
        self._value.clear()


class AggregatedState(AggregatingState):
    """An accumulator that values are added to."""

    def __init__(self, value: ValueState, descriptor):
        self._value, self._function = value, descriptor.get_agg_function()

    def get(self):
        accumulator = self._value.value()
        return None if accumulator is None else self._function.get_result(accumulator)

    def add(self, value):
        accumulator = self._value.value()
        if accumulator is None:
            accumulator = self._function.create_accumulator()
        self._value.update(self._function.add(value, accumulator))

    def clear(self):
        self._value.clear()


class StateStore(KeyedStateStore):
    """The reducing and aggregating states of a store, made of its value states."""

    def get_reducing_state(self, state_descriptor):
        return ReducedState(self.get_state(state_descriptor), state_descriptor)

    def get_aggregating_state(self, state_descriptor):
        return AggregatedState(self.get_state(state_descriptor), state_descriptor)


def _description(type_info):
    return None if type_info is None else type_info._description()


class SubtaskContext(StateStore, RuntimeContext):
    """The runtime context of a subtask."""

    def __init__(self, native):
        self._native = native

    def get_state(self, state_descriptor):
        kept = _description(state_descriptor.type_info)
        return self._native.value_state(state_descriptor.name, state_descriptor._ttl(), kept)

    def get_list_state(self, state_descriptor):
        kept = _description(state_descriptor.type_info)
        return self._native.list_state(state_descriptor.name, state_descriptor._ttl(), kept)

    def get_map_state(self, state_descriptor):
        kept = _description(state_descriptor.type_info)
        return self._native.map_state(state_descriptor.name, state_descriptor._ttl(), kept)

    def get_aggregating_state(self, state_descriptor):
        return AggregatedState(self.get_state(state_descriptor), state_descriptor)

    def get_task_name(self):
        return self._native.get_task_name()

    def get_number_of_parallel_subtasks(self):
        return self._native.get_number_of_parallel_subtasks()

    def get_max_number_of_parallel_subtasks(self):
        return self._native.get_max_number_of_parallel_subtasks()

    def get_index_of_this_subtask(self):
        return self._native.get_index_of_this_subtask()

    def get_attempt_number(self):
        return self._native.get_attempt_number()

    def get_task_name_with_subtasks(self):
        return self._native.get_task_name_with_subtasks()

    def get_job_parameter(self, key, default_value=None):
        return self._native.get_job_parameter(key, default_value)

    def get_metrics_group(self):
        return Metrics(self._native)


class Metrics:
    """The metrics of an operator. `JobClient.metrics` shows them."""

    def __init__(self, native):
        self._native = native

    def counter(self, name: str):
        return self._native.counter(name)

    def distribution(self, name: str):
        return self._native.histogram(name)

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotSupported(f"metrics of the kind `{name}` are not supported; there are `counter` and `distribution`")


class _Entries:
    """Where states are kept by name: a dictionary, or a map state of the engine."""

    def __init__(self, get, put, remove):
        self.get, self.put, self.remove = get, put, remove

    @classmethod
    def of_dict(cls, entries: dict):
        def put(name, value):
            _native.check_storable(value)
            entries[name] = value

        return cls(entries.get, put, lambda name: entries.pop(name, None))

    @classmethod
    def of_map_state(cls, state: MapState):
        return cls(state.get, state.put, state.remove)


class _KeptValue(ValueState):
    def __init__(self, entries: _Entries, name: str):
        self._entries, self._name = entries, name

    def value(self):
        return self._entries.get(self._name)

    def update(self, value):
        if value is None:
            self.clear()
        else:
            self._entries.put(self._name, value)

    def clear(self):
        self._entries.remove(self._name)


class _KeptList(ListState):
    def __init__(self, entries: _Entries, name: str):
        self._entries, self._name = entries, name

    def get(self):
        return list(self._entries.get(self._name) or ())

    def add(self, value):
        self.add_all([value])

    def add_all(self, values):
        self._entries.put(self._name, [*(self._entries.get(self._name) or ()), *values])

    def update(self, values):
        self._entries.put(self._name, list(values))

    def clear(self):
        self._entries.remove(self._name)


class _KeptMap(MapState):
    def __init__(self, entries: _Entries, name: str):
        self._entries, self._name = entries, name

    def _all(self) -> dict:
        return self._entries.get(self._name) or {}

    def get(self, key):
        return self._all().get(key)

    def put(self, key, value):
        self.put_all({key: value})

    def put_all(self, dict_value):
        self._entries.put(self._name, self._all() | dict(dict_value))

    def remove(self, key):
        rest = {other: value for other, value in self._all().items() if other != key}
        if rest:
            self._entries.put(self._name, rest)
        else:
            self.clear()

    def contains(self, key):
        return key in self._all()

    def items(self):
        return iter(list(self._all().items()))

    def keys(self):
        return iter(list(self._all()))

    def values(self):
        return iter(list(self._all().values()))

    def is_empty(self):
        return not self._all()

    def clear(self):
        self._entries.remove(self._name)


class KeptStates(StateStore):
    """States by name in a dictionary or a map state."""

    def __init__(self, entries: _Entries):
        self._entries = entries

    @classmethod
    def of_dict(cls, entries: dict):
        return cls(_Entries.of_dict(entries))

    @classmethod
    def of_map_state(cls, state: MapState):
        return cls(_Entries.of_map_state(state))

    def _name(self, descriptor) -> str:
        if descriptor._ttl() is not None:
            raise NotSupported(f"the state `{descriptor.name}` has a time to live, which state of windows and triggers has not")
        return descriptor.name

    def get_state(self, state_descriptor):
        return _KeptValue(self._entries, self._name(state_descriptor))

    def get_list_state(self, state_descriptor):
        return _KeptList(self._entries, self._name(state_descriptor))

    def get_map_state(self, state_descriptor):
        return _KeptMap(self._entries, self._name(state_descriptor))
