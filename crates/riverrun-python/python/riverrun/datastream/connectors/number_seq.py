"""Numbers in sequence."""

from __future__ import annotations

from riverrun.datastream.connectors.base import Source
from riverrun.exceptions import BadInput

__all__ = ["NumberSequenceSource"]


class NumberSequenceSource(Source):
    """The numbers from ``start`` to ``end``, both included, read by all subtasks."""

    def __init__(self, start: int, end: int):
        if start > end:
            raise BadInput(f"a sequence of numbers goes from {start} to {end}; the end has to be at or above the start")
        self._start, self._end = start, end

    def _read(self, native):
        if self._start < 0:
            return native.read_sequence(range(self._start, self._end + 1), None)
        return native.read_numbers(self._start, self._end)
