"""Async functions: order, timeouts, retries."""

import asyncio
import functools
import threading
import time

import pytest

from riverrun.common import Time, Types
from riverrun.datastream import AsyncDataStream, AsyncFunction, AsyncRetryStrategy, async_retry_predicates
from riverrun.datastream.exceptions import JobExecutionError
from riverrun.exceptions import BadInput, BadInputType

from programs import results

SECONDS = Time.seconds(20)


class Sleep(AsyncFunction):
    """Later for lesser numbers."""

    async def async_invoke(self, value):
        await asyncio.sleep((10 - value) / 100)
        return [value]


def test_ordered_results_keep_the_order_and_unordered_ones_come_as_they_are_there(env):
    numbers = env.from_collection(range(10))

    assert results(AsyncDataStream.ordered_wait(numbers, Sleep(), SECONDS)) == list(range(10))
    assert results(AsyncDataStream.unordered_wait(numbers, Sleep(), SECONDS)) == list(range(9, -1, -1))


def test_calls_overlap_up_to_the_capacity(env):
    class Watch(AsyncFunction):
        under_way, most = 0, 0

        async def async_invoke(self, value):
            Watch.under_way += 1
            Watch.most = max(Watch.most, Watch.under_way)
            await asyncio.sleep(0.02)
            Watch.under_way -= 1
            return []

    assert results(AsyncDataStream.unordered_wait(env.from_collection(range(20)), Watch(), SECONDS, capacity=4)) == []
    assert Watch.most == 4


def test_a_call_gives_any_number_of_results_of_the_declared_type(env):
    class Repeat(AsyncFunction):
        async def async_invoke(self, value):
            return [value] * value

    numbers = env.from_collection([0, 2])

    assert results(AsyncDataStream.ordered_wait(numbers, Repeat(), SECONDS, output_type=Types.INT())) == [2, 2]
    with pytest.raises(JobExecutionError) as raised:
        results(AsyncDataStream.ordered_wait(numbers, Repeat(), SECONDS, output_type=Types.STRING()))
    assert isinstance(raised.value.__cause__, TypeError)


class Never(AsyncFunction):
    def __init__(self, stand_in=None):
        self.stand_in = stand_in

    async def async_invoke(self, value):
        await asyncio.sleep(3600)

    def timeout(self, value):
        return super().timeout(value) if self.stand_in is None else [self.stand_in]


def test_a_timeout_fails_the_job_or_has_another_value_stand_in(env):
    numbers = env.from_collection([7])

    assert results(AsyncDataStream.ordered_wait(numbers, Never("late"), Time.milliseconds(50))) == ["late"]
    with pytest.raises(JobExecutionError) as raised:
        results(AsyncDataStream.ordered_wait(numbers, Never(), Time.milliseconds(50)))
    assert isinstance(raised.value.__cause__, TimeoutError)


def test_a_call_that_timed_out_is_cancelled(env):
    cancelled = threading.Event()

    class Wait(Never):
        async def async_invoke(self, value):
            try:
                await asyncio.sleep(3600)
            finally:
                cancelled.set()

    results(AsyncDataStream.unordered_wait(env.from_collection([1]), Wait("late"), Time.milliseconds(50)))

    assert cancelled.wait(5)


class Flaky(AsyncFunction):
    """Fails, or finds nothing, so many times."""

    def __init__(self, times, raises=TimeoutError):
        self.left, self.raises = times, raises

    async def async_invoke(self, value):
        self.left -= 1
        if self.left < 0:
            return [value]
        if self.raises is None:
            return []
        raise self.raises("not yet")


def retry(attempts, **predicates):
    return AsyncRetryStrategy.fixed_delay(attempts, 5, **{"result_predicate": None, "exception_predicate": None, **predicates})


def test_calls_are_made_again_as_the_strategy_says(env):
    numbers = env.from_collection([1])
    on_timeout = functools.partial(async_retry_predicates.exception_type_predicate, expected_error_type=TimeoutError)

    def wait(function, strategy):
        return results(AsyncDataStream.unordered_wait_with_retry(numbers, function, SECONDS, strategy))

    assert wait(Flaky(2), retry(2, exception_predicate=on_timeout)) == [1]
    assert wait(Flaky(2, None), retry(2, result_predicate=async_retry_predicates.empty_result_predicate)) == [1]
    assert wait(Flaky(1, None), AsyncRetryStrategy.no_restart()) == []
    for function, strategy in [
        (Flaky(3), retry(2, exception_predicate=on_timeout)),
        (Flaky(1, KeyError), retry(2, exception_predicate=on_timeout)),
        (Flaky(1), AsyncRetryStrategy.no_restart()),
    ]:
        with pytest.raises(JobExecutionError) as raised:
            wait(function, strategy)
        assert isinstance(raised.value.__cause__, function.raises)


def test_a_strategy_of_ones_own_and_a_growing_delay_are_followed(env):
    delays = []

    class Own(AsyncRetryStrategy):
        def can_retry(self, current_attempts):
            return current_attempts <= 3

        def get_backoff_time_millis(self, current_attempts):
            delays.append(current_attempts)
            return 1

        def get_retry_predicate(self):
            return retry(1, exception_predicate=async_retry_predicates.has_exception_predicate).get_retry_predicate()

    numbers = env.from_collection([1])
    growing = AsyncRetryStrategy.exponential_backoff(5, 10, 40, 2.0, None, async_retry_predicates.has_exception_predicate)
    start = time.monotonic()

    assert results(AsyncDataStream.ordered_wait_with_retry(numbers, Flaky(3), SECONDS, Own())) == [1]
    assert delays == [1, 2, 3]
    assert results(AsyncDataStream.ordered_wait_with_retry(numbers, Flaky(3), SECONDS, growing)) == [1]
    assert time.monotonic() - start >= 0.07


def test_a_timeout_that_comes_between_two_attempts_is_a_timeout(env):
    class Sulk(Never):
        async def async_invoke(self, value):
            raise KeyError(value)

    long = AsyncRetryStrategy.fixed_delay(9, 60_000, None, async_retry_predicates.has_exception_predicate)
    stream = AsyncDataStream.ordered_wait_with_retry(env.from_collection([1]), Sulk("late"), Time.milliseconds(80), long)

    assert results(stream) == ["late"]


def test_a_call_that_raises_or_gives_no_list_fails_the_job_with_its_cause(env):
    class Wrong(AsyncFunction):
        async def async_invoke(self, value):
            return value

    class Raise(AsyncFunction):
        async def async_invoke(self, value):
            return {}[value]

    numbers = env.from_collection([1])
    for function, cause in [(Wrong(), TypeError), (Raise(), KeyError)]:
        with pytest.raises(JobExecutionError) as raised:
            results(AsyncDataStream.ordered_wait(numbers, function, SECONDS))
        assert isinstance(raised.value.__cause__, cause)
        assert raised.value.__cause__.__traceback__ is not None or cause is TypeError


def test_an_async_function_is_opened_and_closed_and_leaves_no_thread(env):
    told = []

    class Told(AsyncFunction):
        def open(self, runtime_context):
            told.append("open")

        async def async_invoke(self, value):
            return [value]

        def close(self):
            told.append("close")

    assert results(AsyncDataStream.ordered_wait(env.from_collection([1]), Told(), SECONDS)) == [1]
    assert told == ["open", "close"]
    deadline = time.monotonic() + 5
    while any(thread.name == "riverrun-async" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_cannot_be_is_refused_where_it_is_said(env):
    numbers = env.from_collection([1])
    with pytest.raises(BadInputType, match="AsyncFunction"):
        AsyncDataStream.ordered_wait(numbers, lambda value: value, SECONDS)
    with pytest.raises(BadInput, match="timeout"):
        AsyncDataStream.ordered_wait(numbers, Sleep(), Time.seconds(0))
    with pytest.raises(BadInput, match="capacity"):
        AsyncDataStream.ordered_wait(numbers, Sleep(), SECONDS, capacity=0)
    with pytest.raises(BadInput, match="attempts"):
        AsyncRetryStrategy.fixed_delay(0, 1, None, None)
