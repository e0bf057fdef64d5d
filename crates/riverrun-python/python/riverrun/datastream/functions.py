"""What a user implements: the functions of a stream program."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from riverrun.datastream.state import (
    AggregatingState,
    AggregatingStateDescriptor,
    BroadcastState,
    ListState,
    ListStateDescriptor,
    MapState,
    MapStateDescriptor,
    ReadOnlyBroadcastState,
    ReducingState,
    ReducingStateDescriptor,
    ValueState,
    ValueStateDescriptor,
)
from riverrun.datastream.time_domain import TimeDomain
from riverrun.datastream.timerservice import TimerService
from riverrun.exceptions import NotSupported

if TYPE_CHECKING:
    from riverrun.datastream.async_retry_strategies import AsyncRetryStrategy as _Strategy

__all__ = [
    "AggregateFunction",
    "AllWindowFunction",
    "AsyncFunction",
    "AsyncRetryPredicate",
    "AsyncRetryStrategy",
    "BaseBroadcastProcessFunction",
    "BroadcastProcessFunction",
    "CoFlatMapFunction",
    "CoMapFunction",
    "CoProcessFunction",
    "FilterFunction",
    "FlatMapFunction",
    "Function",
    "KeySelector",
    "KeyedBroadcastProcessFunction",
    "KeyedCoProcessFunction",
    "KeyedProcessFunction",
    "KeyedStateStore",
    "MapFunction",
    "NullByteKeySelector",
    "Partitioner",
    "ProcessAllWindowFunction",
    "ProcessFunction",
    "ProcessWindowFunction",
    "ReduceFunction",
    "RuntimeContext",
    "SinkFunction",
    "SourceFunction",
    "WindowFunction",
]

IN = TypeVar("IN")
IN1 = TypeVar("IN1")
IN2 = TypeVar("IN2")
OUT = TypeVar("OUT")
KEY = TypeVar("KEY")
W = TypeVar("W")
W2 = TypeVar("W2")


class KeyedStateStore(ABC):
    """Gives the state of the current key."""

    @abstractmethod
    def get_state(self, state_descriptor: ValueStateDescriptor) -> ValueState: ...

    @abstractmethod
    def get_list_state(self, state_descriptor: ListStateDescriptor) -> ListState: ...

    @abstractmethod
    def get_map_state(self, state_descriptor: MapStateDescriptor) -> MapState: ...

    @abstractmethod
    def get_reducing_state(self, state_descriptor: ReducingStateDescriptor) -> ReducingState: ...

    @abstractmethod
    def get_aggregating_state(self, state_descriptor: AggregatingStateDescriptor) -> AggregatingState: ...


class RuntimeContext(KeyedStateStore):
    """What a function knows of where it runs, and its keyed state, to be asked for in `open`."""

    @abstractmethod
    def get_task_name(self) -> str: ...

    @abstractmethod
    def get_number_of_parallel_subtasks(self) -> int: ...

    @abstractmethod
    def get_max_number_of_parallel_subtasks(self) -> int: ...

    @abstractmethod
    def get_index_of_this_subtask(self) -> int: ...

    @abstractmethod
    def get_attempt_number(self) -> int: ...

    @abstractmethod
    def get_task_name_with_subtasks(self) -> str: ...

    @abstractmethod
    def get_job_parameter(self, key: str, default_value: str) -> str: ...

    @abstractmethod
    def get_metrics_group(self) -> Any: ...


class Function(ABC):
    """A function of the user's. Each subtask has a copy of its own, which is opened before and closed after all else."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Called once per subtask before the first record: the place to load models and to ask for state."""

    def close(self) -> None:
        """Called once per subtask at the end, also after a failure."""


class MapFunction(Function):
    """Makes one record of each."""

    @abstractmethod
    def map(self, value: Any) -> Any: ...


class CoMapFunction(Function):
    """Makes one record of each of two streams."""

    @abstractmethod
    def map1(self, value: Any) -> Any: ...

    @abstractmethod
    def map2(self, value: Any) -> Any: ...


class FlatMapFunction(Function):
    """Makes any number of records of each."""

    @abstractmethod
    def flat_map(self, value: Any) -> Iterable[Any] | None: ...


class CoFlatMapFunction(Function):
    """Makes any number of records of each of two streams."""

    @abstractmethod
    def flat_map1(self, value: Any) -> Iterable[Any] | None: ...

    @abstractmethod
    def flat_map2(self, value: Any) -> Iterable[Any] | None: ...


class ReduceFunction(Function):
    """Makes one record of two."""

    @abstractmethod
    def reduce(self, value1: Any, value2: Any) -> Any: ...


class AggregateFunction(Function):
    """Makes one value of many, by way of an accumulator."""

    @abstractmethod
    def create_accumulator(self) -> Any: ...

    @abstractmethod
    def add(self, value: Any, accumulator: Any) -> Any:
        """Gives the accumulator with the value."""

    @abstractmethod
    def get_result(self, accumulator: Any) -> Any: ...

    @abstractmethod
    def merge(self, acc_a: Any, acc_b: Any) -> Any: ...


class KeySelector(Function):
    """Gives a record its key."""

    @abstractmethod
    def get_key(self, value: Any) -> Any: ...


class NullByteKeySelector(KeySelector):
    """The same key for all records."""

    def get_key(self, value: Any) -> Any:
        return 0


class FilterFunction(Function):
    """Says which records go on."""

    @abstractmethod
    def filter(self, value: Any) -> bool: ...


class Partitioner(Function):
    """Says which subtask gets a key."""

    @abstractmethod
    def partition(self, key: Any, num_partitions: int) -> int: ...


class SourceFunction:
    """PyFlink's handle of a source written in Java."""

    def __init__(self, source_func):
        raise NotSupported("sources written in Java run inside Flink only; use `env.from_source` or `env.from_collection`")


class SinkFunction:
    """PyFlink's handle of a sink written in Java."""

    def __init__(self, sink_func):
        raise NotSupported("sinks written in Java run inside Flink only; use `stream.sink_to` or `stream.print`")


class _Context(ABC):
    @abstractmethod
    def timer_service(self) -> TimerService:
        """The times; and the timers, where the stream has keys."""

    @abstractmethod
    def timestamp(self) -> int:
        """The event time of the record or timer, in milliseconds since 1970."""


class _KeyedContext(_Context):
    @abstractmethod
    def get_current_key(self): ...


class _OnTimerContext(_KeyedContext):
    @abstractmethod
    def time_domain(self) -> TimeDomain:
        """What the time of the timer is measured against."""


class ProcessFunction(Function):
    """Makes any number of records of each, for the main and for side outputs: it yields records, and ``(tag, record)``."""

    class Context(_Context):
        """What is known of the record."""

    @abstractmethod
    def process_element(self, value: Any, ctx: ProcessFunction.Context) -> Iterable[Any] | None: ...


class KeyedProcessFunction(Function):
    """As `ProcessFunction`, with state and timers of the record's key."""

    class Context(_KeyedContext):
        """What is known of the record."""

    class OnTimerContext(_OnTimerContext):
        """What is known of the timer."""

    @abstractmethod
    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterable[Any] | None: ...

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterable[Any] | None:
        """Called for a timer of the key when its time has come."""


class CoProcessFunction(Function):
    """As `ProcessFunction`, of two streams."""

    class Context(_Context):
        """What is known of the record."""

    @abstractmethod
    def process_element1(self, value: Any, ctx: CoProcessFunction.Context) -> Iterable[Any] | None: ...

    @abstractmethod
    def process_element2(self, value: Any, ctx: CoProcessFunction.Context) -> Iterable[Any] | None: ...


class KeyedCoProcessFunction(Function):
    """As `KeyedProcessFunction`, of two streams whose records share state by their keys."""

    class Context(_KeyedContext):
        """What is known of the record."""

    class OnTimerContext(_OnTimerContext):
        """What is known of the timer."""

    @abstractmethod
    def process_element1(self, value: Any, ctx: KeyedCoProcessFunction.Context) -> Iterable[Any] | None: ...

    @abstractmethod
    def process_element2(self, value: Any, ctx: KeyedCoProcessFunction.Context) -> Iterable[Any] | None: ...

    def on_timer(self, timestamp: int, ctx: KeyedCoProcessFunction.OnTimerContext) -> Iterable[Any] | None:
        """Called for a timer of the key when its time has come."""


class AsyncRetryPredicate(ABC, Generic[OUT]):
    """Which calls are made again."""

    @abstractmethod
    def result_predicate(self) -> Callable[[list[OUT]], bool] | None: ...

    @abstractmethod
    def exception_predicate(self) -> Callable[[Exception], bool] | None: ...


class AsyncRetryStrategy(ABC, Generic[OUT]):
    """Whether and when a call is made again."""

    @abstractmethod
    def can_retry(self, current_attempts: int) -> bool: ...

    @abstractmethod
    def get_backoff_time_millis(self, current_attempts: int) -> int: ...

    @abstractmethod
    def get_retry_predicate(self) -> AsyncRetryPredicate[OUT]: ...

    @staticmethod
    def no_restart() -> _Strategy:
        from riverrun.datastream.async_retry_strategies import NO_RETRY_STRATEGY

        return NO_RETRY_STRATEGY

    @staticmethod
    def fixed_delay(
        max_attempts: int,
        backoff_time_millis: int,
        result_predicate: Callable[[list[OUT]], bool] | None = None,
        exception_predicate: Callable[[Exception], bool] | None = None,
    ) -> _Strategy:
        from riverrun.datastream.async_retry_strategies import FixedDelayRetryStrategy

        return FixedDelayRetryStrategy(max_attempts, backoff_time_millis, result_predicate, exception_predicate)

    @staticmethod
    def exponential_backoff(
        max_attempts: int,
        initial_delay: int,
        max_retry_delay: int,
        multiplier: float,
        result_predicate: Callable[[list[OUT]], bool] | None = None,
        exception_predicate: Callable[[Exception], bool] | None = None,
    ) -> _Strategy:
        from riverrun.datastream.async_retry_strategies import ExponentialBackoffDelayRetryStrategy

        return ExponentialBackoffDelayRetryStrategy(
            max_attempts, initial_delay, max_retry_delay, multiplier, result_predicate, exception_predicate
        )


class AsyncFunction(Function, Generic[IN, OUT]):
    """A call for each record that takes its time elsewhere."""

    @abstractmethod
    async def async_invoke(self, value: IN) -> list[OUT]:
        """Gives a list of results, also of a single one."""

    def timeout(self, value: IN) -> list[OUT]:
        """What stands in for a result that did not come in time. It raises, unless it is overridden."""
        raise TimeoutError(f"no result came in time for {value!r}; raise the timeout, or give the function a `timeout`")


class WindowFunction(Function, Generic[IN, OUT, KEY, W]):
    """Makes any number of records of the elements of a window."""

    @abstractmethod
    def apply(self, key: KEY, window: W, inputs: Iterable[IN]) -> Iterable[OUT]: ...


class AllWindowFunction(Function, Generic[IN, OUT, W]):
    """As `WindowFunction`, over all keys."""

    @abstractmethod
    def apply(self, window: W, inputs: Iterable[IN]) -> Iterable[OUT]: ...


class ProcessWindowFunction(Function, Generic[IN, OUT, KEY, W]):
    """As `WindowFunction`, with times and state."""

    class Context(ABC, Generic[W2]):
        """What is known of the window."""

        @abstractmethod
        def window(self) -> W2: ...

        @abstractmethod
        def current_processing_time(self) -> int: ...

        @abstractmethod
        def current_watermark(self) -> int: ...

        @abstractmethod
        def window_state(self) -> KeyedStateStore:
            """State of the window of the key."""

        @abstractmethod
        def global_state(self) -> KeyedStateStore:
            """State of the key, for all its windows."""

    @abstractmethod
    def process(self, key: KEY, context: ProcessWindowFunction.Context, elements: Iterable[IN]) -> Iterable[OUT]: ...

    def clear(self, context: ProcessWindowFunction.Context) -> None:
        """Called when the window is forgotten: the place to clear its state."""


class ProcessAllWindowFunction(Function, Generic[IN, OUT, W]):
    """As `ProcessWindowFunction`, over all keys."""

    class Context(ABC, Generic[W2]):
        """What is known of the window."""

        @abstractmethod
        def window(self) -> W2: ...

        @abstractmethod
        def window_state(self) -> KeyedStateStore: ...

        @abstractmethod
        def global_state(self) -> KeyedStateStore: ...

    @abstractmethod
    def process(self, context: ProcessAllWindowFunction.Context, elements: Iterable[IN]) -> Iterable[OUT]: ...

    def clear(self, context: ProcessAllWindowFunction.Context) -> None:
        """Called when the window is forgotten: the place to clear its state."""


class BaseBroadcastProcessFunction(Function):
    """What functions of broadcast state have in common."""

    class BaseContext(ABC):
        @abstractmethod
        def timestamp(self) -> int: ...

        @abstractmethod
        def current_processing_time(self) -> int: ...

        @abstractmethod
        def current_watermark(self) -> int: ...

    class Context(BaseContext):
        @abstractmethod
        def get_broadcast_state(self, state_descriptor: MapStateDescriptor) -> BroadcastState: ...

    class ReadOnlyContext(BaseContext):
        @abstractmethod
        def get_broadcast_state(self, state_descriptor: MapStateDescriptor) -> ReadOnlyBroadcastState: ...


class BroadcastProcessFunction(BaseBroadcastProcessFunction, Generic[IN1, IN2, OUT]):
    """Makes records of a stream with state that another stream broadcasts."""

    class Context(BaseBroadcastProcessFunction.Context, ABC):
        """For what is broadcast: its state can be changed."""

    class ReadOnlyContext(BaseBroadcastProcessFunction.ReadOnlyContext, ABC):
        """For the records: the state can be read."""

    @abstractmethod
    def process_element(self, value: IN1, ctx: BroadcastProcessFunction.ReadOnlyContext) -> Iterable[Any] | None: ...

    @abstractmethod
    def process_broadcast_element(self, value: IN2, ctx: BroadcastProcessFunction.Context) -> Iterable[Any] | None: ...


class KeyedBroadcastProcessFunction(BaseBroadcastProcessFunction, Generic[KEY, IN1, IN2, OUT]):
    """As `BroadcastProcessFunction`, of a stream with keys, whose state and timers it has too."""

    class Context(BaseBroadcastProcessFunction.Context, ABC):
        """For what is broadcast: its state can be changed."""

    class ReadOnlyContext(BaseBroadcastProcessFunction.ReadOnlyContext, ABC):
        """For the records: the state can be read."""

        @abstractmethod
        def timer_service(self) -> TimerService: ...

        @abstractmethod
        def get_current_key(self) -> KEY: ...

    class OnTimerContext(ReadOnlyContext, ABC):
        """For timers."""

        @abstractmethod
        def time_domain(self) -> TimeDomain: ...

    @abstractmethod
    def process_element(self, value: IN1, ctx: KeyedBroadcastProcessFunction.ReadOnlyContext) -> Iterable[Any] | None: ...

    @abstractmethod
    def process_broadcast_element(self, value: IN2, ctx: KeyedBroadcastProcessFunction.Context) -> Iterable[Any] | None: ...

    def on_timer(self, timestamp: int, ctx: KeyedBroadcastProcessFunction.OnTimerContext) -> Iterable[Any] | None:
        """Called for a timer of the key when its time has come."""
