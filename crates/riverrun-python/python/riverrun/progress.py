"""How far a long call is, for a person who waits."""

from __future__ import annotations

import sys
import time
from typing import Any

__all__: list[str] = []

_WIDTH = 32
_EVERY = 0.1


class Progress:
    """A bar on standard error: at a terminal or in a notebook, and for what takes longer than a moment."""

    def __init__(self, total: int, unit: str, shown: bool | None) -> None:
        self._total = total
        self._unit = unit
        self._shown = _watched() if shown is None else shown
        self._begun = time.monotonic()
        self._drawn = self._begun
        self._done = 0
        self._length = 0

    def __enter__(self) -> Progress:
        return self

    def advance(self, count: int) -> None:
        """Says that so many more are done."""
        self._done += count
        now = time.monotonic()
        if self._shown and (now - self._drawn >= _EVERY or self._done == self._total):
            self._drawn = now
            self._draw(now - self._begun)

    def __exit__(self, *_: Any) -> None:
        if self._length:
            sys.stderr.write("\n")
            sys.stderr.flush()

    def _draw(self, seconds: float) -> None:
        part = self._done / self._total if self._total else 1.0
        filled = int(part * _WIDTH)
        rate = self._done / seconds if seconds > 0 else 0.0
        line = (
            f"{'━' * filled}{'─' * (_WIDTH - filled)}  {part:4.0%}  {self._done:,} of {self._total:,} {self._unit} · {rate:,.0f}/s"
        )
        if 0 < self._done < self._total and rate:
            line += f" · {(self._total - self._done) / rate:,.0f} s left"
        # Blanks over the rest of the line before.
        sys.stderr.write("\r" + line.ljust(self._length))
        sys.stderr.flush()
        self._length = len(line)


def _watched() -> bool:
    try:
        if sys.stderr.isatty():
            return True
    except (AttributeError, ValueError):
        # No standard error, or a closed one.
        return False
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return type(shell).__name__ == "ZMQInteractiveShell"
