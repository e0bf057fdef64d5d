"""How a stream gets timestamps and watermarks."""

from __future__ import annotations

import abc
from typing import Any

from riverrun.common.time import Duration, millis_of
from riverrun.exceptions import NotSupported

__all__ = ["AssignerWithPeriodicWatermarksWrapper", "TimestampAssigner", "WatermarkStrategy"]


class TimestampAssigner(abc.ABC):
    """Says when a record happened."""

    @abc.abstractmethod
    def extract_timestamp(self, value: Any, record_timestamp: int) -> int:
        """Milliseconds since 1970. ``record_timestamp`` is what the record had before, the lowest there is if it had none."""


class WatermarkStrategy:
    """Timestamps and watermarks of a stream.

    >>> class Second(TimestampAssigner):
    ...     def extract_timestamp(self, value, record_timestamp):
    ...         return value[1]
    >>> WatermarkStrategy.for_bounded_out_of_orderness(Duration.of_seconds(5)).with_timestamp_assigner(Second())
    WatermarkStrategy(bounded, 5000 ms)
    """

    def __init__(self, kind: str, millis: int = 0):
        self._kind = kind
        self._millis = millis
        self._idleness_millis: int | None = None
        self._assigner: TimestampAssigner | None = None

    def _copy(self, **changes) -> WatermarkStrategy:
        copy = WatermarkStrategy(self._kind, self._millis)
        copy.__dict__.update(self.__dict__ | changes)
        return copy

    def with_timestamp_assigner(self, timestamp_assigner: TimestampAssigner) -> WatermarkStrategy:
        """With the timestamps that this assigner extracts."""
        if not callable(getattr(timestamp_assigner, "extract_timestamp", None)):
            raise TypeError(f"{timestamp_assigner!r} is not a `TimestampAssigner`: it has no `extract_timestamp`")
        return self._copy(_assigner=timestamp_assigner)

    def with_idleness(self, idle_timeout: Duration) -> WatermarkStrategy:
        """A source that gives nothing for so long does not hold back the watermark."""
        return self._copy(_idleness_millis=millis_of(idle_timeout, "idle timeout"))

    def with_watermark_alignment(
        self, watermark_group: str, max_allowed_watermark_drift: Duration, update_interval: Duration | None = None
    ) -> WatermarkStrategy:
        raise NotSupported("watermark alignment is not supported on the local host; leave it out")

    @staticmethod
    def for_monotonous_timestamps() -> WatermarkStrategy:
        """For timestamps that never go back."""
        return WatermarkStrategy("monotonous")

    @staticmethod
    def for_bounded_out_of_orderness(max_out_of_orderness: Duration) -> WatermarkStrategy:
        """For records that are late by so much at most."""
        millis = millis_of(max_out_of_orderness, "bound on how late records are")
        if millis < 0:
            raise ValueError(f"the bound on how late records are is {millis} ms; give at least 0")
        return WatermarkStrategy("bounded", millis)

    @staticmethod
    def no_watermarks() -> WatermarkStrategy:
        """For streams without event time."""
        return WatermarkStrategy("none")

    def __repr__(self):
        return f"WatermarkStrategy({self._kind}{f', {self._millis} ms' if self._kind == 'bounded' else ''})"


class AssignerWithPeriodicWatermarksWrapper:
    """PyFlink's handle of a Java class."""

    def __init__(self, j_assigner_with_periodic_watermarks):
        raise NotSupported("assigners written in Java run inside Flink only; use a `TimestampAssigner`")
