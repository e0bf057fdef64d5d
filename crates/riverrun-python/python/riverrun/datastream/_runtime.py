"""What functions are given at run time: the runtime context, and states."""

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


class _NamedValue(ValueState):
    def __init__(self, states, name: str):
        self._states, self._name = states, name

    def value(self):
        return self._states.value(self._name)

    def update(self, value):
        if value is None:
            self.clear()
        else:
            self._states.set_value(self._name, value)

    def clear(self):
        self._states.clear(self._name)


class _NamedList(ListState):
    def __init__(self, states, name: str):
        self._states, self._name = states, name

    def get(self):
        return self._states.list(self._name)

    def add(self, value):
        self._states.add_to_list(self._name, (value,))

    def add_all(self, values):
        self._states.add_to_list(self._name, values)

    def update(self, values):
        self._states.set_list(self._name, values)

    def clear(self):
        self._states.clear(self._name)


class _NamedMap(MapState):
    def __init__(self, states, name: str):
        self._states, self._name = states, name

    def get(self, key):
        return self._states.get_in_map(self._name, key)

    def put(self, key, value):
        self._states.put_in_map(self._name, key, value)

    def put_all(self, dict_value):
        for key, value in dict_value.items():
            self.put(key, value)

    def remove(self, key):
        self._states.remove_from_map(self._name, key)

    def contains(self, key):
        return self._states.is_in_map(self._name, key)

    def items(self):
        return zip(self._states.keys_of_map(self._name), self._states.values_of_map(self._name), strict=True)

    def keys(self):
        return iter(self._states.keys_of_map(self._name))

    def values(self):
        return iter(self._states.values_of_map(self._name))

    def is_empty(self):
        return not self._states.keys_of_map(self._name)

    def clear(self):
        self._states.clear(self._name)


class NamedStates(StateStore):
    """States that may be asked for at any time, by their names."""

    def __init__(self, native):
        self._native = native

    def _name(self, descriptor) -> str:
        if descriptor._ttl() is not None:
            raise NotSupported(f"the state `{descriptor.name}` has a time to live, which state of windows and triggers has not")
        return descriptor.name

    def get_state(self, state_descriptor):
        return _NamedValue(self._native, self._name(state_descriptor))

    def get_list_state(self, state_descriptor):
        return _NamedList(self._native, self._name(state_descriptor))

    def get_map_state(self, state_descriptor):
        return _NamedMap(self._native, self._name(state_descriptor))
