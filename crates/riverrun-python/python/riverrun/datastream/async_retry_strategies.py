"""When an async call is made again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from riverrun.datastream.functions import OUT, AsyncRetryPredicate, AsyncRetryStrategy
from riverrun.exceptions import BadInput

__all__ = ["ExponentialBackoffDelayRetryStrategy", "FixedDelayRetryStrategy", "NoRetryStrategy", "RetryPredicate"]


def _positive(value, what: str):
    if not value > 0:
        raise BadInput(f"the {what} of a retry strategy is {value}; give more than 0")
    return value


class RetryPredicate(AsyncRetryPredicate[OUT]):
    """Two functions, each of which may be missing."""

    def __init__(self, result_predicate, exception_predicate):
        self._result_predicate = result_predicate
        self._exception_predicate = exception_predicate

    def result_predicate(self) -> Callable[[Any], bool] | None:
        return self._result_predicate

    def exception_predicate(self) -> Callable[[Any], bool] | None:
        return self._exception_predicate


class NoRetryStrategy(AsyncRetryStrategy[OUT]):
    """No call is made again."""

    def can_retry(self, current_attempts: int) -> bool:
        return False

    def get_backoff_time_millis(self, current_attempts: int) -> int:
        return -1

    def get_retry_predicate(self) -> AsyncRetryPredicate[OUT]:
        return RetryPredicate(None, None)


class FixedDelayRetryStrategy(AsyncRetryStrategy[OUT]):
    """The same delay before each further call, so many times at most.

    >>> FixedDelayRetryStrategy(2, 100, None, None).can_retry(3)
    False
    """

    def __init__(self, max_attempts: int, backoff_time_millis: int, result_predicate=None, exception_predicate=None):
        self._max_attempts = _positive(max_attempts, "number of attempts")
        self._backoff_time_millis = _positive(backoff_time_millis, "delay in milliseconds")
        self._predicate = RetryPredicate(result_predicate, exception_predicate)

    def can_retry(self, current_attempts: int) -> bool:
        return current_attempts <= self._max_attempts

    def get_backoff_time_millis(self, current_attempts: int) -> int:
        return self._backoff_time_millis

    def get_retry_predicate(self) -> AsyncRetryPredicate[OUT]:
        return self._predicate


class ExponentialBackoffDelayRetryStrategy(AsyncRetryStrategy[OUT]):
    """A delay that grows with each further call.

    The delay follows from the number of the attempt alone; PyFlink's remembers the last one, for whichever record it was.

    >>> [ExponentialBackoffDelayRetryStrategy(9, 100, 500, 2.0).get_backoff_time_millis(n) for n in (1, 2, 3, 4)]
    [100, 200, 400, 500]
    """

    def __init__(
        self,
        max_attempts: int,
        initial_delay: int,
        max_retry_delay: int,
        multiplier: float,
        result_predicate=None,
        exception_predicate=None,
    ):
        self._max_attempts = _positive(max_attempts, "number of attempts")
        self._initial_delay = _positive(initial_delay, "first delay in milliseconds")
        self._max_retry_delay = _positive(max_retry_delay, "longest delay in milliseconds")
        self._multiplier = _positive(multiplier, "multiplier")
        self._predicate = RetryPredicate(result_predicate, exception_predicate)

    def can_retry(self, current_attempts: int) -> bool:
        return current_attempts <= self._max_attempts

    def get_backoff_time_millis(self, current_attempts: int) -> int:
        delay = self._initial_delay
        for _ in range(1, current_attempts):
            delay = min(delay * self._multiplier, self._max_retry_delay)
            if delay == self._max_retry_delay:
                break
        return int(delay)

    def get_retry_predicate(self) -> AsyncRetryPredicate[OUT]:
        return self._predicate


NO_RETRY_STRATEGY: AsyncRetryStrategy = NoRetryStrategy()
