"""Keyed state, broadcast state, and what a function says to get them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from enum import Enum
from typing import Generic, TypeVar

from riverrun import _native
from riverrun.common.time import Time, millis_of
from riverrun.common.typeinfo import TypeInformation, _checked
from riverrun.exceptions import NotSupported

__all__ = [
    "AggregatingState",
    "AggregatingStateDescriptor",
    "AppendingState",
    "BroadcastState",
    "ListState",
    "ListStateDescriptor",
    "MapState",
    "MapStateDescriptor",
    "MergingState",
    "OperatorStateStore",
    "ReadOnlyBroadcastState",
    "ReducingState",
    "ReducingStateDescriptor",
    "State",
    "StateDescriptor",
    "StateTtlConfig",
    "ValueState",
    "ValueStateDescriptor",
]

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
IN = TypeVar("IN")
OUT = TypeVar("OUT")


class OperatorStateStore(ABC):
    """Gives the broadcast states."""

    @abstractmethod
    def get_broadcast_state(self, state_descriptor: MapStateDescriptor) -> BroadcastState: ...


class State(ABC):
    """What is kept for the current key."""

    @abstractmethod
    def clear(self) -> None:
        """Forgets it."""


class ValueState(State, Generic[T]):
    """One value."""

    @abstractmethod
    def value(self) -> T | None:
        """The value, or ``None``."""

    @abstractmethod
    def update(self, value: T) -> None:
        """Keeps this value; with ``None``, none."""


class AppendingState(State, Generic[IN, OUT]):
    """What values are added to."""

    @abstractmethod
    def get(self) -> OUT: ...

    @abstractmethod
    def add(self, value: IN) -> None: ...


class MergingState(AppendingState[IN, OUT]):
    """What can be merged with another of its kind."""


class ReducingState(MergingState[T, T]):
    """One value that every value added is reduced with."""


class AggregatingState(MergingState[IN, OUT]):
    """One accumulator that every value is added to."""


class ListState(MergingState[T, Iterable[T]]):
    """A list of values."""

    @abstractmethod
    def update(self, values: list[T]) -> None: ...

    @abstractmethod
    def add_all(self, values: list[T]) -> None: ...

    def __iter__(self):
        return iter(self.get())


class _MapReads(State, Generic[K, V]):
    @abstractmethod
    def get(self, key: K) -> V | None: ...

    @abstractmethod
    def contains(self, key: K) -> bool: ...

    @abstractmethod
    def items(self) -> Iterable[tuple[K, V]]: ...

    @abstractmethod
    def keys(self) -> Iterable[K]: ...

    @abstractmethod
    def values(self) -> Iterable[V]: ...

    @abstractmethod
    def is_empty(self) -> bool: ...

    def __getitem__(self, key: K) -> V | None:
        return self.get(key)

    def __contains__(self, key: K) -> bool:
        return self.contains(key)

    def __iter__(self):
        return iter(self.keys())


class MapState(_MapReads[K, V]):
    """A dictionary."""

    @abstractmethod
    def put(self, key: K, value: V) -> None: ...

    @abstractmethod
    def put_all(self, dict_value: dict[K, V]) -> None: ...

    @abstractmethod
    def remove(self, key: K) -> None: ...

    def __setitem__(self, key: K, value: V) -> None:
        self.put(key, value)

    def __delitem__(self, key: K) -> None:
        self.remove(key)


class ReadOnlyBroadcastState(_MapReads[K, V]):
    """A dictionary that is the same on all subtasks."""


class BroadcastState(ReadOnlyBroadcastState[K, V]):
    """A dictionary that is the same on all subtasks, to be changed by what is broadcast."""

    @abstractmethod
    def put(self, key: K, value: V) -> None: ...

    @abstractmethod
    def put_all(self, dict_value: dict[K, V]) -> None: ...

    @abstractmethod
    def remove(self, key: K) -> None: ...

    def __setitem__(self, key: K, value: V) -> None:
        self.put(key, value)

    def __delitem__(self, key: K) -> None:
        self.remove(key)


ValueState.register(_native.ValueState)
ListState.register(_native.ListState)
MapState.register(_native.MapState)


class StateDescriptor(ABC):
    """What a function says of a state to get it."""

    def __init__(self, name: str, type_info: TypeInformation | None):
        if not isinstance(name, str) or not name:
            raise ValueError(f"the name of a state is {name!r}; give a string that is not empty")
        if type_info is not None:
            _checked(type_info)
        self.name = name
        self.type_info = type_info
        self._ttl_config: StateTtlConfig | None = None

    def get_name(self) -> str:
        return self.name

    def enable_time_to_live(self, ttl_config: StateTtlConfig):
        """Has entries expire."""
        self._ttl_config = ttl_config

    def _ttl(self):
        """As the native side takes it: milliseconds, renewed by reads, expired ones shown, keys looked at per access."""
        config = self._ttl_config
        if config is None or not config.is_enabled():
            return None
        shows_expired = config.get_state_visibility() is StateTtlConfig.StateVisibility.ReturnExpiredIfNotCleanedUp
        renews = config.get_update_type() is StateTtlConfig.UpdateType.OnReadAndWrite
        incremental = config.get_cleanup_strategies().get_incremental_cleanup_strategy()
        keys = incremental.get_cleanup_size() if incremental is not None else 0
        return (config.get_ttl().to_milliseconds(), renews, shows_expired, keys)


class ValueStateDescriptor(StateDescriptor):
    def __init__(self, name: str, value_type_info: TypeInformation | None = None):
        super().__init__(name, value_type_info)


class ListStateDescriptor(StateDescriptor):
    def __init__(self, name: str, elem_type_info: TypeInformation | None = None):
        super().__init__(name, elem_type_info)


class MapStateDescriptor(StateDescriptor):
    def __init__(
        self, name: str, key_type_info: TypeInformation | None = None, value_type_info: TypeInformation | None = None
    ):
        super().__init__(name, value_type_info)
        self.key_type_info = key_type_info


class ReducingStateDescriptor(StateDescriptor):
    def __init__(self, name: str, reduce_function, type_info: TypeInformation | None = None):
        super().__init__(name, type_info)
        reduce = getattr(reduce_function, "reduce", reduce_function)
        if not callable(reduce):
            raise TypeError(f"the reduce function of the state `{name}` is {reduce_function!r}; give a `ReduceFunction` or a function")
        self._reduce_function = reduce_function

    def get_reduce_function(self):
        return self._reduce_function


class AggregatingStateDescriptor(StateDescriptor):
    def __init__(self, name: str, agg_function, state_type_info: TypeInformation | None = None):
        super().__init__(name, state_type_info)
        if not all(callable(getattr(agg_function, call, None)) for call in ("create_accumulator", "add", "get_result")):
            raise TypeError(f"the function of the state `{name}` is {agg_function!r}; give an `AggregateFunction`")
        self._agg_function = agg_function

    def get_agg_function(self):
        return self._agg_function


class StateTtlConfig:
    """How long state lives.

    >>> config = StateTtlConfig.new_builder(Time.minutes(5)).update_ttl_on_read_and_write().build()
    >>> config.get_update_type()
    <UpdateType.OnReadAndWrite: 2>
    """

    class UpdateType(Enum):
        Disabled = 0
        OnCreateAndWrite = 1
        OnReadAndWrite = 2

    class StateVisibility(Enum):
        ReturnExpiredIfNotCleanedUp = 0
        NeverReturnExpired = 1

    class TtlTimeCharacteristic(Enum):
        ProcessingTime = 0

    def __init__(self, update_type, state_visibility, ttl_time_characteristic, ttl: Time, cleanup_strategies):
        if millis_of(ttl, "time to live") <= 0:
            raise ValueError(f"the time to live is {ttl}; give at least a millisecond")
        self._update_type = update_type
        self._state_visibility = state_visibility
        self._ttl_time_characteristic = ttl_time_characteristic
        self._ttl = ttl
        self._cleanup_strategies = cleanup_strategies

    @staticmethod
    def new_builder(ttl: Time) -> StateTtlConfig.Builder:
        return StateTtlConfig.Builder(ttl)

    def get_update_type(self) -> StateTtlConfig.UpdateType:
        return self._update_type

    def get_state_visibility(self) -> StateTtlConfig.StateVisibility:
        return self._state_visibility

    def get_ttl(self) -> Time:
        return self._ttl

    def get_ttl_time_characteristic(self) -> StateTtlConfig.TtlTimeCharacteristic:
        return self._ttl_time_characteristic

    def is_enabled(self) -> bool:
        return self._update_type is not StateTtlConfig.UpdateType.Disabled

    def get_cleanup_strategies(self) -> StateTtlConfig.CleanupStrategies:
        return self._cleanup_strategies

    def __repr__(self):
        return f"StateTtlConfig({self._ttl}, {self._update_type.name}, {self._state_visibility.name})"

    class Builder:
        def __init__(self, ttl: Time):
            self._ttl = ttl
            self._update_type = StateTtlConfig.UpdateType.OnCreateAndWrite
            self._state_visibility = StateTtlConfig.StateVisibility.NeverReturnExpired
            self._ttl_time_characteristic = StateTtlConfig.TtlTimeCharacteristic.ProcessingTime
            self._cleanup = StateTtlConfig.CleanupStrategies()

        def set_update_type(self, update_type: StateTtlConfig.UpdateType) -> StateTtlConfig.Builder:
            self._update_type = update_type
            return self

        def update_ttl_on_create_and_write(self) -> StateTtlConfig.Builder:
            return self.set_update_type(StateTtlConfig.UpdateType.OnCreateAndWrite)

        def update_ttl_on_read_and_write(self) -> StateTtlConfig.Builder:
            return self.set_update_type(StateTtlConfig.UpdateType.OnReadAndWrite)

        def set_state_visibility(self, state_visibility: StateTtlConfig.StateVisibility) -> StateTtlConfig.Builder:
            self._state_visibility = state_visibility
            return self

        def return_expired_if_not_cleaned_up(self) -> StateTtlConfig.Builder:
            return self.set_state_visibility(StateTtlConfig.StateVisibility.ReturnExpiredIfNotCleanedUp)

        def never_return_expired(self) -> StateTtlConfig.Builder:
            return self.set_state_visibility(StateTtlConfig.StateVisibility.NeverReturnExpired)

        def set_ttl_time_characteristic(
            self, ttl_time_characteristic: StateTtlConfig.TtlTimeCharacteristic
        ) -> StateTtlConfig.Builder:
            self._ttl_time_characteristic = ttl_time_characteristic
            return self

        def use_processing_time(self) -> StateTtlConfig.Builder:
            return self.set_ttl_time_characteristic(StateTtlConfig.TtlTimeCharacteristic.ProcessingTime)

        def cleanup_full_snapshot(self) -> StateTtlConfig.Builder:
            """Expired state is never in a snapshot, whether this is said or not."""
            self._cleanup._in_full_snapshot = True
            return self

        def cleanup_incrementally(
            self, cleanup_size: int, run_cleanup_for_every_record: bool = False
        ) -> StateTtlConfig.Builder:
            """Looks at so many keys with every access."""
            if cleanup_size < 0:
                raise ValueError(f"the clean-up looks at {cleanup_size} keys; give at least 0")
            self._cleanup._incremental = StateTtlConfig.CleanupStrategies.IncrementalCleanupStrategy(
                cleanup_size, run_cleanup_for_every_record
            )
            return self

        def cleanup_in_rocksdb_compact_filter(
            self, query_time_after_num_entries, periodic_compaction_time=None
        ) -> StateTtlConfig.Builder:
            raise NotSupported("state is in memory, and there is no RocksDB; use `cleanup_incrementally`")

        def disable_cleanup_in_background(self) -> StateTtlConfig.Builder:
            """Expired state goes when it is accessed."""
            self._cleanup._is_in_background = False
            return self

        def set_ttl(self, ttl: Time) -> StateTtlConfig.Builder:
            self._ttl = ttl
            return self

        def build(self) -> StateTtlConfig:
            return StateTtlConfig(
                self._update_type, self._state_visibility, self._ttl_time_characteristic, self._ttl, self._cleanup
            )

    class CleanupStrategies:
        class IncrementalCleanupStrategy:
            def __init__(self, cleanup_size: int, run_cleanup_for_every_record: bool):
                self._cleanup_size = cleanup_size
                self._run_cleanup_for_every_record = run_cleanup_for_every_record

            def get_cleanup_size(self) -> int:
                return self._cleanup_size

            def run_cleanup_for_every_record(self) -> bool:
                return self._run_cleanup_for_every_record

        def __init__(self):
            self._in_full_snapshot = False
            self._is_in_background = True
            self._incremental = None

        def is_cleanup_in_background(self) -> bool:
            return self._is_in_background

        def in_full_snapshot(self) -> bool:
            return self._in_full_snapshot

        def get_incremental_cleanup_strategy(self):
            if self._incremental is None and self._is_in_background:
                return self.IncrementalCleanupStrategy(5, False)
            return self._incremental

        def get_rocksdb_compact_filter_cleanup_strategy(self):
            return None
