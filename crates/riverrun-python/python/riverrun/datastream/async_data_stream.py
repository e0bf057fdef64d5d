"""Streams through calls that take their time elsewhere."""

from __future__ import annotations

from riverrun.common.time import Time, millis_of
from riverrun.common.typeinfo import TypeInformation
from riverrun.datastream import _calls
from riverrun.datastream._async_calls import AsyncCalls
from riverrun.datastream._declared import _description, _positive, _type
from riverrun.datastream.data_stream import DataStream
from riverrun.datastream.functions import AsyncFunction, AsyncRetryStrategy
from riverrun.exceptions import BadInput

__all__ = ["AsyncDataStream"]


class AsyncDataStream:
    """Calls an `AsyncFunction` for every record of a stream without waiting in between.

    >>> import asyncio
    >>> from riverrun.datastream import StreamExecutionEnvironment
    >>> class Double(AsyncFunction):
    ...     async def async_invoke(self, value):
    ...         await asyncio.sleep(0.001)
    ...         return [2 * value]
    >>> env = StreamExecutionEnvironment.get_execution_environment().set_parallelism(1)
    >>> doubled = AsyncDataStream.ordered_wait(env.from_collection([1, 2, 3]), Double(), Time.seconds(5))
    >>> sorted(doubled.execute_and_collect())
    [2, 4, 6]
    """

    @staticmethod
    def unordered_wait(
        data_stream: DataStream,
        async_function: AsyncFunction,
        timeout: Time,
        capacity: int = 100,
        output_type: TypeInformation | None = None,
    ) -> DataStream:
        """Results come as soon as they are there; they never overtake a watermark."""
        return _wait(data_stream, async_function, timeout, None, capacity, output_type, False)

    @staticmethod
    def unordered_wait_with_retry(
        data_stream: DataStream,
        async_function: AsyncFunction,
        timeout: Time,
        async_retry_strategy: AsyncRetryStrategy,
        capacity: int = 100,
        output_type: TypeInformation | None = None,
    ) -> DataStream:
        """As `unordered_wait`; calls are made again as the strategy says, within the timeout."""
        return _wait(data_stream, async_function, timeout, async_retry_strategy, capacity, output_type, False)

    @staticmethod
    def ordered_wait(
        data_stream: DataStream,
        async_function: AsyncFunction,
        timeout: Time,
        capacity: int = 100,
        output_type: TypeInformation | None = None,
    ) -> DataStream:
        """Results come in the order of their records."""
        return _wait(data_stream, async_function, timeout, None, capacity, output_type, True)

    @staticmethod
    def ordered_wait_with_retry(
        data_stream: DataStream,
        async_function: AsyncFunction,
        timeout: Time,
        async_retry_strategy: AsyncRetryStrategy,
        capacity: int = 100,
        output_type: TypeInformation | None = None,
    ) -> DataStream:
        """As `ordered_wait`; calls are made again as the strategy says, within the timeout."""
        return _wait(data_stream, async_function, timeout, async_retry_strategy, capacity, output_type, True)


def _wait(stream, function, timeout, strategy, capacity, output_type, is_ordered) -> DataStream:
    _calls.require(stream, DataStream, "AsyncDataStream")
    _calls.require(function, AsyncFunction, "AsyncDataStream")
    if strategy is not None:
        _calls.require(strategy, AsyncRetryStrategy, "AsyncDataStream")
    millis = millis_of(timeout, "timeout")
    if millis <= 0:
        raise BadInput(f"the timeout of async calls is {millis} ms; give at least 1 ms")
    _positive(capacity, "capacity")
    call, type_info = AsyncCalls(function, strategy), _type(output_type)

    def build(graph, native):
        return native.async_wait(call, _description(type_info), is_ordered, millis, capacity)

    return stream._values()._derive("Async Wait", build, type_info)
