"""Intervals and points of time."""

from __future__ import annotations

from typing import Any

__all__ = ["Duration", "Instant", "Time"]


class Duration:
    """An interval of time, to the nanosecond.

    >>> Duration.of_seconds(2).to_millis()
    2000
    """

    def __init__(self, nanos: int):
        self._nanos = nanos

    @staticmethod
    def of_days(days: int) -> Duration:
        return Duration.of_hours(24 * days)

    @staticmethod
    def of_hours(hours: int) -> Duration:
        return Duration.of_minutes(60 * hours)

    @staticmethod
    def of_minutes(minutes: int) -> Duration:
        return Duration.of_seconds(60 * minutes)

    @staticmethod
    def of_seconds(seconds: int) -> Duration:
        return Duration.of_millis(1000 * seconds)

    @staticmethod
    def of_millis(millis: int) -> Duration:
        return Duration.of_nanos(1_000_000 * millis)

    @staticmethod
    def of_nanos(nanos: int) -> Duration:
        return Duration(nanos)

    def to_millis(self) -> int:
        """The whole milliseconds."""
        return self._nanos // 1_000_000

    def __eq__(self, other):
        return isinstance(other, Duration) and self._nanos == other._nanos

    def __hash__(self):
        return hash(self._nanos)

    def __repr__(self):
        return f"Duration({self._nanos / 1e9:g} s)"


class Instant:
    """A point of time, to the nanosecond, as seconds since 1970 and the nanoseconds after them.

    >>> Instant.of_epoch_milli(1500)
    Instant<1, 500000000>
    """

    def __init__(self, seconds: int, nanos: int):
        self.seconds = seconds
        self.nanos = nanos

    def to_epoch_milli(self) -> int:
        """Milliseconds since 1970."""
        return self.seconds * 1000 + self.nanos // 1_000_000

    @staticmethod
    def of_epoch_milli(epoch_milli: int) -> Instant:
        seconds, millis = divmod(epoch_milli, 1000)
        return Instant(seconds, millis * 1_000_000)

    def __eq__(self, other):
        return isinstance(other, Instant) and (self.seconds, self.nanos) == (other.seconds, other.nanos)

    def __hash__(self):
        return hash((self.seconds, self.nanos))

    def __repr__(self):
        return f"Instant<{self.seconds}, {self.nanos}>"


class Time:
    """An interval of time, to the millisecond.

    >>> str(Time.seconds(5))
    '5000 ms'
    """

    def __init__(self, milliseconds: int):
        self._milliseconds = milliseconds

    def to_milliseconds(self) -> int:
        return self._milliseconds

    @staticmethod
    def milliseconds(milliseconds: int) -> Time:
        return Time(milliseconds)

    @staticmethod
    def seconds(seconds: int) -> Time:
        return Time(1000 * seconds)

    @staticmethod
    def minutes(minutes: int) -> Time:
        return Time.seconds(60 * minutes)

    @staticmethod
    def hours(hours: int) -> Time:
        return Time.minutes(60 * hours)

    @staticmethod
    def days(days: int) -> Time:
        return Time.hours(24 * days)

    def __eq__(self, other):
        return isinstance(other, Time) and self._milliseconds == other._milliseconds

    def __hash__(self):
        return hash(self._milliseconds)

    def __str__(self):
        return f"{self._milliseconds} ms"

    def __repr__(self):
        return f"Time({self._milliseconds} ms)"


def millis_of(time: Any, what: str) -> int:
    """The milliseconds of a `Time`, a `Duration` or a number of them.

    >>> millis_of(Time.seconds(1), "timeout")
    1000
    """
    if isinstance(time, Time):
        return time.to_milliseconds()
    if isinstance(time, Duration):
        return time.to_millis()
    if isinstance(time, int) and not isinstance(time, bool):
        return time
    raise TypeError(f"the {what} is {time!r}; give a `Time`, a `Duration` or a number of milliseconds")
