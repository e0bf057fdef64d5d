"""The end of the process while threads of Rust are inside the user's Python code.

Python ends a thread that wants the interpreter after it was shut down in a way that code in Rust cannot survive. So, before the shutdown,
such threads are told to leave: an exception is raised where they are, and they have a moment to come out.
"""

from __future__ import annotations

import atexit
import os
import time
from _thread import get_ident

from riverrun import _native

__all__: list[str] = []

_PATIENCE = 2.0

_inside: dict[int, int] = {}

_deadline: float | None = None

# A forked child has none of the threads of its parent.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_inside.clear)


def enter() -> None:
    """The calling thread goes into the user's code."""
    ident = get_ident()
    _inside[ident] = _inside.get(ident, 0) + 1


def leave() -> None:
    """It has come out again."""
    ident = get_ident()
    _inside[ident] -= 1
    if not _inside[ident]:
        del _inside[ident]


def _threads() -> set[int]:
    """Those of runners and of jobs that are inside."""
    return {*_inside, *_native.threads_inside()}


def _end() -> None:
    _tell()
    # From here on nobody comes in.
    _native.close_gate()


def _tell() -> None:
    if not _threads():
        return
    import ctypes

    told = ctypes.pythonapi.PyThreadState_SetAsyncExc
    # Who has not come out by then will not when told again.
    global _deadline
    _deadline = _deadline or time.monotonic() + _PATIENCE
    while (inside := _threads()) and time.monotonic() < _deadline:
        for ident in inside:
            if ident != get_ident():
                told(ctypes.c_ulong(ident), ctypes.py_object(SystemExit))
        time.sleep(0.01)


atexit.register(_end)
